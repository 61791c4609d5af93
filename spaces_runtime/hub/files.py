"""Downloads: /resolve/ gives content, /raw/ what git has (a pointer, for large files)."""

from __future__ import annotations

from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import EntryMissing
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.repo import Entry
from spaces_runtime.hub.asked import Asked, asked, web
from spaces_runtime.hub.downloads import counted
from spaces_runtime.hub.serve_file import Content, serve
from spaces_runtime.hub.wire import fault_response, unquoted

router = APIRouter()


@web(router, "/resolve/{rev}/{path:path}", "GET", "HEAD")
async def resolve(request: Request) -> Response:
    """The content of a file, wherever it is stored."""
    return await _answer(request, raw=False)


@web(router, "/raw/{rev}/{path:path}", "GET", "HEAD")
async def raw(request: Request) -> Response:
    """The file as git has it."""
    return await _answer(request, raw=True)


async def _answer(request: Request, *, raw: bool) -> Response:
    found = await asked(request, Verb.FETCH)
    revision = await found.revision(request)
    headers: dict[str, str] = {"X-Repo-Commit": revision}
    path = unquoted(request.path_params["path"])
    try:
        entry = await found.desk.repos.entry(found.repo.id, revision, path)
        content = await _content(found, revision, entry, raw=raw)
    except EntryMissing as fault:
        return fault_response(request, fault, headers)  # clients remember the absence at this commit
    if entry.lfs and not raw:
        headers |= {"X-Linked-Etag": f'"{entry.lfs.sha256}"', "X-Linked-Size": str(entry.lfs.size)}
    return counted(request, found.repo, serve(request, content, headers))


async def _content(found: Asked, revision: RevisionId, entry: Entry, *, raw: bool) -> Content:
    if entry.folder:
        raise EntryMissing(entry.path)
    name = PurePosixPath(entry.path).name
    if entry.lfs is None or raw:
        source = await found.desk.repos.read(found.repo.id, revision, entry.path)
        return Content(name=name, size=len(source), etag=entry.oid, source=source, pointer=entry.lfs is not None)
    if not await found.desk.blobs.holds(found.repo.id, entry.lfs.sha256):
        raise EntryMissing(entry.path, f"The content of {entry.path} was never uploaded, only its LFS pointer")
    size = await found.desk.blobs.size(entry.lfs.sha256)
    return Content(name=name, size=size, etag=entry.lfs.sha256, source=found.desk.blobs.path(entry.lfs.sha256))
