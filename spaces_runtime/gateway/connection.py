"""The visitor's side: parses requests strictly, answers them in order, keeps the connection or closes it."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol

import httptools

from spaces_runtime.gateway.exchange import BEHIND, PARKED, PASSED, SLOW, Exchange, Host
from spaces_runtime.gateway.head import Field, Head, Malformed, check
from spaces_runtime.gateway.reply import refusal

HEAD_SECONDS = 20.0  # for a whole head to arrive
KEEP_SECONDS = 75.0  # an idle connection is kept
LINGER = 2.0  # seconds a client may still send after its answer, so that it can read it


class Shared(Protocol):
    """What the connections of one gateway have in common."""

    @property
    def host(self) -> Host: ...
    @property
    def max_head(self) -> int: ...
    @property
    def parked(self) -> int: ...
    @property
    def ending(self) -> bool: ...  # the gateway goes down: no keep-alive
    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...
    def unreadable(self, status: int) -> None: ...  # something that is no request was answered so


class Connection(asyncio.Protocol):
    """One connection of a visitor. Requests sent ahead wait parsed, at most one read's worth of them."""

    __slots__ = (
        "_fields", "_head_size", "_in_head", "_loop", "_parser", "_paused", "_queue", "_reading", "_refused", "_rest",
        "_shared", "_target", "_transport", "_tunnel", "closing", "is_full", "most_parked", "peer", "since",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.most_parked = shared.parked
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Exchange] = deque()
        self._reading: Exchange | None = None  # whose body is being read
        self._tunnel: Exchange | None = None
        self._refused: Malformed | None = None
        self._rest = b""
        self._paused = 0
        self.is_full = False
        self.closing = False
        self.peer = b""
        self.since = self._loop.time()
        self._fresh()

    def _fresh(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._start()

    def _start(self) -> None:
        self._target, self._head_size, self._in_head = b"", 0, False
        self._fields: list[Field] = []

    # What exchanges call.

    def write(self, data: bytes) -> None:
        """To the visitor."""
        self._transport.write(data)

    @property
    def unsent(self) -> int:
        """Bytes that were written and have not left yet."""
        return self._transport.get_write_buffer_size()

    def fileno(self) -> int:
        """Of the visitor's socket."""
        told: socket.socket = self._transport.get_extra_info("socket")
        return told.fileno()

    def keeps(self, head: Head) -> bool:
        """Whether the connection stays after this request."""
        return head.keep_alive and not head.upgrade and not self.closing and not self._shared.ending

    def pause(self, why: int) -> None:
        """Read no more until each reason is gone."""
        if not self._paused:
            self._transport.pause_reading()
        self._paused |= why

    def resume(self, why: int) -> None:
        """These reasons are gone."""
        if self._paused & why:
            self._paused &= ~why
            if not self._paused:
                self._transport.resume_reading()

    def tunnel(self, exchange: Exchange) -> None:
        """From here on raw bytes."""
        self._tunnel = exchange
        rest, self._rest = self._rest, b""
        if rest:
            exchange.from_visitor(rest)
        self.resume(BEHIND)

    def done(self, exchange: Exchange, *, keep: bool) -> None:
        """The answer was written whole."""
        unread = self._reading is exchange or self._refused is not None
        if self._reading is exchange:
            self._reading = None
        if self._queue and self._queue[0] is exchange:
            self._queue.popleft()
        if not keep or self._shared.ending:
            self._linger(unread=unread)
            return
        self.resume(PARKED | SLOW)
        self.since = self._loop.time()
        if self._queue:
            self._loop.call_soon(self._next)
        elif self._refused is not None:
            self._refuse(self._refused)
        else:
            self.resume(BEHIND)

    def close(self) -> None:
        """After what was written; what was not, never comes."""
        self.closing = True
        self._transport.close()

    def sweep(self, now: float) -> None:
        """Close what has been idle or half-said for too long. now: loop time."""
        if self._queue:
            if self._shared.ending and self._queue[0].endless:
                self.close()
            return
        if self._in_head or self._head_size:
            if now - self.since > HEAD_SECONDS:
                self._refuse(Malformed(408, f"The request's head did not arrive within {HEAD_SECONDS:.0f} s."))
        elif now - self.since > KEEP_SECONDS or self._shared.ending:
            self._transport.close()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a stream's transport, as servers make it
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]).removeprefix("::ffff:").encode() if isinstance(name, tuple) else b"127.0.0.1"
        self._shared.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.from_visitor(data)
            return
        if self.closing and self._reading is None:
            return
        if self._refused is not None:
            return
        if self._queue and self._queue[-1].head.upgrade:
            self._rest += data  # belongs to the protocol asked for, if it comes to that
            self.pause(BEHIND)
            return
        self._feed(data)

    def eof_received(self) -> None:
        return None  # a visitor who closes is gone: the app must know at once

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        for exchange in tuple(self._queue):
            exchange.visitor_gone()
        self._queue.clear()
        self._reading = None
        self._shared.closed(self)

    def pause_writing(self) -> None:
        self.is_full = True
        if self._queue:
            self._queue[0].visitor_slow()

    def resume_writing(self) -> None:
        self.is_full = False
        if self._queue:
            self._queue[0].visitor_ready()

    def _feed(self, data: bytes) -> None:
        self._head_size += len(data)  # of a head, or of trailers and chunk extensions: a body's bytes reset it
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            self._unreadable(str(error))
        else:
            if self._head_size > self._shared.max_head and self._refused is None:
                self._refuse_later(self._too_large())

    def _upgraded(self, rest: bytes) -> None:
        """The parser stopped after a head that asks for another protocol."""
        if self._refused is not None:
            return
        if self._queue and not self._queue[-1].head.upgrade:  # we do not take part in it: plain requests go on
            self._fresh()
            if rest:
                self._feed(rest)
        elif rest:
            self._rest += rest
            self.pause(BEHIND)

    def _unreadable(self, why: str) -> None:
        if self._refused is not None or (self._queue and not self._queue[-1].head.keep_alive and not self._reading):
            return  # refused already, or words after `Connection: close`
        self._refuse_later(Malformed(400, f"The request is not valid HTTP/1.1: {why}."))

    def _too_large(self) -> Malformed:
        return Malformed(431, f"The request's head is larger than {self._shared.max_head // 1024} KiB.")

    def _refuse_later(self, malformed: Malformed) -> None:
        """After the answers to the requests before it; a body that breaks off ends its own request."""
        reading, self._reading = self._reading, None
        self._refused = malformed
        if reading is not None and not reading.over:
            if reading.answered:
                reading.visitor_gone()
                self.close()
            else:
                reading.reply(refusal(None, malformed.status, malformed.why))
        elif not self._queue:
            self._refuse(malformed)

    def _refuse(self, malformed: Malformed) -> None:
        self._refused = malformed
        self._shared.unreadable(malformed.status)
        reply = refusal(None, malformed.status, malformed.why)
        self._transport.write(reply.rendered(connection=b"close", with_body=True))
        self._linger(unread=True)

    def _linger(self, *, unread: bool) -> None:
        """Close so that a client that still sends can read its answer: a close with unread bytes would reset."""
        self.closing = True
        if self._transport.is_closing():
            return
        if unread and self._transport.can_write_eof():
            self.resume(PARKED | SLOW | BEHIND | PASSED)
            self._transport.write_eof()
            self._loop.call_later(LINGER, self._transport.close)
        else:
            self._transport.close()

    def _next(self) -> None:
        if self._queue and not self._transport.is_closing():
            exchange = self._queue[0]
            if len(self._queue) == 1 and not self._rest:
                self.resume(BEHIND)
            exchange.host.receive(exchange)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._target, self._fields, self._in_head = b"", [], True
        self.since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._fields.append((name.lower(), name, value.strip()))

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = len(self._target) + sum(len(name) + len(value) + 4 for _, name, value in self._fields)
        self._head_size = 0
        if self._refused is not None:
            return
        head = check(
            method=self._parser.get_method(),
            target=self._target,
            version=self._parser.get_http_version(),
            fields=self._fields,
            keep_alive=self._parser.should_keep_alive(),
            upgrades=self._parser.should_upgrade(),
        )
        if size > self._shared.max_head:
            head = self._too_large()
        if isinstance(head, Malformed):
            self._refuse_later(head)
            return
        exchange = Exchange(self, head, self._shared.host)
        self._queue.append(exchange)
        self._reading = None if exchange.body_done else exchange
        if len(self._queue) == 1:
            self._shared.host.receive(exchange)
        else:
            self.pause(BEHIND)

    def on_body(self, data: bytes) -> None:
        self._head_size = 0
        if self._reading is not None:
            self._reading.visitor_body(data)

    def on_message_complete(self) -> None:
        reading, self._reading = self._reading, None
        self._head_size = 0
        if reading is not None:
            reading.visitor_done()
