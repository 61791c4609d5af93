"""Carries one action out: gate, engine, builds. Each may be repeated, and may be lost."""

from __future__ import annotations

from math import inf
from uuid import uuid4

import structlog

from spaces_runtime.domain.actions import Action, Build, Close, Forget, Open, Resume, Start, Stop, Suspend
from spaces_runtime.domain.errors import RungFailed, Unavailable
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.ports.engine import Suspends
from spaces_runtime.domain.route import Order
from spaces_runtime.domain.space import BuildState, Revision, Space
from spaces_runtime.scheduler.environment import environment
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.roster import Roster

log = structlog.get_logger()


class Hands:
    """All that the scheduler does to the world. roster: is told at once what an act changed."""

    def __init__(self, parts: Parts, roster: Roster) -> None:
        self._parts = parts
        self._roster = roster

    async def do(self, known: Known, space: Space, action: Action, moment: float) -> None:
        """One step. moment: of the roster's clock."""
        match action:
            case Build(key):
                await self._parts.builds.record(space.id, Revision(key=key, build=BuildState.QUEUED))
                await self._parts.queue.submit(space, space.source.repo, key)
                known.durable = None
            case Start():
                await self._start(known, space, action, moment)
            case Open(name):
                await self._order(known, Order(instance=name, is_open=True))
            case Close(name, within):
                cut_at = inf if within == inf else self._parts.clock() + within
                await self._order(known, Order(instance=name, is_open=False, cut_at=cut_at))
            case Suspend(name, rung):
                await self._suspend(known, space, name, rung)
            case Resume(name):
                await self._suspends().resume(name)
            case Stop(name):
                await self._stop(known, space, name, moment)
            case Forget():
                await self._forget(space)

    async def _order(self, known: Known, order: Order) -> None:
        await self._parts.gates.order(order)
        known.orders[order.instance] = order

    async def _start(self, known: Known, space: Space, start: Start, moment: float) -> None:
        revision = _revision(space, start)
        if revision.artifact is None:
            return  # the snapshot was out of date
        env = environment(
            known.site, space.setup, await self._parts.secrets.open_all(space.id), self._parts.names.hub_url
        )
        spec = StartSpec(
            id=InstanceId(uuid4().hex[:16]),
            space=space.id,
            build=start.key,
            spec=start.spec,
            artifact=revision.artifact,
            setup=space.setup,
            env=env,
        )
        await self._say(space, f"Starting {start.key.short} on {space.setup.hardware.name}")
        await self._parts.engine.run.start(spec)
        born = Instance(
            id=spec.id,
            space=space.id,
            build=start.key,
            spec=start.spec,
            phase=Phase.STARTING,
            since=self._parts.clock(),
        )
        if not any(i.id == born.id for i in self._roster.of(space.id)):
            self._roster.put(born, moment)  # news of it that came meanwhile is newer

    async def _stop(self, known: Known, space: Space, name: InstanceId, moment: float) -> None:
        await self._parts.engine.run.stop(name)
        for instance in self._roster.of(space.id):
            if instance.id == name:
                self._roster.drop(instance, moment)
        known.ended(name)
        await self._parts.gates.forget(name)

    async def _suspend(self, known: Known, space: Space, name: InstanceId, rung: Phase) -> None:
        try:
            await self._suspends().suspend(name, rung)
        except RungFailed as fault:
            log.warning("a rung failed", space=space.id, rung=rung.value, why=fault.why)
            key = next((i.build for i in space.instances if i.id == name), None)
            if key is not None:
                await self._parts.spaces.leave_out(space.id, key, rung.value)
            known.durable = None

    def _suspends(self) -> Suspends:
        if self._parts.engine.suspends is None:
            raise Unavailable(what="suspend an instance", why="this engine has no rungs")
        return self._parts.engine.suspends

    async def _forget(self, space: Space) -> None:
        """The last traces; the row goes last, so that a crash in between leaves somebody who asks again."""
        await self._parts.queue.forget(space.id)
        await self._parts.clear(space.id)
        await self._parts.spaces.forget(space.id)

    async def _say(self, space: Space, text: str) -> None:
        await self._parts.logs.append(space.id, Source.RUN, f"===== {text}")


def _revision(space: Space, start: Start) -> Revision:
    found = (r for r in (space.head, space.last_good) if r is not None and r.key == start.key)
    return next(found, Revision(key=start.key, build=BuildState.NONE))
