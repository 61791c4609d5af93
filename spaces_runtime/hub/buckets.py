"""Buckets over the API: create, info, list, delete, settings, their files, and the way to their content."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.bucket import EMPTY
from spaces_runtime.domain.errors import EntryMissing, Fault, Taken
from spaces_runtime.domain.operations.buckets import change_bucket
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.repos import NewRepo, create_repo, delete_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.hub.asked import Asked
from spaces_runtime.hub.bucket_lines import bucket_json, entry_json, read_batch
from spaces_runtime.hub.identity import desk, person, signed_in
from spaces_runtime.hub.serve_file import Content, serve
from spaces_runtime.hub.wire import body, endpoint, flag, next_link, number, one_line, told, unquoted
from spaces_runtime.hub.xet import grant

router = APIRouter()
BUCKET: Final = "/api/buckets/{namespace}/{name}"
PAGE: Final = 1000
ME: Final = "me"  # as a namespace: the caller's own


@router.post(BUCKET)
async def create(request: Request) -> Response:
    """`{visibility? | private?}`; a region is wherever this hub is."""
    who = await signed_in(request)
    namespace, name = await _named(request)
    new = NewRepo(kind=Kind.BUCKET, namespace=namespace, name=name, visibility=_visibility(await body(request)))
    url = f"{endpoint(request)}/buckets/"
    try:
        bucket = await create_repo(desk(request), who, new, time.time())
    except Taken as taken:
        answer = {"error": taken.why, "url": f"{url}{namespace}/{name}"}  # clients read the url also here
        return JSONResponse(answer, taken.status, headers={"X-Error-Message": one_line(taken.why)})
    return JSONResponse({"url": url + bucket.full, "name": bucket.full, "id": bucket.id})


def _visibility(wanted: dict[str, Any]) -> Visibility:
    """Raises: Fault."""
    word = wanted.get("visibility")
    if word is None:
        return Visibility.PRIVATE if wanted.get("private") is True else Visibility.PUBLIC
    found = {"public": Visibility.PUBLIC, "private": Visibility.PRIVATE}.get(word if isinstance(word, str) else "")
    if found is None:
        raise Fault(what="read the request", why=f"a bucket cannot be {word!r}", then="It is public or private.")
    return found


@router.get("/api/buckets/{namespace}")
async def listing(request: Request) -> JSONResponse:
    """Those of a namespace that this person may see, by name."""
    who = await signed_in(request) if _is_me(request) else await person(request)
    namespace = who.name if who and _is_me(request) else unquoted(request.path_params["namespace"])
    found = await desk(request).index.listing(Kind.BUCKET, namespace=namespace, search="")
    words, after = told(request, "search").lower(), told(request, "cursor")
    seen = sorted((b for b in found if may(who, Verb.READ, b) and words in b.name.lower()), key=lambda b: b.name)
    rest = [bucket for bucket in seen if bucket.name > after]
    limit = number(request, "limit", default=PAGE, most=PAGE)
    page, cursor = rest[:limit], rest[limit - 1].name if len(rest) > limit else ""
    sizes = await desk(request).buckets.size([bucket.id for bucket in page])
    rows = [bucket_json(bucket, sizes[bucket.id]) for bucket in page]
    return JSONResponse(rows, headers=next_link(request, cursor))


@router.get(BUCKET)
async def info(request: Request) -> dict[str, Any]:
    """What it is, and how much is in it."""
    return await _shown(await asked_bucket(request, Verb.READ))


@router.delete(BUCKET)
async def delete(request: Request) -> dict[str, bool]:
    """With all that is in it."""
    found = await asked_bucket(request, Verb.DELETE)
    await delete_repo(found.desk, found.who, found.repo)
    return {"success": True}


@router.put(BUCKET + "/settings")
async def change(request: Request) -> dict[str, Any]:
    """`{private? | visibility?}`."""
    found = await asked_bucket(request, Verb.WRITE)
    wanted = await body(request)
    if wanted.keys() & {"private", "visibility"}:
        by = found.who.name if found.who else ""
        await found.desk.index.set_visibility(found.repo.id, _visibility(wanted), by=by)
    return await _shown(await asked_bucket(request, Verb.READ))


@router.get(BUCKET + "/tree")
@router.get(BUCKET + "/tree/{prefix:path}")
async def tree(request: Request) -> JSONResponse:
    """Files below a prefix; with the folders of one level when not recursive."""
    found = await asked_bucket(request, Verb.READ)
    page, cursor = await found.desk.buckets.listing(
        found.repo.id,
        unquoted(request.path_params.get("prefix", "")),
        recursive=flag(request, "recursive"),
        after=told(request, "cursor"),
        limit=number(request, "limit", default=PAGE, most=PAGE),
    )
    return JSONResponse([entry_json(entry) for entry in page], headers=next_link(request, cursor))


@router.post(BUCKET + "/paths-info")
async def paths_info(request: Request) -> list[dict[str, Any]]:
    """`{paths}`; those that are files, in the order in which they were asked for."""
    found = await asked_bucket(request, Verb.READ)
    paths = _paths(await body(request))
    files = {file.path: file for file in await found.desk.buckets.files(found.repo.id, paths)}
    return [entry_json(files[path]) for path in dict.fromkeys(paths) if path in files]


def _paths(wanted: dict[str, Any]) -> Sequence[str]:
    paths = wanted.get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Fault(what="read the request", why="paths must be a list of strings")
    return paths


@router.post(BUCKET + "/batch")
async def batch(request: Request) -> JSONResponse:
    """Lines of addFile, copyFile and deleteFile; 422 when nothing of it could be done."""
    found = await asked_bucket(request, Verb.WRITE)
    assert found.who is not None  # noqa: S101 - nobody may write without a name
    wanted = await read_batch(request.stream())
    refused = await change_bucket(found.desk, found.who, found.repo, wanted, time.time())
    status = HTTPStatus.UNPROCESSABLE_ENTITY if len(refused) == len(wanted) else HTTPStatus.OK
    failed = [{"path": each.path, "error": each.why} for each in refused]
    done = len(wanted) - len(refused)
    return JSONResponse({"success": not failed, "processed": done, "failed": failed}, status_code=status)


@router.get(BUCKET + "/xet-write-token")
async def write_token(request: Request) -> Response:
    """Leave to upload what will be files of this bucket."""
    found = await asked_bucket(request, Verb.WRITE)
    return grant(request, found.repo.id, found.who, Verb.WRITE)


@router.get(BUCKET + "/xet-read-token")
async def read_token(request: Request) -> Response:
    """Leave to read what this bucket has."""
    found = await asked_bucket(request, Verb.FETCH)
    return grant(request, found.repo.id, found.who, Verb.READ)


@router.api_route("/buckets/{namespace}/{name}/resolve/{path:path}", methods=["GET", "HEAD"])
async def resolve(request: Request) -> Response:
    """A file: its bytes, and for Xet clients where else they are. The path may be one segment."""
    found = await asked_bucket(request, Verb.FETCH)
    path = unquoted(request.path_params["path"])
    files = await found.desk.buckets.files(found.repo.id, [path])
    if not files:
        raise EntryMissing(path)
    file = files[0]
    source = b"" if file.sha256 == EMPTY else found.desk.blobs.path(file.sha256)
    content = Content(name=PurePosixPath(path).name, size=file.size, etag=file.sha256, source=source)
    headers = {
        "X-Xet-Hash": file.xet,
        "Link": f'<{endpoint(request)}/api/buckets/{found.repo.full}/xet-read-token>; rel="xet-auth"',
        "X-Linked-Size": str(file.size),
        "X-Linked-Etag": f'"{file.sha256}"',
    }
    return serve(request, content, headers)


async def asked_bucket(request: Request, verb: Verb) -> Asked:
    """In the contract's order: who asks, then the bucket, then the right.

    Raises:
        see find_repo().
    """
    who: Person | None = await person(request)
    namespace, name = await _named(request)
    bucket: Repo = await find_repo(desk(request), who, Kind.BUCKET, namespace, name, verb)
    return Asked(desk=desk(request), who=who, repo=bucket)


async def _named(request: Request) -> tuple[str, str]:
    namespace = (await signed_in(request)).name if _is_me(request) else unquoted(request.path_params["namespace"])
    return namespace, unquoted(request.path_params["name"])


def _is_me(request: Request) -> bool:
    return bool(request.path_params["namespace"] == ME)


async def _shown(found: Asked) -> dict[str, Any]:
    bucket = await found.desk.index.by_id(found.repo.id) or found.repo
    return bucket_json(bucket, (await found.desk.buckets.size([bucket.id]))[bucket.id])
