"""The gateways' side of the node: an instance's id in, a connected socket out. 0.2 ms."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable

from spaces_runtime.domain import sandbox
from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.node.control import peer

Dial = Callable[[InstanceId], Awaitable[socket.socket]]


class Dialing:
    """Serves gateways on a listening SOCK_SEQPACKET socket. allowed: users that may connect to Spaces."""

    def __init__(self, listener: socket.socket, dial: Dial, allowed: frozenset[int]) -> None:
        self._listener, self._dial, self._allowed = listener, dial, allowed
        self._gateways: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                gateway, _ = await loop.sock_accept(self._listener)
                if peer(gateway) not in self._allowed:
                    gateway.close()
                    continue
                task = asyncio.create_task(self._serve(gateway))
                self._gateways.add(task)
                task.add_done_callback(self._gateways.discard)
        finally:
            for task in tuple(self._gateways):
                task.cancel()

    async def _serve(self, gateway: socket.socket) -> None:
        """Each question is answered when it can be: an app that takes no connection delays nobody else's."""
        loop = asyncio.get_running_loop()
        gateway.setblocking(False)
        answering: set[asyncio.Task[None]] = set()
        try:
            with gateway, contextlib.suppress(OSError):
                while question := await loop.sock_recv(gateway, sandbox.LONGEST_DIAL):
                    task = asyncio.create_task(self._answer(gateway, question))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
        finally:
            for task in tuple(answering):
                task.cancel()

    async def _answer(self, gateway: socket.socket, question: bytes) -> None:
        number, _, name = question.partition(b" ")
        try:
            made = await self._dial(InstanceId(name.decode(errors="replace")))
        except ConnectionRefusedError:
            await self._send(gateway, [number, b" ", sandbox.REFUSED.encode()], ())
        except (OSError, TimeoutError) as error:
            fault = BackendUnavailable(what="connect to an app", why=str(error) or "it accepts no connection")
            await self._send(gateway, [number, b" ", json.dumps(sandbox.tell_fault(fault)).encode()], ())
        else:
            with made:
                await self._send(gateway, [number, b" ok"], (made.fileno(),))

    async def _send(self, gateway: socket.socket, answer: list[bytes], numbers: tuple[int, ...]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))] if numbers else []
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has hung up
            while True:
                try:
                    gateway.sendmsg(answer, rights)
                except BlockingIOError:
                    await asyncio.sleep(0.001)
                else:
                    return
