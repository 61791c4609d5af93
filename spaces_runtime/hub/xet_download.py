"""Xet downloads: where the chunks of a file are, and the chunks. See domain.reconstruction for how files are shown."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from spaces_runtime.domain.errors import Missing, Refused
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.reconstruction import CHUNK, HEADER, Part, chunk_header, part_of, reconstruction
from spaces_runtime.domain.tickets import Use, check, issue
from spaces_runtime.hub.identity import desk
from spaces_runtime.hub.serve_file import BadRange, wanted
from spaces_runtime.hub.wire import endpoint
from spaces_runtime.hub.xet import STORE, bearer

router = APIRouter()
SECONDS: Final = 3600  # how long the address of a part is good; clients ask anew when it is not
STEP: Final = 8  # chunks read at a time


@router.get(STORE + "/v1/reconstructions/{file}")
async def reconstruct(request: Request, file: str) -> Response:
    """Of what parts a file is made, that the repo (or bucket) of the token holds."""
    repo, _, _ = bearer(request)
    at = desk(request)
    sha256 = await at.xorbs.find(repo, file)
    if sha256 is None:
        raise Missing(what=f"find the file {file}", why="this token's repo does not hold it")
    size = await at.blobs.size(sha256)
    try:
        start, end = wanted(request.headers.get("range", ""), size) or (0, size)
    except BadRange:
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    expires = time.time() + SECONDS

    def url(part: Part) -> str:
        ticket = issue(Use.XET_PART, repo, sha256, part.number, expires=expires, key=at.signing)
        return f"{endpoint(request)}/xet/parts/{ticket}"

    shown: dict[str, Any] = reconstruction(sha256, size, start, end, url)
    return JSONResponse(shown, headers={"Cache-Control": "no-store"})


@router.get("/xet/parts/{ticket}")
async def part(request: Request, ticket: str) -> Response:
    """Chunks of a part; its address is all that it takes."""
    at = desk(request)
    claims = check(ticket, Use.XET_PART, now=time.time(), key=at.signing)
    if claims is None:
        raise Refused(what="use this address", why="it is not one of ours, or too old", then="Start again.")
    repo, sha256, number = RepoId(claims[0]), Sha256(claims[1]), int(claims[2])
    held = await at.blobs.holds(repo, sha256)
    found = part_of(sha256, await at.blobs.size(sha256), number) if held else None
    if found is None:
        raise Missing(what="find these chunks", why="they are not held any more")
    try:
        asked = wanted(request.headers.get("range", ""), found.size)
    except BadRange:
        headers = {"Content-Range": f"bytes */{found.size}"}
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    start, end = asked or (0, found.size)
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes"}
    if asked:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    body = _chunks(at.blobs.path(sha256), found, start, end)
    status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
    return StreamingResponse(body, status_code=status, headers=headers, media_type="application/octet-stream")


async def _chunks(path: Path, part: Part, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes [start, end) of a part with its headers."""
    stride = CHUNK + HEADER
    with path.open("rb") as file:
        for first in range(start // stride, -(-end // stride), STEP):
            piece = await asyncio.to_thread(_framed, file.fileno(), part, first)
            base = first * stride
            yield piece[max(0, start - base) : end - base]


def _framed(file: int, part: Part, first: int) -> bytes:
    content = os.pread(file, min(STEP * CHUNK, part.length - first * CHUNK), part.start + first * CHUNK)
    pieces = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
    return b"".join(each for piece in pieces for each in (chunk_header(len(piece)), piece))
