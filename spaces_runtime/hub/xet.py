"""Xet: tokens, and the few calls of a content store that clients need to upload; xet_download has the others.

Files of repos are downloaded by plain HTTP, for /resolve/ does not name a Xet hash; what has only that (a bucket)
answers grant(), and everything else here and in xet_download follows from the token. A bucket's shard names no
sha256: register() finds it, and desk.xorbs.find(bucket, xet hash) is the content that was proven to arrive.
"""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import BadCredentials, Missing, Refused, TooLarge, Unknown
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.tickets import Use, check, issue
from spaces_runtime.hub.asked import api, asked
from spaces_runtime.hub.bodies import announced, content_of
from spaces_runtime.hub.identity import desk
from spaces_runtime.hub.wire import endpoint, flag

router, rest = APIRouter(), APIRouter(include_in_schema=False)  # rest comes after xet_download
SECONDS = 15 * 60  # how long a token is good; clients renew theirs in time
MAX_SHARD = 64 * 2**20  # bytes
STORE = "/xet/{installation}/{user}"


@api(router, "/xet-write-token/{rev}", "GET")
async def write_token(request: Request) -> Response:
    """Leave to upload what will be files of this repo."""
    return await _token(request, Verb.WRITE)


@api(router, "/xet-read-token/{rev}", "GET")
async def read_token(request: Request) -> Response:
    """Leave to read what this repo holds."""
    return await _token(request, Verb.READ)


async def _token(request: Request, verb: Verb) -> Response:
    found = await asked(request, Verb.FETCH if verb is Verb.READ else verb)
    if not flag(request, "create_pr"):  # then the revision is none yet, and clients write `None`
        await found.revision(request)
    return grant(request, found.repo.id, found.who, verb)


def grant(request: Request, repo: RepoId, who: Person | None, verb: Verb) -> Response:
    """A token, once the caller has made sure that this person may. repo: a repo or bucket. verb: READ or WRITE."""
    at = desk(request)
    expires = int(time.time()) + SECONDS
    user = who.id if who else "anonymous"
    token = issue(Use.XET, repo, user, verb.value, expires=expires, key=at.signing)
    # Clients remember per address what they sent: so it is another one for each user, and for each new store.
    address = f"{endpoint(request)}/xet/{at.xorbs.installation}/{user}"
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
        "Cache-Control": "no-store",
    }
    return JSONResponse({"casUrl": address, "accessToken": token, "exp": expires}, headers=headers)


@router.post(STORE + "/v1/xorbs/default/{xorb}")
async def put_xorb(request: Request, xorb: str) -> dict[str, Any]:
    """Receive chunks."""
    repo, user = _writer(request)
    await desk(request).storage.take(repo, announced(request), f"store the xorb {xorb}")
    async with content_of(request) as content:
        return {"was_inserted": await desk(request).xorbs.put(user, xorb, content)}


@router.post(STORE + "/v1/shards")
async def put_shard(request: Request) -> dict[str, Any]:
    """Make files of chunks; answered once each is proven and on disk."""
    repo, user = _writer(request)
    shard = bytearray()
    async for piece in request.stream():
        shard += piece
        if len(shard) > MAX_SHARD:
            raise TooLarge(what="take the shard", why=f"it is larger than {MAX_SHARD} bytes")
    await desk(request).xorbs.register(user, repo, bytes(shard))
    return {"result": 1}


@rest.api_route(STORE + "/{call:path}", methods=["GET", "POST", "HEAD"])
async def other(request: Request, call: str) -> None:
    """What is optional: on this answer clients take the simple way."""
    raise Missing(what=f"answer {call}", why="this store does not have it")


def _writer(request: Request) -> tuple[RepoId, UserId]:
    repo, user, verb = bearer(request)
    if verb != Verb.WRITE.value:
        raise Refused(what="upload", why="this token may only read")
    return repo, user


def bearer(request: Request) -> tuple[RepoId, UserId, str]:
    """Which repo a token is for, whose it is, and for what: a token for one repo never fills or shows another.

    Raises:
        Unknown, BadCredentials, Missing: there is none, it is not good, or not at this address.
    """
    header = request.headers.get("authorization", "")
    claims = check(header.removeprefix("Bearer "), Use.XET, now=time.time(), key=desk(request).signing)
    if not header:
        raise Unknown(what="use this store", why="there is no token")
    if claims is None:
        raise BadCredentials
    repo, user, verb = claims
    where = request.path_params
    if (where["installation"], where["user"]) != (desk(request).xorbs.installation, user):
        raise Missing(what="use this store", why="this address is of another store, or another user's")
    return RepoId(repo), UserId(user), verb
