"""git-lfs: locks. They are advice among those who may write; the hub shows them, and git-lfs keeps to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing, Refused
from spaces_runtime.domain.locks import Lock
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.paths import checked
from spaces_runtime.hub.asked import Asked, asked, web
from spaces_runtime.hub.lfs import MEDIA, in_its_words
from spaces_runtime.hub.repo_json import page_of
from spaces_runtime.hub.wire import body, iso, number, text_of, told, unquoted

router = APIRouter()
PAGE = 100
MOST = 1000


@web(router, "/info/lfs/locks", "GET")
@in_its_words
async def listing(request: Request) -> Response:
    """All locks; `path`, `id`: one of them."""
    found = await asked(request, Verb.READ)
    locks: Sequence[Lock] = await found.desk.locks.locks(found.repo.id)
    path, one = told(request, "path"), told(request, "id")
    locks = [lock for lock in locks if path in ("", lock.path) and one in ("", lock.id)]
    limit = number(request, "limit", default=PAGE, most=MOST)
    page, cursor = page_of(locks, told(request, "cursor"), limit)
    return _answer({"locks": [_shown(lock) for lock in page], "next_cursor": cursor})


@web(router, "/info/lfs/locks", "POST")
@in_its_words
async def create(request: Request) -> Response:
    """`{path}`. One that is locked already: 409, with the lock."""
    found = await asked(request, Verb.WRITE)
    path = checked(text_of(await body(request), "path"))
    lock, made = await found.desk.locks.lock(found.repo.id, path, by=_name(found), now=time.time())
    if made:
        return _answer({"lock": _shown(lock)}, status=201)
    return _answer({"lock": _shown(lock), "message": f"{lock.owner} has locked {path}"}, status=409)


@web(router, "/info/lfs/locks/verify", "POST")
@in_its_words
async def verify(request: Request) -> Response:
    """Asked before a push: a person's own locks and those of others."""
    found = await asked(request, Verb.WRITE)
    wanted = await body(request)
    limit = wanted.get("limit") or PAGE
    if not isinstance(limit, int) or not 0 < limit <= MOST:
        raise Fault(what="read the request", why=f"limit must be a number up to {MOST}")
    locks = await found.desk.locks.locks(found.repo.id)
    page, cursor = page_of(locks, str(wanted.get("cursor") or ""), limit)
    ours = [_shown(lock) for lock in page if lock.owner == _name(found)]
    theirs = [_shown(lock) for lock in page if lock.owner != _name(found)]
    return _answer({"ours": ours, "theirs": theirs, "next_cursor": cursor})


@web(router, "/info/lfs/locks/{lock}/unlock", "POST")
@in_its_words
async def unlock(request: Request) -> Response:
    """`{force?}`: somebody else's lock is broken only by who may delete the repo, and says so."""
    found = await asked(request, Verb.WRITE)
    wanted = unquoted(request.path_params["lock"])
    force = (await body(request)).get("force") is True
    lock = next((one for one in await found.desk.locks.locks(found.repo.id) if one.id == wanted), None)
    if lock is None:
        raise Missing(what="unlock", why="there is no such lock")
    if lock.owner != _name(found):
        if not force:
            raise Refused(what=f"unlock {lock.path}", why=f"{lock.owner} has locked it", then="Use --force.")
        allowed(found.who, found.repo, Verb.DELETE)
    await found.desk.locks.unlock(found.repo.id, lock.id, by=_name(found))
    return _answer({"lock": _shown(lock)})


def _name(found: Asked) -> str:
    return found.who.name if found.who else ""


def _shown(lock: Lock) -> dict[str, Any]:
    return {"id": lock.id, "path": lock.path, "locked_at": iso(lock.at), "owner": {"name": lock.owner}}


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status_code=status, media_type=MEDIA)
