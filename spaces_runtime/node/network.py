"""Sockets inside a Space's network namespace, and what stands there.

A socket belongs to the namespace it was made in; after that any process may connect or bind it. So only the making
happens inside.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import select
import socket
import sys
from enum import Enum
from pathlib import Path
from typing import Protocol

from spaces_runtime.node import kernel
from spaces_runtime.node.inside import namespace
from spaces_runtime.node.sockets import SOCK_DIAG, Table

CONNECT_WITHIN = 5.0  # seconds; only a listener with a full backlog takes longer than a moment
HELPER_WITHIN = 10.0


class Wanted(Enum):
    """A kind of socket; the value is how the helper inside is asked for it."""

    IPV4 = b"4"
    IPV6 = b"6"
    DIAG = b"d"  # the kernel's own list of sockets


class Sockets(Protocol):
    """Makes sockets inside one network namespace."""

    def make(self, wanted: Wanted) -> socket.socket: ...  # non-blocking, but DIAG blocks; raises OSError
    def close(self) -> None: ...  # an open namespace stays alive after its processes


def _made(wanted: Wanted) -> socket.socket:
    if wanted is Wanted.DIAG:
        diag = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, SOCK_DIAG)
        diag.settimeout(CONNECT_WITHIN)
        return diag
    made = socket.socket(socket.AF_INET6 if wanted is Wanted.IPV6 else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    return made


class Entered:
    """For root: this thread enters the namespace for the moment of making. 5 µs."""

    def __init__(self, init: int) -> None:
        self._network = os.open(f"/proc/{init}/ns/net", os.O_RDONLY)
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)

    def make(self, wanted: Wanted) -> socket.socket:
        with kernel.inside(self._network, self._home):
            return _made(wanted)

    def close(self) -> None:
        os.close(self._network)
        os.close(self._home)


class Asked:
    """For an ordinary user: a helper process inside the namespaces makes them."""

    def __init__(self, process: asyncio.subprocess.Process, ours: socket.socket) -> None:
        self._process = process
        self._ours = ours

    def make(self, wanted: Wanted) -> socket.socket:
        self._ours.sendall(wanted.value)
        numbers = array.array("i")
        _, ancillary, _, _ = self._ours.recvmsg(1, socket.CMSG_LEN(numbers.itemsize))
        if not ancillary:
            raise ConnectionResetError("the helper in the namespace has ended")
        numbers.frombytes(ancillary[0][2])
        made = socket.socket(fileno=numbers[0])
        made.setblocking(wanted is Wanted.DIAG)
        return made

    def close(self) -> None:
        self._ours.close()  # it ends by itself


class Outside:
    """Without a sandbox there is no namespace."""

    def make(self, wanted: Wanted) -> socket.socket:
        return _made(wanted)

    def close(self) -> None:
        """Nothing is held."""


async def ask(init: int) -> Asked:
    """Start the helper for a sandbox. Raises: OSError, TimeoutError."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(namespace.__file__)), str(init)), stdin=theirs.fileno()
        )
    ours.setblocking(False)
    async with asyncio.timeout(HELPER_WITHIN):
        ready = await asyncio.get_running_loop().sock_recv(ours, 1)
    ours.setblocking(True)
    ours.settimeout(CONNECT_WITHIN)
    if not ready:
        raise ConnectionResetError("cannot enter the sandbox's network namespace")
    return Asked(process, ours)


async def connect(sockets: Sockets, port: int) -> socket.socket:
    """A connection to 127.0.0.1 inside, or ::1 where only that listens; 0.05 ms when the app listens.

    Raises: ConnectionRefusedError when the app does not listen; TimeoutError; OSError.
    """
    try:
        return await _connect(sockets.make(Wanted.IPV4), ("127.0.0.1", port))
    except ConnectionRefusedError:
        return await _connect(sockets.make(Wanted.IPV6), ("::1", port))


async def _connect(made: socket.socket, address: tuple[str, int]) -> socket.socket:
    try:
        error = made.connect_ex(address)
        if error and not select.select((), (made,), (), 0)[1]:
            async with asyncio.timeout(CONNECT_WITHIN):
                await asyncio.get_running_loop().sock_connect(made, address)
        _raise(made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except BaseException:
        made.close()
        raise
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _raise(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))


def listen(sockets: Sockets, port: int) -> list[socket.socket]:
    """Listeners on every loopback address inside, and on no other device. Fewer where IPv6 is off.

    By device, not by address: bubblewrap may not have brought the device up yet, and then there is no ::1 to bind.
    """
    made: list[socket.socket] = []
    for wanted, address in ((Wanted.IPV4, "0.0.0.0"), (Wanted.IPV6, "::")):  # noqa: S104 bound to lo
        with contextlib.suppress(OSError):
            sock = sockets.make(wanted)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
            if wanted is Wanted.IPV6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            sock.listen(128)
            made.append(sock)
    return made


def table(sockets: Sockets, init: int) -> Table:
    """What the kernel says about the namespace's sockets."""
    try:
        return Table(sockets.make(Wanted.DIAG), init)
    except OSError:
        return Table(None, init)
