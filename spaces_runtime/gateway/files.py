"""Static Spaces: files of one folder, with ranges and validators, and no way out of the folder."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from spaces_runtime.gateway.exchange import Exchange
from spaces_runtime.gateway.head import Field, Head
from spaces_runtime.gateway.headers import Back
from spaces_runtime.gateway.reply import Reply, refusal
from spaces_runtime.gateway.sending import Sending

RANGE = re.compile(rb"bytes=(\d*)-(\d*)")
TEXTUAL = ("text/", "application/javascript", "application/json", "image/svg")
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".md": "text/markdown"}


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file within the folder. real: no part of it is a link."""

    real: Path
    size: int
    modified: float

    @property
    def etag(self) -> bytes:
        return b'"%x-%x"' % (int(self.modified * 1e9), self.size)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A folder asked for without its slash: relative links would break."""

    location: bytes


def find(root: Path, path: bytes) -> Found | Elsewhere | None:
    """The file a path names; a folder is its index.html. None: there is none, or it lies outside root."""
    plain = unquote_to_bytes(path)
    parts = [part for part in plain.split(b"/") if part]
    if b"\0" in plain or b".." in parts or b".git" in parts:
        return None
    top = root.resolve()
    try:
        real = top.joinpath(*(os.fsdecode(part) for part in parts)).resolve(strict=True)
        if real.is_dir():
            if not plain.endswith(b"/"):
                return Elsewhere(b"/" + path.strip(b"/") + b"/")
            real = (real / "index.html").resolve(strict=True)
        status = real.stat()
    except (OSError, ValueError, RuntimeError):
        return None
    inside = real.is_relative_to(top) and stat.S_ISREG(status.st_mode)
    return Found(real, status.st_size, status.st_mtime) if inside else None


def span(asked: bytes, size: int) -> tuple[int, int] | None:
    """First byte and length of a single range; None: it cannot be satisfied. An odd header means the whole file."""
    match = RANGE.fullmatch(asked.strip())
    if match is None or match.groups() == (b"", b""):
        return (0, size)
    first, last = match.groups()
    if not first:
        start = max(0, size - int(last))
        return (start, size - start) if int(last) and size else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return (0, size)
    return (start, end - start + 1) if start < size else None


def start(index: str) -> bytes:
    """Where `/` leads to: an index that lies elsewhere has its relative links there. Empty: `/` is index.html."""
    return b"" if index in ("", "index.html") else b"/" + quote(index).encode()


def serve(exchange: Exchange, root: Path, index: str, back: Back) -> None:
    """Answer with the file the request names. index: the file that stands for `/`."""
    head = exchange.head
    if head.method not in (b"GET", b"HEAD"):
        exchange.reply(Reply(status=405, fields=((b"Allow", b"GET, HEAD"),)))
        return
    query = head.target[len(head.path) :]
    elsewhere = start(index) if not head.path.strip(b"/") else b""
    if elsewhere:  # for now: the next revision may have another
        exchange.reply(Reply(status=302, fields=((b"Location", elsewhere + query),)))
        return
    found = find(root, head.path)
    if isinstance(found, Elsewhere):
        exchange.reply(Reply(status=308, fields=((b"Location", found.location + query),)))
        return
    status = 200
    if found is None:
        missing = find(root, b"/404.html")
        if not isinstance(missing, Found):
            exchange.reply(refusal(head, 404, "This Space has no such file."))
            return
        found, status = missing, 404
    fields = _fields(found)
    if status == 200 and _unchanged(head, found):  # noqa: PLR2004
        exchange.reply(Reply(status=304, fields=tuple((name, value) for _, name, value in fields)))
        return
    _send(exchange, found, fields, back, status)


def _send(exchange: Exchange, found: Found, fields: list[Field], back: Back, status: int) -> None:
    """The file or the asked part of it."""
    asked = exchange.head.get(b"range") if status == 200 and _range_holds(exchange.head, found) else b""  # noqa: PLR2004
    part = span(asked, found.size) if asked else (0, found.size)
    if part is None:
        exchange.reply(Reply(status=416, fields=((b"Content-Range", b"bytes */%d" % found.size),)))
        return
    if asked and part != (0, found.size):
        status = 206
        told = b"bytes %d-%d/%d" % (part[0], part[0] + part[1] - 1, found.size)
        fields.append((b"content-range", b"Content-Range", told))
    try:
        opened = os.open(found.real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        exchange.reply(refusal(exchange.head, 404, "This Space has no such file."))
        return
    exchange.open_body(status, fields, back, part[1])
    if exchange.bodiless:
        os.close(opened)
        exchange.finish()
    else:
        Sending(exchange, opened, *part)


def _fields(found: Found) -> list[Field]:
    kind = (
        TYPES.get(found.real.suffix.lower()) or mimetypes.guess_type(found.real.name)[0] or "application/octet-stream"
    )
    kind += "; charset=utf-8" if kind.startswith(TEXTUAL) else ""
    return [
        (b"content-type", b"Content-Type", kind.encode()),
        (b"etag", b"ETag", found.etag),
        (b"last-modified", b"Last-Modified", formatdate(found.modified, usegmt=True).encode()),
        (b"accept-ranges", b"Accept-Ranges", b"bytes"),
        (b"cache-control", b"Cache-Control", b"no-cache"),
    ]


def _unchanged(head: Head, found: Found) -> bool:
    known = head.get(b"if-none-match")
    if known:
        return b"*" in known or found.etag in [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    since = head.get(b"if-modified-since").decode("latin-1")
    try:
        return bool(since) and int(found.modified) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError):
        return False


def _range_holds(head: Head, found: Found) -> bool:
    """`If-Range` names what the client has a part of; of anything else it wants the whole."""
    known = head.get(b"if-range")
    return not known or known == found.etag
