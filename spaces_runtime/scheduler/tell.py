"""Tells gateways, pages and clients what changed: route, stage, what was seen. Only what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import structlog

from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.route import Route
from spaces_runtime.domain.space import Space
from spaces_runtime.domain.stage import derive_stage
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.routes import route_of

log = structlog.get_logger()
STALE = 45.0  # seconds; readers doubt what is older than 90


class Voice:
    """What the scheduler says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._holders: dict[str, SpaceId] = {}  # whose route each host has: a name may pass from one to another

    async def route(self, known: Known, space: Space, now: float) -> None:
        """Before a door opens or shuts, the route must lead to the right one."""
        route = route_of(space, known.site, now)
        hosts = frozenset((*known.site.hosts, *known.site.former))
        if route == known.route and hosts == known.hosts:
            return
        for host in known.hosts - hosts:  # another Space has taken the name
            await self._withdraw(host, space.id)
        known.route, known.hosts = route, hosts
        await self._publish(known, space.id, route)

    async def stage(self, known: Known, space: Space, now: float) -> None:
        """After each step: what was seen, and the stage when its word or reason changed."""
        seen = observed(known, space, now, self._parts.rungs)
        if known.told is None or now - known.told.at > STALE or _meaning(seen) != _meaning(known.told):
            await self._parts.observations.publish({space.id: seen})
            known.told = seen
        shown = derive_stage(space, now)
        if shown != known.shown:
            await self._parts.events.publish(StageChanged(space=space.id, at=now, stage=shown.stage, why=shown.why))
            known.shown = shown
            log.info("stage", space=known.site.full, stage=shown.stage.value, why=shown.why)

    async def seen(self, knowns: Iterable[Known], now: float) -> None:
        """The last look at each, all at once, so that nobody takes them for forgotten."""
        told = {k.last.id: (k, observed(k, k.last, now, self._parts.rungs)) for k in knowns if k.last is not None}
        await self._parts.observations.publish({space: seen for space, (_, seen) in told.items()})
        for known, seen in told.values():
            known.told = seen

    async def gone(self, known: Known, space: Space) -> None:
        """Deleted: nothing answers there any more."""
        for host in {*known.hosts, *known.site.hosts, *known.site.former}:
            await self._withdraw(host, space.id)
        await self._parts.observations.publish({space.id: None})

    async def everything(self, known: Known) -> None:
        """The live store has lost all of it."""
        if known.route is not None:
            await self._publish(known, known.route.space, known.route)
        for order in known.orders.values():
            await self._parts.gates.order(order)
        known.told = None

    async def _publish(self, known: Known, space: SpaceId, route: Route) -> None:
        for host in known.site.hosts:  # first: nobody is to be sent where nothing answers yet
            self._holders[host] = space
            await self._parts.routes.publish(host, route)
        for host in known.site.former:
            if self._holders.get(host, space) == space:  # else it is another one's own by now
                self._holders[host] = space
                await self._parts.routes.publish(host, replace(route, moved=True))

    async def _withdraw(self, host: str, space: SpaceId) -> None:
        if self._holders.get(host, space) == space:
            self._holders.pop(host, None)
            await self._parts.routes.publish(host, None)


def observed(known: Known, space: Space, now: float, rungs: tuple[Phase, ...]) -> Observed:
    """The part of a snapshot that only the scheduler knows."""
    return Observed(
        at=now,
        instances=space.instances,
        touched_at=space.touched_at,
        worked_at=space.worked_at,
        held_since=space.held_since,
        places=space.places,
        position=space.position,
        waits=space.waits,
        usual=space.usual,
        pressed=known.pressed,
        rungs=rungs,
    )


def _meaning(seen: Observed) -> Observed:
    """Without what changes all the time and changes no stage."""
    still = tuple(replace(i, cpu=0.0, memory=0, peak=0, connections=None) for i in seen.instances)
    return replace(seen, at=0.0, instances=still)
