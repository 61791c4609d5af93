"""The app's side of a connection, and the pool that keeps idle ones of one instance.

Every answer is parsed to its end before the connection is used again, so no answer can reach another request.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import httptools

from spaces_runtime.gateway.head import Field

IDLE = 3.0  # seconds an idle connection is kept: uvicorn and Express close theirs after 5
MOST_IDLE = 256  # per instance
MOST_HEAD = 256 * 1024  # bytes of an answer's head
DIAL = 10.0  # seconds
AHEAD = 2**20  # bytes of an upload that wait here for a slow app: with less, each side keeps waiting for the other


class Errand(Protocol):
    """A request that goes through an upstream connection; its answer comes back by these calls, in this order."""

    @property
    def bodiless(self) -> bool: ...  # HEAD: the answer has no body whatever its headers say
    def sent_over(self, upstream: Upstream) -> None: ...
    def not_dialled(self, why: str) -> None: ...
    def hint(self, status: int, reason: bytes, fields: list[Field]) -> None: ...  # 1xx, not 101
    def answer(self, status: int, reason: bytes, fields: list[Field], *, sized: bool, ends: bool) -> None: ...
    def body(self, data: bytes) -> None: ...
    def finish(self) -> None: ...
    def switch(self, reason: bytes, fields: list[Field]) -> None: ...
    def from_app(self, data: bytes) -> None: ...
    def broken(self, why: str) -> None: ...
    def slow(self) -> None: ...
    def ready(self) -> None: ...


class Pool:
    """Connections to one instance. dial: makes a connected, non-blocking socket."""

    def __init__(self, dial: Callable[[], Awaitable[socket.socket]]) -> None:
        self._dial = dial
        self._idle: list[Upstream] = []
        self._waiting: deque[Errand] = deque()
        self._dialling = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Pool(idle={len(self._idle)}, dialling={self._dialling}, waiting={len(self._waiting)})"

    def take(self) -> Upstream | None:
        """An idle connection that still stands, newest first."""
        while self._idle:
            upstream = self._idle.pop()
            if upstream.stands():
                return upstream
            upstream.abort()
        return None

    def go(self, errand: Errand) -> None:
        """Send the errand over an idle connection now, or over a new one as soon as it stands."""
        upstream = self.take()
        if upstream is not None:
            upstream.carry(errand)
        else:
            self.go_fresh(errand)

    def go_fresh(self, errand: Errand) -> None:
        """Over a new connection: whichever of those being made stands first."""
        self._waiting.append(errand)
        if self._dialling < len(self._waiting):
            self._begin()

    def prepare(self) -> None:
        """Somebody will want to go soon: have a connection then. The kernel takes it for an app that is frozen."""
        if not self._idle and not self._dialling:
            self._begin()

    def give(self, upstream: Upstream) -> None:
        """Take back a connection whose answer was read to its end."""
        if len(self._idle) < MOST_IDLE:
            self._idle.append(upstream)
        else:
            upstream.abort()

    def drop(self, upstream: Upstream) -> None:
        """It has ended."""
        if upstream in self._idle:
            self._idle.remove(upstream)

    def close_idle(self, before: float = float("inf")) -> None:
        """Close what has been idle since before that loop time; all of it by default."""
        stale = [u for u in self._idle if u.idle_since < before]
        self._idle = [u for u in self._idle if u.idle_since >= before]
        for upstream in stale:
            upstream.abort()

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long. now: loop time."""
        if self._idle:
            self.close_idle(now - IDLE)

    def _begin(self) -> None:
        self._dialling += 1
        task = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        upstream, why = None, ""
        try:
            async with asyncio.timeout(DIAL):
                sock = await self._dial()
                make = loop.create_unix_connection if sock.family == socket.AF_UNIX else loop.create_connection
                _, upstream = await make(lambda: Upstream(self, sock), sock=sock)
        except TimeoutError:
            why = f"It took no connection within {DIAL:.0f} s."
        except Exception as error:  # noqa: BLE001 - a task's root; whatever it was, the visitor is told
            why = str(error) or type(error).__name__
        finally:
            self._dialling -= 1
        errand = self._waiting.popleft() if self._waiting else None
        if upstream is None:
            if errand is not None:
                errand.not_dialled(why)
        elif errand is not None:
            upstream.carry(errand)
        else:
            upstream.wait()
            self.give(upstream)


class Upstream(asyncio.Protocol):
    """One connection to an app."""

    __slots__ = (
        "_bodiless", "_chunked", "_complete", "_errand", "_fields", "_head_size", "_keep", "_length", "_parser",
        "_pool", "_reason", "_sock", "_status", "_stray", "_tunnel", "_until_end", "idle_since", "transport", "uses",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, pool: Pool, sock: socket.socket) -> None:
        self._pool, self._sock = pool, sock
        self._errand: Errand | None = None
        self.uses = 0
        self.idle_since = 0.0
        self._tunnel = False
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._complete = self._stray = self._until_end = self._keep = False
        self._status, self._reason, self._head_size = 0, b"", 0
        self._fields: list[Field] = []
        self._chunked = self._length = self._bodiless = False

    def stands(self) -> bool:
        """Whether the other end has neither closed nor said anything unasked."""
        if self.transport.is_closing():
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # its end, or bytes that answer nothing

    def wait(self) -> None:
        """Made before anybody needs it: the app may hang up meanwhile, as it may on one that was used."""
        self.uses = 1
        self.idle_since = asyncio.get_running_loop().time()

    def carry(self, errand: Errand) -> None:
        """Serve this errand next."""
        self._errand = errand
        self.uses += 1
        errand.sent_over(self)

    def release(self, *, reusable: bool) -> None:
        """The errand is over. reusable: the whole request was sent, too."""
        self._errand = None
        if reusable and self._keep and not self._stray and not self.transport.is_closing():
            if self._bodiless:  # the parser still waits for the body that HEAD leaves out
                self._parser = httptools.HttpResponseParser(self)
            self._reset()
            self.idle_since = asyncio.get_running_loop().time()
            self.transport.resume_reading()
            self._pool.give(self)
        else:
            self.abort()

    def abort(self) -> None:
        """End at once; the app sees it as a visitor who left."""
        self._errand = None
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # a stream's transport, as loop.create_connection makes it
        self.transport.set_write_buffer_limits(high=AHEAD)

    def data_received(self, data: bytes) -> None:
        errand = self._errand
        if errand is None:
            self._pool.drop(self)
            self.transport.abort()
            return
        if self._tunnel:
            errand.from_app(data)
            return
        self._head_size += len(data)  # of a head, or of trailers and chunk extensions: a body's bytes reset it
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:  # ours, not the app's
            self._fail("The gateway failed on this answer.")
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail(f"The app's answer is not valid HTTP: {error}.")
                return
            self._stray = True
        if self._complete and self._errand is errand:
            errand.finish()
        elif self._head_size > MOST_HEAD:
            self._fail("The app's answer has a head of more than 256 KiB.")

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.drop(self)
        errand, self._errand = self._errand, None
        if errand is None:
            return
        if exc is None and self._until_end and self._status:
            self._errand = errand
            errand.finish()
        else:
            errand.broken("The app closed the connection before its answer was complete.")

    def pause_writing(self) -> None:
        if self._errand is not None:
            self._errand.slow()

    def resume_writing(self) -> None:
        if self._errand is not None:
            self._errand.ready()

    def _fail(self, why: str) -> None:
        errand, self._errand = self._errand, None
        self.transport.abort()
        if errand is not None:
            errand.broken(why)

    def _switch(self, rest: bytes) -> None:
        errand = self._errand
        if errand is None or self._status != 101:  # noqa: PLR2004
            self._fail("The app changed the protocol unasked.")
            return
        self._tunnel = True
        errand.switch(self._reason, self._fields)
        if rest and self._errand is errand:
            errand.from_app(rest)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._stray = self._complete

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        if self._status:  # a trailer
            return
        lower = name.lower()
        if lower == b"transfer-encoding":
            self._chunked = True
        elif lower == b"content-length":
            self._length = True
        self._fields.append((lower, name, value.strip()))

    def on_headers_complete(self) -> None:
        errand = self._errand
        if errand is None or self._complete:
            return
        status = self._parser.get_status_code()
        if status == 101 or 100 <= status < 200:  # noqa: PLR2004
            self._status = status if status == 101 else 0  # noqa: PLR2004
            if status != 101:  # noqa: PLR2004
                errand.hint(status, self._reason, self._fields)
                self._reason, self._fields, self._head_size = b"", [], 0
            return
        self._status = status
        self._keep = self._parser.should_keep_alive()
        self._bodiless = errand.bodiless
        empty = errand.bodiless or status in (204, 304)
        self._until_end = not (empty or self._chunked or self._length)
        if sum(len(name) + len(value) for name, _, value in self._fields) > MOST_HEAD:
            self._fail("The app's answer has a head of more than 256 KiB.")
            return
        errand.answer(status, self._reason, self._fields, sized=self._length, ends=empty)
        self._complete = empty

    def on_body(self, data: bytes) -> None:
        self._head_size = 0
        if self._complete:
            self._stray = True
        elif self._errand is not None:
            self._errand.body(data)

    def on_message_complete(self) -> None:
        if self._status and self._status != 101:  # noqa: PLR2004
            self._complete = True
