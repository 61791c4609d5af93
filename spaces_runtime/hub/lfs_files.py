"""The large files of a repo as a whole: listed, deleted for good, copied to another repo without moving a byte."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing
from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.domain.repo import LargeFile, Repo
from spaces_runtime.hub.asked import Asked, api, asked
from spaces_runtime.hub.lfs import OID
from spaces_runtime.hub.repo_json import page_of
from spaces_runtime.hub.wire import body, iso, kind_of, next_link, number, text_of, told

router = APIRouter()
PAGE = 100
MOST_PAGE = 1000
MOST = 1000  # files of one request; clients send at most so many
NOWHERE = LargeFile(path="", ref="")


@api(router, "/lfs-files", "GET")
async def listing(request: Request) -> JSONResponse:
    """What the repo holds, also what only old commits name, or none: for those who may delete it."""
    found = await asked(request, Verb.WRITE)
    held = await found.desk.holdings.of(found.repo.id)
    where = await found.desk.repos.large_files(found.repo.id)
    named = sorted(held, key=lambda sha256: (where.get(sha256, NOWHERE).path, sha256))
    limit = number(request, "limit", default=PAGE, most=MOST_PAGE)
    page, cursor = page_of(named, told(request, "cursor"), limit)
    rows = [_row(found, sha256, held[sha256], where.get(sha256, NOWHERE)) for sha256 in page]
    return JSONResponse([row for row in rows if row], headers=next_link(request, cursor))


def _row(found: Asked, sha256: Sha256, size: int, where: LargeFile) -> dict[str, Any] | None:
    try:
        pushed_at = found.desk.blobs.path(sha256).stat().st_mtime
    except FileNotFoundError:
        return None
    shown = {"fileOid": sha256, "oid": sha256, "filename": where.path, "size": size, "pushedAt": iso(pushed_at)}
    return shown | {"ref": where.ref or None}


@api(router, "/lfs-files/batch", "POST")
async def delete(request: Request) -> dict[str, bool]:
    """`{deletions: {sha, rewriteHistory}}`: with it no commit names them any more; without, their pointers stay."""
    found = await asked(request, Verb.WRITE)
    wanted = (await body(request)).get("deletions")
    named = _shas(wanted.get("sha") if isinstance(wanted, dict) else None)
    if isinstance(wanted, dict) and wanted.get("rewriteHistory", True) is True:
        await found.desk.repos.forget(found.repo.id, named)
    by = found.who.name if found.who else ""
    await found.desk.holdings.release(found.repo.id, named, by=by)
    await pushed(found.desk, found.repo, by=by)
    return {"success": True}


@api(router, "/lfs-files/duplicate", "POST")
async def duplicate(request: Request) -> dict[str, Any]:
    """`{target, files}`: the target may then commit them. Of a repo that one may read, to one that one may write."""
    found = await asked(request, Verb.FETCH)
    wanted = await body(request)
    target = await _target(found, wanted.get("target"))
    files = wanted.get("files")
    named = _shas([file.get("sha256") for file in files if isinstance(file, dict)] if isinstance(files, list) else None)
    by = found.who.name if found.who else ""
    missing = await found.desk.holdings.share(found.repo.id, target.id, named, by=by)
    return {"failed": [{"sha256": sha256, "error": f"{found.repo.full} does not hold it"} for sha256 in missing]}


async def _target(found: Asked, wanted: Any) -> Repo:  # noqa: ANN401 - as it came
    if not isinstance(wanted, dict):
        raise Fault(what="read the request", why="target must have a type and a name")
    namespace, _, name = text_of(wanted, "name").partition("/")
    try:
        kind = kind_of(text_of(wanted, "type", "model") + "s")
    except Missing as fault:
        raise Fault(what="read the request", why=fault.why) from None
    return await find_repo(found.desk, found.who, kind, namespace, name, Verb.WRITE)


def _shas(given: Any) -> list[Sha256]:  # noqa: ANN401 - as it came
    if not isinstance(given, list) or not all(isinstance(sha, str) and OID.match(sha) for sha in given):
        raise Fault(what="read the request", why="the files must be named by their sha256")
    if len(given) > MOST:
        raise Fault(what="read the request", why=f"it names more than {MOST} files")
    return [Sha256(sha) for sha in dict.fromkeys(given)]
