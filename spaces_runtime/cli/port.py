"""The one public port, seen from outside."""

from __future__ import annotations

import asyncio
import socket

from spaces_runtime.domain.errors import Fault

GIVEN_UP_WITHIN = 3.0  # seconds for what a killed platform left of itself
ANSWER_WITHIN = 2.0


async def check(port: int) -> None:
    """Raises a Fault when another program has the port."""
    deadline = asyncio.get_running_loop().time() + GIVEN_UP_WITHIN
    while not _is_free(port):
        if asyncio.get_running_loop().time() > deadline:
            raise Fault(what=f"listen on port {port}", why="another program does", then="Name another: --port N.")
        await asyncio.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def hub_answers(port: int) -> bool:
    """Whether a request that comes in there reaches the hub and is answered."""
    ask = f"GET /api/telemetry/ready HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(ask.encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
