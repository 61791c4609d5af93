"""Answers with a file: whole or a range of it, streamed, never compressed."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from spaces_runtime.domain.handing import BLOB, BLOBS, TAKES, Handed
from spaces_runtime.domain.ids import Sha256

STEP: Final = 2**20  # bytes read at a time
RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z")
TEXT: Final = (
    *(".md", ".txt", ".py", ".js", ".css", ".html", ".htm", ".svg", ".xml", ".json", ".jsonl", ".yaml", ".yml"),
    *(".toml", ".cfg", ".ini", ".sh", ".csv", ".tsv"),
)
SHOWN: Final = ("image/", "audio/", "video/", "application/pdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is sent. etag: without quotes. source: the bytes themselves, or the file that has them, a blob.

    pointer: it is an LFS pointer, whatever its name says.
    """

    name: str
    size: int
    etag: str
    source: bytes | Path
    pointer: bool = False


class BadRange(Exception):
    """A range that begins behind the end."""


def serve(request: Request, content: Content, headers: Mapping[str, str]) -> Response:
    """Answer GET or HEAD, with the headers that clients go by on both."""
    told = {
        "ETag": f'"{content.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(content.name, attach="download" in request.query_params),
        "Content-Type": content_type("" if content.pointer else content.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",  # a file of a user must never run as our page
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    if _is_known(request.headers.get("if-none-match", ""), told["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    fresh = request.headers.get("if-range", told["ETag"]) == told["ETag"]
    try:
        part = wanted(request.headers.get("range", ""), content.size) if fresh else None
    except BadRange:
        told["Content-Range"] = f"bytes */{content.size}"
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=told)
    start, end = part or (0, content.size)
    told["Content-Length"] = str(end - start)
    status = HTTPStatus.OK
    if part:
        status, told["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {start}-{end - 1}/{content.size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=told)
    if isinstance(content.source, bytes):
        return Response(content.source[start:end], status_code=status, headers=told)
    if request.headers.get(TAKES) == BLOBS:
        blob = Handed(sha256=Sha256(content.source.name), start=start, length=end - start)
        return Response(status_code=status, headers=told | {"Content-Length": "0", BLOB: blob.told})
    return StreamingResponse(pieces(content.source, start, end), status_code=status, headers=told)


def _is_known(header: str, etag: str) -> bool:
    """Whether a client has this content already, RFC 9110 §13.1.2; a proxy may have called it weak on its way."""
    return "*" in header.split() or etag in (known.strip().removeprefix("W/") for known in header.split(","))


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range a header asks for; None: all of it. What is not one range of bytes is ignored, as it may be.

    Raises: BadRange.
    """
    found = RANGE.match(header)
    if found is None or found[0].strip() == "" or (not found[1] and not found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if not length:
            raise BadRange
        return max(0, size - length), size
    start, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if start >= size:
        raise BadRange
    return None if last < start else (start, min(last + 1, size))


def content_type(name: str) -> str:
    """Media as itself; anything a browser would run or render as a page is shown as text, the rest is bytes."""
    ending = PurePosixPath(name).suffix.lower()
    guessed = mimetypes.guess_type(name)[0] or ""
    if ending in TEXT or guessed.startswith("text/") or "." not in name:
        return "text/plain; charset=utf-8"
    return guessed if guessed.startswith(SHOWN) else "application/octet-stream"


def disposition(name: str, *, attach: bool) -> str:
    """RFC 6266, with a plain name beside the real one."""
    plain = re.sub(r'[^ -~]|["\\%;]', "_", name)
    return f"{'attachment' if attach else 'inline'}; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\""


async def pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes [start, end) of a file, read in threads."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := await asyncio.to_thread(file.read, min(STEP, end - start))):
            start += len(piece)
            yield piece
