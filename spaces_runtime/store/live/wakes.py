"""Reasons to look at a Space now: a queue, so that none is lost while the scheduler is being replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.store.live.connection import AWAY, Live, come_back

WAKES = "wakes"
LONGEST = 10_000  # waiting at once; older ones are covered by the scheduler's full pass
AT_ONCE = 64
VISIT, LOOK = b"v", b"l"


class LiveWakes:
    """The port Wakes. A visit reaches the waiting scheduler in one push, without polling."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def ask(self, space: SpaceId) -> None:
        await self._put(VISIT, space)

    async def look(self, space: SpaceId) -> None:
        await self._put(LOOK, space)

    async def _put(self, why: bytes, space: SpaceId) -> None:
        if await self._live.call("RPUSH", WAKES, why + space.encode()) > LONGEST:
            await self._live.call("LTRIM", WAKES, -LONGEST, -1)

    async def asked(self) -> AsyncIterator[tuple[SpaceId, bool]]:
        """For one reader: what waits, then what comes."""
        tries = 0
        while True:
            try:
                async with self._live.line() as line:
                    while True:
                        answer = await line.call("BLMPOP", 0, 1, WAKES, "LEFT", "COUNT", AT_ONCE)
                        tries = 0
                        for item in answer[1]:
                            yield SpaceId(item[1:].decode()), item[:1] == VISIT
            except (*AWAY, Unavailable) as error:
                tries += 1
                await come_back(tries, error)
