"""git-lfs: where content is sent and fetched. The addresses are signed, so they need no credentials of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing, OverQuota, Refused, Unsupported
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.storage import Room
from spaces_runtime.domain.tickets import Use, check, issue
from spaces_runtime.hub.asked import Asked, asked, web
from spaces_runtime.hub.identity import desk
from spaces_runtime.hub.serve_file import Content, serve
from spaces_runtime.hub.wire import body, endpoint, fault_response

router = APIRouter()
MEDIA = "application/vnd.git-lfs+json"
OID = re.compile(r"[0-9a-f]{64}\Z")
SECONDS = 6 * 3600  # how long an address is good: a slow line sends its last object of a batch late
MOST = 1000  # objects of one batch; git-lfs asks for 100
Action = dict[str, Any]


@web(router, "/info/lfs/objects/batch", "POST")
async def batch(request: Request) -> Response:
    """Which objects to send or fetch, and where."""
    try:
        wanted = await body(request)
        upload = wanted.get("operation") == "upload"
        found = await asked(request, Verb.WRITE if upload else Verb.READ)
        room = await found.desk.storage.room(found.repo.id) if upload else None
        answers = []
        for each in _objects(wanted):
            answer = await _object(request, found, each, upload=upload)
            if room is not None and "actions" in answer:
                room = _counted(room, answer)
            answers.append(answer)
    except Fault as fault:
        return _said(request, fault)
    return JSONResponse({"transfer": "basic", "hash_algo": "sha256", "objects": answers}, media_type=MEDIA)


def _objects(wanted: Mapping[str, Any]) -> list[Any]:
    objects = wanted.get("objects")
    if not isinstance(objects, list) or len(objects) > MOST or wanted.get("hash_algo", "sha256") != "sha256":
        raise Fault(what="read the batch", why=f"it must list at most {MOST} objects by their sha256")
    return objects


async def _object(request: Request, found: Asked, wanted: Any, *, upload: bool) -> Action:  # noqa: ANN401 - as it came
    oid, size = (wanted.get("oid"), wanted.get("size")) if isinstance(wanted, dict) else (None, None)
    if not isinstance(oid, str) or not OID.match(oid) or not isinstance(size, int) or size < 0:
        raise Fault(what="read the batch", why="each object needs oid, a sha256, and size, in bytes")
    shown: Action = {"oid": oid, "size": size}
    held = await found.desk.index.holds(found.repo.id, Sha256(oid))
    if upload and size > found.desk.settings.hub.max_file:
        limit = found.desk.settings.hub.max_file
        return shown | {"error": {"code": 422, "message": f"It is larger than {limit} bytes, the most a file may have"}}
    if upload and held is None:
        return shown | {"authenticated": True, "actions": _upload(request, found, oid, size)}
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


def _upload(request: Request, found: Asked, oid: str, size: int) -> Action:
    expires = time.time() + SECONDS
    ticket = issue(Use.LFS_UPLOAD, found.repo.id, oid, size, expires=expires, key=found.desk.signing)
    href = f"{endpoint(request)}/api/lfs/{ticket}"
    return {
        "upload": {"href": href, "expires_in": SECONDS},
        "verify": {"href": f"{href}/verify", "expires_in": SECONDS},
    }


def _download(request: Request, found: Asked, oid: str) -> Action:
    ticket = issue(Use.LFS_DOWNLOAD, found.repo.id, oid, expires=time.time() + SECONDS, key=found.desk.signing)
    return {"href": f"{endpoint(request)}/api/lfs/{ticket}", "expires_in": SECONDS}


@router.put("/api/lfs/{ticket}")
async def put(request: Request, ticket: str) -> Response:
    """Receive one object; nothing stays of one that is not what was announced."""
    repo, oid, size = _claims(request, ticket, Use.LFS_UPLOAD)
    await desk(request).storage.take(RepoId(repo), 0, f"store {oid}", sizes=[int(size)])
    await desk(request).blobs.put(RepoId(repo), Sha256(oid), int(size), request.stream())
    return Response(status_code=200)


@router.post("/api/lfs/{ticket}/verify")
async def verify(request: Request, ticket: str) -> Response:
    """Whether an object has arrived; its size and sha256 were checked then."""
    repo, oid, _ = _claims(request, ticket, Use.LFS_UPLOAD)
    if not await desk(request).blobs.holds(RepoId(repo), Sha256(oid)):
        return _said(request, Missing(what=f"find {oid}", why="it has not arrived"))
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


@web(router, "/info/lfs/locks/verify", "POST")
@web(router, "/info/lfs/locks", "GET", "POST")
async def locks(request: Request) -> Response:
    """There are no locks. This answer makes git-lfs remember that, without a word to the person who pushes."""
    return _said(request, Unsupported(what="lock files", why="this hub does not have locks"))


def _said(request: Request, fault: Fault) -> Response:
    """git-lfs shows `message`."""
    answer = fault_response(request, fault)
    headers = {key: value for key, value in answer.headers.items() if key not in ("content-length", "content-type")}
    return JSONResponse({"message": fault.said}, status_code=answer.status_code, headers=headers, media_type=MEDIA)
