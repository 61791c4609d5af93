"""Serves a static Space's files inside its image: `python -I serve.py FOLDER PORT INDEX [NAME=VALUE ...]`.

What the platform's gateway does for static Spaces: the index, 404.html, ranges, validators, the author's own headers,
and no way out of the folder. An image's files carry no times, so their content tells them apart. Any Python from 3.8 on
runs this; it imports the standard library only.
"""

import mimetypes
import os
import re
import signal
import stat
import sys
from functools import lru_cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".md": "text/markdown"}
TEXTUAL = ("text/", "application/javascript", "application/json", "image/svg")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
CHUNK = 2**18  # bytes


class Server(ThreadingHTTPServer):
    """root: what is served; index: the file that stands for `/`; headers: on every answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root: Path, port: int, index: str, headers: "list[tuple[str, str]]") -> None:
        super().__init__(("0.0.0.0", port), Answer)  # noqa: S104 every address of a container of its own
        self.root, self.index, self.headers = root.resolve(), index, headers


class Answer(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """The file that the path names."""
        parts = urlsplit(self.path)
        query = f"?{parts.query}" if parts.query else ""
        plain = unquote(parts.path, errors="surrogateescape")
        index = self.server.index
        if not plain.strip("/") and index not in ("", "index.html"):
            self._redirect(302, "/" + quote(index) + query)
            return
        found = self._find(plain)
        if found is not None and found.is_dir():
            if not plain.endswith("/"):
                self._redirect(308, "/" + parts.path.strip("/") + "/" + query)
                return
            found = self._find(plain + "index.html")
        missing = found is None or not found.is_file()
        if missing:
            found = self._find("/404.html")
        if found is None or not found.is_file():
            self._say(404, b"This Space has no such file.\n")
        else:
            self._send(found, 404 if missing else 200)

    do_HEAD = do_GET  # noqa: N815 the names that the library looks for

    def _find(self, plain: str) -> "Path | None":
        """Within the folder, links followed; None: there is none, or it lies outside."""
        names = [name for name in plain.split("/") if name]
        if "\0" in plain or ".." in names or ".git" in names:
            return None
        try:
            real = self.server.root.joinpath(*names).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            return None
        inside = real == self.server.root or self.server.root in real.parents
        return real if inside else None

    def _send(self, found: Path, status: int) -> None:
        try:
            opened = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            self._say(404, b"This Space has no such file.\n")
            return
        with os.fdopen(opened, "rb") as file:
            told = os.fstat(file.fileno())
            if not stat.S_ISREG(told.st_mode):
                self._say(404, b"This Space has no such file.\n")
                return
            tag = f'"{digest(found)}"'
            fields = [("Content-Type", kind(found)), ("ETag", tag)]
            fields += [("Accept-Ranges", "bytes"), ("Cache-Control", "no-cache")]
            if status == 200 and self._is_known(tag):  # noqa: PLR2004
                self._head(304, fields, None)
                return
            asked = self.headers.get("Range", "") if self.headers.get("If-Range", tag) == tag else ""
            part = span(asked, told.st_size) if status == 200 else (0, told.st_size)  # noqa: PLR2004
            if part is None:
                self._head(416, [("Content-Range", f"bytes */{told.st_size}")], 0)
                return
            first, length = part
            if asked and length != told.st_size:
                status = 206
                fields.append(("Content-Range", f"bytes {first}-{first + length - 1}/{told.st_size}"))
            self._head(status, fields, length)
            if self.command != "HEAD":
                file.seek(first)
                while length and (piece := file.read(min(CHUNK, length))):
                    length -= len(piece)
                    self.wfile.write(piece)

    def _is_known(self, tag: str) -> bool:
        known = self.headers.get("If-None-Match", "")
        return "*" in known or tag in [each.strip().replace("W/", "", 1) for each in known.split(",")]

    def _redirect(self, status: int, to: str) -> None:
        self._head(status, [("Location", to)], 0)

    def _say(self, status: int, text: bytes) -> None:
        self._head(status, [("Content-Type", "text/plain; charset=utf-8")], len(text))
        if self.command != "HEAD":
            self.wfile.write(text)

    def _head(self, status: int, fields: "list[tuple[str, str]]", length: "int | None") -> None:
        self.send_response(status)
        for name, value in (*fields, *self.server.headers):
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


@lru_cache(maxsize=10_000)
def digest(path: Path) -> str:
    """Of a file's content: nobody writes here while it is served."""
    whole = sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(CHUNK), b""):
            whole.update(piece)
    return whole.hexdigest()[:32]


def kind(path: Path) -> str:
    """The content type by the file's name."""
    found = TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith(TEXTUAL) else found


def span(asked: str, size: int) -> "tuple[int, int] | None":
    """First byte and length of a single range; None: it cannot be satisfied. An odd header means the whole file."""
    match = RANGE.fullmatch(asked.strip())
    if match is None or match.groups() == ("", ""):
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


def main(root: str, port: str, index: str, *headers: str) -> None:
    """Serve until a signal; as the first process of a container it has to ask for it."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    pairs = [(name, value) for name, _, value in (each.partition("=") for each in headers)]
    Server(Path(root), int(port), index, pairs).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
