"""When is an app up: when anything answers HTTP on its port."""

from __future__ import annotations

import asyncio
import contextlib

from spaces_runtime.node.network import Sockets, connect

QUICK, SLOW = 0.005, 0.25  # seconds between looks: at first, and for apps that load for minutes
QUICK_FOR = 10.0
ANSWER_WITHIN = 30.0
QUESTION = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: spaces-readiness\r\nConnection: close\r\n\r\n"


async def answers(sockets: Sockets, port: int) -> bool:
    """One question; any HTTP answer counts. False: nobody listens, or what listens does not speak HTTP."""
    try:
        made = await connect(sockets, port)
    except (OSError, TimeoutError):
        return False
    loop = asyncio.get_running_loop()
    with made, contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            await loop.sock_sendall(made, QUESTION % port)
            return (await loop.sock_recv(made, 64)).startswith(b"HTTP/")
    return False


async def up(sockets: Sockets, port: int) -> None:
    """Return when the app answers; looks often at first."""
    began = asyncio.get_running_loop().time()
    while not await answers(sockets, port):
        quick = asyncio.get_running_loop().time() - began < QUICK_FOR
        await asyncio.sleep(QUICK if quick else SLOW)
