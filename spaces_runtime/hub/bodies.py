"""Large bodies: read from the visitor's own socket, which a gateway passed to us. See domain.handing.

Without this each byte goes through the gateway's parser, a second socket, the server's parser and its queue; so the
kernel hands it to the thread that hashes and writes it.
"""

from __future__ import annotations

import array
import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Request

from spaces_runtime.domain.errors import Invalid, Unavailable
from spaces_runtime.domain.handing import BODY, passed

LONGEST = 64  # bytes of a message
COMES_WITHIN = 5.0  # seconds between a socket and the request that names it, either first
SILENT = 60.0  # seconds a sender may pause
MOST = 2**21  # bytes read at a time
WAKE_AT = 2**19  # bytes that are worth a look


class Bodies:
    """Sockets that gateways passed and no request has claimed yet. listener: a SOCK_SEQPACKET for gateways alone."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._given: dict[str, asyncio.Future[socket.socket]] = {}
        self._gateways: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        try:
            while True:
                gateway, _ = await loop.sock_accept(self._listener)
                task = asyncio.create_task(self._receive(gateway))
                self._gateways.add(task)
                task.add_done_callback(self._gateways.discard)
        finally:
            for task in tuple(self._gateways):
                task.cancel()
            for given in self._given.values():
                _drop(given)
            self._listener.close()

    async def take(self, number: str) -> socket.socket:
        """The socket that came with this number; the caller closes it. Raises: Unavailable when none comes."""
        try:
            async with asyncio.timeout(COMES_WITHIN):
                return await asyncio.shield(self._expected(number))
        except TimeoutError as error:
            why = "the gateway did not pass the connection on"
            raise Unavailable(what="receive the file", why=why, then="Send it again.") from error
        finally:
            self._given.pop(number, None)

    async def _receive(self, gateway: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        gateway.setblocking(False)
        numbers = array.array("i")
        with gateway:
            while True:
                await _readable(gateway)
                try:
                    said, rights, _, _ = gateway.recvmsg(LONGEST, socket.CMSG_LEN(numbers.itemsize))
                except OSError:
                    return
                if not said:
                    return
                if rights:
                    descriptor = array.array("i", rights[0][2])[0]
                    given = self._expected(said.decode(errors="replace"))
                    given.set_result(socket.socket(fileno=descriptor))
                    loop.call_later(COMES_WITHIN, self._forget, said.decode(errors="replace"))

    def _expected(self, number: str) -> asyncio.Future[socket.socket]:
        if number not in self._given:
            self._given[number] = asyncio.get_running_loop().create_future()
        return self._given[number]

    def _forget(self, number: str) -> None:
        """Its request never came."""
        given = self._given.pop(number, None)
        if given is not None:
            _drop(given)


def announced(request: Request) -> int:
    """How many bytes the sender said that it would send; 0: it did not."""
    length, told = request.headers.get("content-length", ""), passed(request.headers.get(BODY, ""))
    return (int(length) if length.isdecimal() else 0) + (told.rest if told else 0)


@asynccontextmanager
async def content_of(request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of a request's body, from wherever they come. A socket that was passed is let go of at the end.

    Raises, while they are read: Invalid when the sender stops half-way.
    """
    told = passed(request.headers.get(BODY, ""))
    if told is None:
        yield request.stream()
        return
    bodies: Bodies = request.app.state.bodies
    with await bodies.take(told.number) as visitor:
        visitor.setblocking(False)
        try:
            yield _all(request, visitor, told.rest)
        finally:
            with suppress(OSError):
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def _all(request: Request, visitor: socket.socket, rest: int) -> AsyncIterator[bytes]:
    """What the gateway had read, then what the visitor still sends."""
    async for piece in request.stream():
        yield piece
    while rest:
        piece = await _piece(visitor, rest)
        rest -= len(piece)
        yield piece


async def _piece(visitor: socket.socket, rest: int) -> bytes:
    """What has come; a slow line is waited for no longer than a silent one, and what it sent until then counts."""
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(rest, WAKE_AT))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENT):
                await _readable(visitor)
        piece = visitor.recv(min(rest, MOST))
    except OSError as error:  # nothing came, or the connection broke
        raise _stopped(rest) from error
    if not piece:
        raise _stopped(rest)
    return piece


def _stopped(rest: int) -> Invalid:
    return Invalid(
        what="receive the file", why=f"the sender stopped {rest} bytes before its end", then="Send it again."
    )


async def _readable(sock: socket.socket) -> None:
    """Until it has something to read, or has ended."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, _mark, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _drop(given: asyncio.Future[socket.socket]) -> None:
    if given.done() and not given.cancelled():
        given.result().close()
    given.cancel()
