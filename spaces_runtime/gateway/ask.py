"""Asks the hub whose token this is: only the hub knows tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from spaces_runtime.domain.ids import SpaceId

REMEMBER = 1.0  # seconds an answer counts: a token taken back is refused after that
SECONDS = 5.0
MOST = 4096  # answers kept

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HubCheck:
    """May the bearer of this token visit this Space? dial: connects to the hub."""

    def __init__(self, dial: Callable[[], Awaitable[Stream]]) -> None:
        self._dial = dial
        self._known: dict[tuple[SpaceId, bytes], tuple[float, bool]] = {}
        self._asking: dict[tuple[SpaceId, bytes], asyncio.Task[bool]] = {}

    def known(self, space: SpaceId, authorization: bytes) -> bool | None:
        """The answer of this second; None: the hub must be asked."""
        now = asyncio.get_running_loop().time()
        at, allowed = self._known.get((space, authorization), (now - REMEMBER, False))
        return allowed if now - at < REMEMBER else None

    async def allowed(self, space: SpaceId, authorization: bytes) -> bool:
        """Ask.

        Raises:
            OSError, TimeoutError: when the hub gives no answer.
        """
        key = (space, authorization)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._ask(*key))
            task.add_done_callback(lambda _task: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, space: SpaceId, authorization: bytes) -> bool:
        async with asyncio.timeout(SECONDS):
            reader, writer = await self._dial()
            try:
                path = f"/internal/visitor?space={quote(space, safe='')}".encode()
                writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % path)
                writer.write(b"Authorization: " + authorization + b"\r\n\r\n")
                line = await reader.readline()
            finally:
                writer.close()
        status = line.split(b" ")[1:2]
        if status not in ([b"200"], [b"401"], [b"403"], [b"404"]):
            raise ConnectionError("The hub could not check the token")
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[(space, authorization)] = (asyncio.get_running_loop().time(), status == [b"200"])
        return status == [b"200"]
