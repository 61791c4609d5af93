"""git-lfs: where content is sent and fetched. The addresses are signed, so they need no credentials of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing, OverQuota, Refused
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.storage import Room
from spaces_runtime.domain.tickets import Use, check, issue
from spaces_runtime.hub.asked import Asked, asked, web
from spaces_runtime.hub.bodies import content_of
from spaces_runtime.hub.identity import desk
from spaces_runtime.hub.serve_file import Content, serve
from spaces_runtime.hub.wire import body, endpoint, fault_response

router = APIRouter()
MEDIA = "application/vnd.git-lfs+json"
OID = re.compile(r"[0-9a-f]{64}\Z")
SECONDS = 6 * 3600  # how long an address is good: a slow line sends its last object of a batch late
MOST = 1000  # objects of one batch; git-lfs asks for 100
Action = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]
PART = 64 * 2**20  # bytes; a larger object goes up in parts, where the client can
MOST_PARTS = 1000


def in_its_words(handler: Handler) -> Handler:
    """What git-lfs shows of a fault is `message`."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Fault as fault:
            return said(request, fault)

    answered.__doc__ = handler.__doc__
    return answered


@web(router, "/info/lfs/objects/batch", "POST")
@in_its_words
async def batch(request: Request) -> Response:
    """Which objects to send or fetch, and where."""
    wanted = await body(request)
    upload = wanted.get("operation") == "upload"
    found = await asked(request, Verb.WRITE if upload else Verb.FETCH)
    room = await found.desk.storage.room(found.repo.id) if upload else None
    answers, objects = [], _objects(wanted)
    transfers = wanted.get("transfers")
    able = isinstance(transfers, list) and "multipart" in transfers
    in_parts = upload and able and any(map(_is_large, objects))
    for each in objects:
        answer = await _object(request, found, each, upload=upload, in_parts=in_parts)
        if room is not None and "actions" in answer:
            room = _counted(room, answer)
        answers.append(answer)
    transfer = "multipart" if in_parts else "basic"
    return JSONResponse({"transfer": transfer, "hash_algo": "sha256", "objects": answers}, media_type=MEDIA)


def _objects(wanted: Mapping[str, Any]) -> list[Any]:
    objects = wanted.get("objects")
    if not isinstance(objects, list) or len(objects) > MOST or wanted.get("hash_algo", "sha256") != "sha256":
        raise Fault(what="read the batch", why=f"it must list at most {MOST} objects by their sha256")
    return objects


def _is_large(wanted: Any) -> bool:  # noqa: ANN401 - as it came
    size = wanted.get("size") if isinstance(wanted, dict) else None
    return isinstance(size, int) and size > PART


async def _object(
    request: Request,
    found: Asked,
    wanted: Any,  # noqa: ANN401 - as it came
    *,
    upload: bool,
    in_parts: bool,
) -> Action:
    oid, size = (wanted.get("oid"), wanted.get("size")) if isinstance(wanted, dict) else (None, None)
    if not isinstance(oid, str) or not OID.match(oid) or not isinstance(size, int) or size < 0:
        raise Fault(what="read the batch", why="each object needs oid, a sha256, and size, in bytes")
    shown: Action = {"oid": oid, "size": size}
    held = await found.desk.index.holds(found.repo.id, Sha256(oid))
    if upload and size > found.desk.settings.hub.max_file:
        limit = found.desk.settings.hub.max_file
        return shown | {"error": {"code": 422, "message": f"It is larger than {limit} bytes, the most a file may have"}}
    if upload and held is None:
        return shown | {"authenticated": True, "actions": _upload(request, found, oid, size, in_parts=in_parts)}
    if not upload and held is None:
        return shown | {"error": {"code": 404, "message": "This repo does not hold it"}}
    if not upload:
        return shown | {"size": held, "authenticated": True, "actions": {"download": _download(request, found, oid)}}
    return shown


def _counted(room: Room, answer: Action) -> Room:
    """What is left after this object; one that does not fit is told so instead."""
    try:
        room.take(answer["size"], "store it")
    except OverQuota as fault:
        del answer["actions"], answer["authenticated"]
        answer["error"] = {"code": fault.status, "message": fault.said}
        return room
    return room.after(answer["size"])


def _upload(request: Request, found: Asked, oid: str, size: int, *, in_parts: bool) -> Action:
    def href(use: Use, *claims: str | int) -> str:
        ticket = issue(use, found.repo.id, *claims, expires=time.time() + SECONDS, key=found.desk.signing)
        return f"{endpoint(request)}/api/lfs/{ticket}"

    send: Action = {"href": href(Use.LFS_UPLOAD, oid, size), "expires_in": SECONDS}
    verify = {"href": f"{send['href']}/verify", "expires_in": SECONDS}
    if in_parts:
        attempt, length = uuid4().hex, max(PART, -(-size // MOST_PARTS))
        starts = range(0, size, length)
        parts = [f"{href(Use.LFS_PART, attempt, at, min(length, size - at))}/part" for at in starts]
        numbered = {str(number): part for number, part in enumerate(parts, start=1)}
        send["href"] = f"{href(Use.LFS_JOIN, oid, size, attempt)}/join"
        send["header"] = {"chunk_size": str(length), **numbered}
    return {"upload": send, "verify": verify}


def _download(request: Request, found: Asked, oid: str) -> Action:
    ticket = issue(Use.LFS_DOWNLOAD, found.repo.id, oid, expires=time.time() + SECONDS, key=found.desk.signing)
    return {"href": f"{endpoint(request)}/api/lfs/{ticket}", "expires_in": SECONDS}


@router.put("/api/lfs/{ticket}")
async def put(request: Request, ticket: str) -> Response:
    """Receive one object; nothing stays of one that is not what was announced."""
    repo, oid, size = _claims(request, ticket, Use.LFS_UPLOAD)
    await desk(request).storage.take(RepoId(repo), 0, f"store {oid}", sizes=[int(size)])
    async with content_of(request) as content:
        await desk(request).blobs.put(RepoId(repo), Sha256(oid), int(size), content)
    return Response(status_code=200)


@router.put("/api/lfs/{ticket}/part")
async def put_part(request: Request, ticket: str) -> Response:
    """Receive a part of an object; sent again it takes the place of the first."""
    repo, attempt, start, size = _claims(request, ticket, Use.LFS_PART)
    await desk(request).storage.take(RepoId(repo), 0, "store a part of a file", sizes=[int(size)])
    async with content_of(request) as content:
        told = await desk(request).blobs.part(attempt, int(start), int(size), content)
    return Response(status_code=200, headers={"ETag": f'"{told}"'})


@router.post("/api/lfs/{ticket}/join")
async def join(request: Request, ticket: str) -> Response:
    """All parts were sent. What they are is proven by the sha256 of the whole, so their ETags are not asked for."""
    repo, oid, size, attempt = _claims(request, ticket, Use.LFS_JOIN)
    await desk(request).blobs.join(RepoId(repo), Sha256(oid), int(size), attempt)
    return JSONResponse({"success": True})


@router.post("/api/lfs/{ticket}/verify")
async def verify(request: Request, ticket: str) -> Response:
    """Whether an object has arrived; its size and sha256 were checked then."""
    repo, oid, _ = _claims(request, ticket, Use.LFS_UPLOAD)
    if not await desk(request).blobs.holds(RepoId(repo), Sha256(oid)):
        return said(request, Missing(what=f"find {oid}", why="it has not arrived"))
    return Response(status_code=200)


@router.api_route("/api/lfs/{ticket}", methods=["GET", "HEAD"])
async def get(request: Request, ticket: str) -> Response:
    """Send one object."""
    repo, oid = _claims(request, ticket, Use.LFS_DOWNLOAD)
    blobs = desk(request).blobs
    if not await blobs.holds(RepoId(repo), Sha256(oid)):
        raise Missing(what=f"find {oid}", why="this repo does not hold it")
    size = await blobs.size(Sha256(oid))
    return serve(request, Content(name=oid, size=size, etag=oid, source=blobs.path(Sha256(oid))), {})


def _claims(request: Request, ticket: str, use: Use) -> tuple[str, ...]:
    claims = check(ticket, use, now=time.time(), key=desk(request).signing)
    if claims is None:
        raise Refused(what="use this address", why="it is not one of ours, or too old", then="Start again.")
    return claims


def said(request: Request, fault: Fault) -> Response:
    """git-lfs shows `message`."""
    answer = fault_response(request, fault)
    headers = {key: value for key, value in answer.headers.items() if key not in ("content-length", "content-type")}
    return JSONResponse({"message": fault.said}, status_code=answer.status_code, headers=headers, media_type=MEDIA)
