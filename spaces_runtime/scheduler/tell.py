"""Tells gateways, pages and clients what changed: route, stage, what was seen. Only what changed."""

from __future__ import annotations

from dataclasses import replace

import structlog

from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.space import Space
from spaces_runtime.domain.stage import derive_stage
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.routes import route_of

log = structlog.get_logger()


class Voice:
    """What the scheduler says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def route(self, known: Known, space: Space, now: float) -> None:
        """Before a door opens, its route must be there."""
        route = route_of(space, known.site, now)
        if route != known.route:
            for host in known.site.hosts:
                await self._parts.routes.publish(host, route)
            known.route = route

    async def stage(self, known: Known, space: Space, now: float) -> None:
        """After each step: what was seen always, the stage when its word or reason changed."""
        await self._parts.observations.publish({space.id: observed(known, space, now)})
        shown = derive_stage(space, now)
        if shown != known.shown:
            known.shown = shown
            log.info("stage", space=known.site.full, stage=shown.stage.value, why=shown.why)
            await self._parts.events.publish(StageChanged(space=space.id, at=now, stage=shown.stage, why=shown.why))

    async def gone(self, known: Known, space: Space) -> None:
        """Deleted: nothing answers there any more."""
        for host in known.site.hosts:
            await self._parts.routes.publish(host, None)
        await self._parts.observations.publish({space.id: None})

    async def everything(self, known: Known) -> None:
        """The live store has lost all of it."""
        if known.route is not None:
            for host in known.site.hosts:
                await self._parts.routes.publish(host, known.route)
        for order in known.orders.values():
            await self._parts.gates.order(replace(order))


def observed(known: Known, space: Space, now: float) -> Observed:
    """The part of a snapshot that only the scheduler knows."""
    return Observed(
        at=now,
        instances=space.instances,
        touched_at=space.touched_at,
        worked_at=space.worked_at,
        held_since=space.held_since,
        places=space.places,
        position=space.position,
        usual=space.usual,
        peak=known.peak,
    )
