"""What happened to a Space, in order: a stream each, cut at its newest thousand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.events import Event
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.store.codec import dumps, loads_any
from spaces_runtime.store.live.connection import AWAY, Line, Live, come_back

KEPT = 1000  # events of one Space
FORGOTTEN = 7 * 86400  # seconds after its last event
CURSOR = re.compile(r"\d{1,19}(-\d{1,19})?")


class LiveEvents:
    """The port Events. A cursor is the id of the last event somebody has seen."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def publish(self, event: Event) -> None:
        key = _key(event.space)
        await self._live.calls(
            ("XADD", key, "MAXLEN", "~", KEPT, "*", "e", dumps(event)),
            ("EXPIRE", key, FORGOTTEN),
        )

    async def stream(self, space: SpaceId, after: str) -> AsyncIterator[tuple[str, Event]]:
        """Each event with its cursor. A cursor that is none counts as empty: from now on."""
        key, cursor, tries = _key(space), after if CURSOR.fullmatch(after) else "", 0
        while True:
            try:
                async with self._live.line() as line:
                    cursor = cursor or await _newest(line, key)
                    while True:
                        [[_, entries]] = await line.call("XREAD", "COUNT", 100, "BLOCK", 0, "STREAMS", key, cursor)
                        tries = 0
                        for name, fields in entries:
                            cursor = name.decode()
                            yield cursor, loads_any(Event, fields[1])
            except (*AWAY, Unavailable) as error:
                tries += 1
                await come_back(tries, error)


async def _newest(line: Line, key: str) -> str:
    """The cursor of now. Not `$`, which would be a later moment after each loss of the connection."""
    entries = await line.call("XREVRANGE", key, "+", "-", "COUNT", 1)
    return entries[0][0].decode() if entries else "0-0"


def _key(space: SpaceId) -> str:
    return f"events:{space}"
