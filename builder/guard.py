"""The one door of a build: a proxy on this machine that uv, git and our own downloads go through, to wherever they go.

It asks for each name itself, connects to the address it has looked at, and to no address inside. So a redirect, a link
on a page, a submodule, a package's own list of what it needs, and a name that changes its address between two looks all
end here. What lies in a TLS connection it does not see and has no need to.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import socket
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from types import TracebackType
from typing import Final, Self, cast
from urllib.parse import urlsplit

from builder.faults import BuildFailed
from builder.inside import Inside
from builder.requirements import Address
from builder.way import Proxy, Way, parted

CHUNK: Final = 2**18  # bytes
LONGEST: Final = 2**16  # bytes of an answer's head
OWN: Final = ("connection", "keep-alive", "proxy-connection", "proxy-authorization", "expect")  # end at a proxy
THEN: Final = "Name a public address; an operator can allow the host: hosts, under [build]."


class Guard(ThreadingHTTPServer):
    """Open between `with` and its end. url: as HTTP_PROXY takes it; refused: what was asked for and lies inside."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, way: Way) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        login = f"build:{secrets.token_urlsafe(16)}"
        self.way = way
        self.login = f"Basic {base64.b64encode(login.encode()).decode()}"
        self.url = f"http://{login}@127.0.0.1:{self.server_port}"
        self.refused: list[Inside] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is told by whoever used it; anything else is a fault of ours, for the log."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def look(self, addresses: Sequence[Address]) -> None:
        """Before anything is fetched, for its line. Raises: BuildFailed, one of them is inside."""
        seen = set()
        for address in addresses:
            found = parted(address.url)
            if found is None or found in seen:
                continue
            seen.add(found)
            try:
                with contextlib.suppress(OSError):  # whoever fetches it will say so
                    self.way.places(*found)
            except Inside as inside:
                text = f"{address.place} names {inside.told}. {THEN}"
                raise BuildFailed(text, file=address.file, line=address.line) from None

    def told(self, failed: BuildFailed, addresses: Sequence[Address]) -> BuildFailed:
        """Why it failed: what was refused on the way, with the line that led there; else as it was."""
        if not self.refused:
            return failed
        inside = self.refused[0]
        said = f"{failed.said} {failed.why}"
        by_host = [each for each in addresses if (found := parted(each.url)) and found[1] in said]
        led = next(iter(by_host), None) or (addresses[0] if len(addresses) == 1 else None)
        file, line = (failed.file, failed.line) if failed.file else (led.file, led.line) if led else ("", 0)
        begin = f"{file} line {line}" if line else "This build"
        text = f"{begin} leads to {inside.told}. {THEN}"
        return BuildFailed(text, file=file, line=line)


class _Request(BaseHTTPRequestHandler):
    """One connection, one request: what comes after belongs to another host, and is looked at anew."""

    server: Guard
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        """A tunnel, for TLS."""
        host, _, port = self.path.rpartition(":")
        if not host or not port.isdecimal():
            self.send_error(400)
            return
        found = self._way("https", host.strip("[]"), int(port))
        if found is None:
            return
        there, proxy = found
        with there:
            if proxy:  # its answer is ours
                login = f"Proxy-Authorization: {proxy.login}\r\n" if proxy.login else ""
                there.sendall(f"CONNECT {self.path} HTTP/1.1\r\nHost: {self.path}\r\n{login}\r\n".encode("latin-1"))
            else:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._both(there, _reading(there))

    def do_GET(self) -> None:
        """As it was asked, and the answer."""
        found = parted(self.path)
        if found is None or found[0] != "http":
            self.send_error(400)
            return
        way = self._way(*found)
        if way is None:
            return
        there, proxy = way
        with there:
            there.sendall(self._head(proxy))
            answer = _reading(there)
            status = 100
            while 100 <= status < 200:  # noqa: PLR2004  an interim answer comes before the answer
                status = self._answer(answer)
            self._both(there, answer)

    do_HEAD = do_POST = do_GET  # noqa: N815  the names that the library looks for

    def _way(self, scheme: str, host: str, port: int) -> tuple[socket.socket, Proxy | None] | None:
        """None: the client has its answer."""
        self.close_connection = True
        login = self.headers.get("Proxy-Authorization", "")
        if not secrets.compare_digest(login.encode(), self.server.login.encode()):
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="build"')
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            return None
        try:
            there, proxy = self.server.way.open(scheme, host, port)
        except Inside as inside:
            self.server.refused.append(inside)
            self.send_error(403, "This address is inside")
            return None
        except OSError as error:
            self.send_error(502, (error.strerror or "No answer").splitlines()[0])
            return None
        there.settimeout(None)  # its client has a patience of its own, and ends both
        return there, proxy

    def _head(self, proxy: Proxy | None) -> bytes:
        parts = urlsplit(self.path)
        target = self.path if proxy else parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        lines = [f"{self.command} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in OWN]
        lines += [f"Proxy-Authorization: {proxy.login}"] if proxy and proxy.login else []
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")

    def _answer(self, content: BufferedReader) -> int:
        """Hand on the head of an answer, and that nothing may follow it; its status."""
        lines: list[bytes] = []
        while (line := content.readline(LONGEST)) not in (b"\r\n", b"\n", b""):
            lines.append(line)
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in (b"connection", b"keep-alive")]
        first = kept[0].split() if kept else []
        status = int(first[1]) if len(first) > 1 and first[1].isdigit() else 502
        close = [] if 100 <= status < 200 else [b"Connection: close\r\n"]  # noqa: PLR2004
        self.wfile.write(b"".join([*kept, *close, b"\r\n"]) if first else b"HTTP/1.1 502 No answer\r\n\r\n")
        return status

    def _both(self, there: socket.socket, answer: BufferedReader) -> None:
        """Hand on what comes, each way, until either ends."""

        asked = cast("BufferedReader", self.rfile)

        def on() -> None:
            with contextlib.suppress(OSError, ValueError):
                while chunk := asked.read1(CHUNK):
                    there.sendall(chunk)
            with contextlib.suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=on, daemon=True).start()
        with contextlib.suppress(OSError):
            while chunk := answer.read1(CHUNK):
                self.wfile.write(chunk)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Nothing; a refusal is told in the build's own words."""


def _reading(there: socket.socket) -> BufferedReader:
    return there.makefile("rb")
