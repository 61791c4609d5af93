"""The scheduler's last look at each Space."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.observed import Observed
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.live.connection import Command, Live

OBSERVED = "observed"  # hash: Space → what was seen


class LiveObservations:
    """The port Observations. How old a look may be is for the reader to judge, by Observed.at."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def publish(self, seen: Mapping[SpaceId, Observed | None]) -> None:
        """None: the Space is gone."""
        there = [word for space, one in seen.items() if one is not None for word in (space, dumps(one))]
        gone = [space for space, one in seen.items() if one is None]
        commands: list[Command] = []
        if there:
            commands.append(("HSET", OBSERVED, *there))
        if gone:
            commands.append(("HDEL", OBSERVED, *gone))
        if commands:
            await self._live.calls(*commands)

    async def latest(self, named: Collection[SpaceId]) -> Mapping[SpaceId, Observed]:
        """Those of which anything is known."""
        names = list(named)
        if not names:
            return {}
        found = await self._live.call("HMGET", OBSERVED, *names)
        return {name: loads(Observed, one) for name, one in zip(names, found, strict=True) if one is not None}
