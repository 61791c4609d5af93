"""When is an app up: when anything answers HTTP on its port."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from spaces_runtime.node.network import Sockets, connect

QUICK, SLOW = 0.005, 0.25  # seconds between looks: at first, and for apps that load for minutes
QUICK_FOR = 10.0
ANSWER_WITHIN = 30.0
HTTP = b"HTTP/"
CHUNK = 65536
QUESTION = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: spaces-readiness\r\nConnection: close\r\n\r\n"


async def answer(sockets: Sockets, port: int) -> socket.socket | None:
    """Ask once; any HTTP answer counts. None: nobody listens, or what listens does not speak HTTP."""
    try:
        made = await connect(sockets, port)
    except (OSError, TimeoutError):
        return None
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            await loop.sock_sendall(made, QUESTION % port)
            if (await loop.sock_recv(made, len(HTTP))) == HTTP:
                return made
    made.close()
    return None


async def up(sockets: Sockets, port: int) -> socket.socket:
    """Return when the app answers; looks often at first. The rest of its answer is in the socket."""
    began = asyncio.get_running_loop().time()
    while (made := await answer(sockets, port)) is None:
        quick = asyncio.get_running_loop().time() - began < QUICK_FOR
        await asyncio.sleep(QUICK if quick else SLOW)
    return made


async def take_leave(made: socket.socket) -> None:
    """Read the answer to its end: hanging up on an app in the middle puts an error of its own into its log."""
    with made, contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            while await asyncio.get_running_loop().sock_recv(made, CHUNK):
                pass
