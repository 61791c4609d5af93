"""Xet uploads: tokens, and the few calls of a content store that clients need. Downloads go by plain HTTP."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import BadCredentials, Missing, Refused, TooLarge, Unknown
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.tickets import Use, check, issue
from spaces_runtime.hub.asked import Asked, api, asked
from spaces_runtime.hub.identity import desk
from spaces_runtime.hub.wire import endpoint

router = APIRouter()
SECONDS = 15 * 60  # how long a token is good; clients renew theirs in time
MAX_SHARD = 64 * 2**20  # bytes
STORE = "/xet/{installation}/{user}"


@api(router, "/xet-write-token/{rev}", "GET")
async def write_token(request: Request) -> Response:
    """Leave to upload what will be files of this repo."""
    return await _token(request, Verb.WRITE)


@api(router, "/xet-read-token/{rev}", "GET")
async def read_token(request: Request) -> Response:
    """Leave to read. Nothing can be read yet but through /resolve/, so it opens nothing else."""
    return await _token(request, Verb.READ)


async def _token(request: Request, verb: Verb) -> Response:
    found = await asked(request, verb)
    await found.revision(request)
    expires = int(time.time()) + SECONDS
    user = found.who.id if found.who else "anonymous"
    token = issue(Use.XET, found.repo.id, user, verb.value, expires=expires, key=found.desk.signing)
    address = _address(request, found, user)
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
        "Cache-Control": "no-store",
    }
    return JSONResponse({"casUrl": address, "accessToken": token, "exp": expires}, headers=headers)


def _address(request: Request, found: Asked, user: str) -> str:
    """Clients remember per address what they sent: so it is another one for each user, and for each new store."""
    return f"{endpoint(request)}/xet/{found.desk.xorbs.installation}/{user}"


@router.post(STORE + "/v1/xorbs/default/{xorb}")
async def put_xorb(request: Request, xorb: str) -> dict[str, Any]:
    """Receive chunks."""
    _, user = await _writer(request)
    return {"was_inserted": await desk(request).xorbs.put(user, xorb, request.stream())}


@router.post(STORE + "/v1/shards")
async def put_shard(request: Request) -> dict[str, Any]:
    """Make files of chunks; answered once each is proven and on disk."""
    repo, user = await _writer(request)
    shard = bytearray()
    async for piece in request.stream():
        shard += piece
        if len(shard) > MAX_SHARD:
            raise TooLarge(what="take the shard", why=f"it is larger than {MAX_SHARD} bytes")
    await desk(request).xorbs.register(user, repo, bytes(shard))
    return {"result": 1}


@router.api_route(STORE + "/{call:path}", methods=["GET", "POST", "HEAD"])
async def other(request: Request, call: str) -> None:
    """What is optional: on this answer clients take the simple way."""
    raise Missing(what=f"answer {call}", why="this store does not have it")


async def _writer(request: Request) -> tuple[RepoId, UserId]:
    """Whose token it is, and for which repo: a token for one repo never fills another."""
    header = request.headers.get("authorization", "")
    claims = check(header.removeprefix("Bearer "), Use.XET, now=time.time(), key=desk(request).signing)
    if not header:
        raise Unknown(what="upload", why="there is no token")
    if claims is None:
        raise BadCredentials
    repo, user, verb = claims
    where = request.path_params
    if (where["installation"], where["user"]) != (desk(request).xorbs.installation, user):
        raise Missing(what="upload", why="this address is of another store, or another user's")
    if verb != Verb.WRITE.value:
        raise Refused(what="upload", why="this token may only read")
    return RepoId(repo), UserId(user)
