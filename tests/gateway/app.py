"""A small upstream on raw sockets: an app that does what its path says. Runs in the test's own loop."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request as the app read it."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def names(self) -> list[str]:
        return [key.lower() for key, _ in self.headers]


@dataclass
class App:
    """What it saw, and what it is told to do. released: set to let /wait answer."""

    name: str = "app"
    seen: list[Seen] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0  # event streams open now
    opened: int = 0  # connections ever
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # a stream's visitor left
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    answers: dict[str, bytes] = field(default_factory=dict)  # path → raw answer
    port: int = 0
    server: asyncio.Server | None = None

    async def start(self) -> App:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        self.server.close()
        for writer in tuple(self.writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _one(self, reader, writer) -> bool:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = raw[:-4].split("\r\n")
        seen = Seen(line, [tuple(part.strip() for part in one.split(":", 1)) for one in lines])
        self.seen.append(seen)
        path = line.split(" ")[1].partition("?")[0]
        if path == "/early":
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            return True
        if path == "/upload":
            return await self._upload(reader, writer, seen)
        seen.body = await self._body(reader, seen)
        if path in self.answers:
            writer.write(self.answers[path])
            await writer.drain()
            return b"content-length" in self.answers[path].lower()
        kind = getattr(self, "_" + path.strip("/").split("/")[0], None)
        if kind is not None:
            return await kind(reader, writer, seen)
        told = {"app": self.name, "line": seen.line, "headers": seen.headers, "size": len(seen.body)}
        body = json.dumps(told).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + (b"" if seen.line.startswith("HEAD") else body))
        await writer.drain()
        return True

    async def _body(self, reader, seen: Seen) -> bytes:
        if seen.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
            return body
        return await reader.readexactly(int(seen.get("content-length") or 0))

    async def _upload(self, reader, writer, seen: Seen) -> bool:
        """Counts without keeping."""
        left = size = int(seen.get("content-length"))
        while left:
            left -= len(await reader.read(min(left, 65536)) or b"x" * left)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%d" % (len(str(size)), size))
        return True

    async def _wait(self, reader, writer, seen) -> bool:
        await self.released.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        return True

    async def _sse(self, reader, writer, seen) -> bool:
        return await self._stream(reader, writer, b"data: tick\n\n")

    async def _heartbeat(self, reader, writer, seen) -> bool:
        return await self._stream(reader, writer, b"data: ALIVE\n\n")

    async def _stream(self, reader, writer, event: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.streams += 1
        try:
            await reader.read(1)  # until the visitor leaves
        finally:
            self.streams -= 1
            self.gone.set()
        return False

    async def _dies(self, reader, writer, seen) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await writer.drain()
        return False

    async def _ws(self, reader, writer, seen) -> bool:
        """Echoes raw bytes after the switch."""
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data)
        return False
