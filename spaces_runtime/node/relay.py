"""From inside a Space to the platform's gateway: bytes, both ways, on a thread of its own.

A Space's own network has no way out; where the platform's port stands on its loopback device, this listens. So the
hub, and other Spaces by name, are reached inside under the very address that a browser on this machine uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

CHUNK = 256 * 1024  # bytes


class Relay:
    """Carries connections from listeners, made inside namespaces, to 127.0.0.1:port outside."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()

    def serve(self, listeners: Sequence[socket.socket]) -> Carried:
        """Start to accept. The listeners belong to the relay from now on."""
        carried = Carried(self._loop)
        for listener in listeners:
            self._loop.call_soon_threadsafe(carried.begin, self._accept(listener, carried))
        return carried

    async def _accept(self, listener: socket.socket, carried: Carried) -> None:
        with listener:
            while True:
                try:
                    inner, _ = await self._loop.sock_accept(listener)
                except OSError:  # out of descriptors: later again
                    await asyncio.sleep(0.1)
                    continue
                carried.begin(self._carry(inner))

    async def _carry(self, inner: socket.socket) -> None:
        with inner, socket.socket() as outer, contextlib.suppress(OSError):
            inner.setblocking(False)
            outer.setblocking(False)
            await self._loop.sock_connect(outer, ("127.0.0.1", self.port))
            for sock in (inner, outer):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(self._pour(inner, outer), self._pour(outer, inner))

    async def _pour(self, source: socket.socket, target: socket.socket) -> None:
        """Until the source says no more; then say so to the target. A broken side breaks both."""
        buffer = memoryview(bytearray(CHUNK))
        try:
            while count := await self._loop.sock_recv_into(source, buffer):
                await self._loop.sock_sendall(target, buffer[:count])
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for sock in (source, target):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the thread; what is still carried is cut with the process."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class Carried:
    """The listeners and connections of one Space."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """On the relay's thread only."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """From any thread: close every socket, so that the namespace can go."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
