"""Carries one action out: gate, engine, builds. Each may be repeated, and may be lost."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from math import inf
from typing import assert_never
from uuid import uuid4

import structlog

from spaces_runtime.domain.actions import Action, Build, Close, Forget, Open, Resume, Start, Stop, Suspend
from spaces_runtime.domain.errors import Fault, Missing, RungFailed, Unavailable
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.domain.lesson import Crashed
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.ports.engine import Suspends
from spaces_runtime.domain.route import Order
from spaces_runtime.domain.space import BuildState, Lease, Revision, Space
from spaces_runtime.scheduler.environment import environment
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.learn import backoff, lower
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.roster import Roster

log = structlog.get_logger()
FIRST_WAIT = 10.0  # seconds before a start that could not even begin is tried again


class Hands:
    """All that the scheduler does to the world. roster: is told at once what an act changed."""

    def __init__(self, parts: Parts, roster: Roster) -> None:
        self._parts = parts
        self._roster = roster

    async def do(self, known: Known, space: Space, action: Action) -> None:
        """One step."""
        match action:
            case Build(key):
                await self._parts.builds.record(space.id, Revision(key=key, build=BuildState.QUEUED))
                await self._parts.queue.submit(space, space.source.repo, key)
                known.outdate()
            case Start():
                await self._start(known, space, action)
            case Open(name):
                await self._order(known, Order(instance=name, is_open=True))
            case Close(name, within):
                cut_at = inf if within == inf else self._parts.clock() + within
                await self._order(known, Order(instance=name, is_open=False, cut_at=cut_at))
            case Suspend(name, rung):
                await self._suspend(known, space, name, rung)
            case Resume(name):
                await self._resume(known, space, name)
            case Stop(name):
                await self._stop(known, space, name)
            case Forget():
                await self._forget(space)
            case _:
                assert_never(action)

    async def _order(self, known: Known, order: Order) -> None:
        await self._parts.gates.order(order)
        known.orders[order.instance] = order

    async def _start(self, known: Known, space: Space, start: Start) -> None:
        revision = _revision(space, start)
        if revision.artifact is None:
            return  # the snapshot was out of date
        try:
            mounts = await self._parts.mounts(space) if space.setup.volumes else ()
        except (Fault, OSError) as error:
            await self._cannot(known, space, start, str(error))
            return
        hub = self._parts.names.hub_for(internet=space.setup.internet)
        env = environment(known.site, space.setup, await self._parts.secrets.open_all(space.id), hub)
        name = InstanceId(uuid4().hex[:16])
        if space.gpus:
            lease = Lease(instance=name, gpus=tuple(gpu.id for gpu in space.gpus), at=self._parts.clock())
            await self._parts.spaces.set_lease(space.id, lease)
            known.outdate()
        spec = StartSpec(
            id=name,
            space=space.id,
            build=start.key,
            spec=start.spec,
            artifact=revision.artifact,
            setup=space.setup,
            mounts=mounts,
            gpus=space.gpus,
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
            hardware=space.setup.hardware.name,
            gpus=tuple(gpu.id for gpu in space.gpus),
        )
        if self._roster.find(space.id, born.id) is None:  # else there is news of it already
            self._roster.put(born, time.monotonic())

    async def _cannot(self, known: Known, space: Space, start: Start, why: str) -> None:
        """As if it had started and ended at once: said, and tried again later."""
        last = space.crashed
        in_row = last.count + 1 if last is not None and last.spec == start.spec else 1
        retry_at = self._parts.clock() + max(backoff(in_row), FIRST_WAIT)
        crashed = Crashed(
            spec=start.spec, instance=InstanceId(uuid4().hex[:16]), count=in_row, retry_at=retry_at, why=why
        )
        await self._say(space, why)
        await self._parts.spaces.keep(space.id, crashed)
        known.outdate()

    async def _stop(self, known: Known, space: Space, name: InstanceId) -> None:
        await self._parts.engine.run.stop(name)
        if (instance := self._roster.find(space.id, name)) is not None:
            self._roster.drop(instance, time.monotonic())
            if (peak := lower(space, instance)) is not None:
                await self._parts.spaces.keep(space.id, peak)
                known.outdate()
        known.ended(name)
        await self._parts.gates.forget(name)
        if space.lease is not None and space.lease.instance == name:
            await self._parts.spaces.set_lease(space.id, None)
            known.outdate()

    async def _suspend(self, known: Known, space: Space, name: InstanceId, rung: Phase) -> None:
        before = self._roster.find(space.id, name)
        try:
            await self._suspends().suspend(name, rung)
            if before is not None:
                self._now(space, name, before.phase, rung)
        except Missing:
            self._lost(known, space, name)
        except RungFailed as fault:
            await self._failed(known, space, name, rung, fault)

    async def _failed(self, known: Known, space: Space, name: InstanceId, rung: Phase, fault: RungFailed) -> None:
        """It is not tried again for this build."""
        log.warning("a rung failed", space=space.id, rung=rung.value, why=fault.why)
        self._parts.chronicle.rung_failed(space.id, rung, fault.why)
        key = next((i.build for i in space.instances if i.id == name), None)
        if key is not None:
            await self._say(space, f"Cannot be {rung.value}: {fault.why}. Not tried again until the next build")
            await self._parts.spaces.leave_out(space.id, key, rung.value)
        known.outdate()

    async def _resume(self, known: Known, space: Space, name: InstanceId) -> None:
        before = self._roster.find(space.id, name)
        try:
            await self._suspends().resume(name)
        except Missing:
            self._lost(known, space, name)
        except RungFailed as fault:  # it has ended: a start follows
            if before is not None:
                self._now(space, name, before.phase, Phase.EXITED, fault.why)
                await self._failed(known, space, name, before.phase, fault)
            return
        if before is not None:
            self._now(space, name, before.phase, Phase.READY)

    def _lost(self, known: Known, space: Space, name: InstanceId) -> None:
        """The engine has never heard of it, or no longer: it went without a word."""
        log.warning("an instance vanished", space=space.id, instance=name)
        if (instance := self._roster.find(space.id, name)) is not None:
            self._roster.drop(instance, time.monotonic())
        known.ended(name)

    def _now(self, space: Space, name: InstanceId, before: Phase, after: Phase, why: str = "") -> None:
        """Known by the engine's answer; its news of it may come later, or has come and is newer."""
        there = self._roster.find(space.id, name)
        if there is not None and there.phase is before:
            now = replace(there, phase=after, since=self._parts.clock(), why=why or there.why)
            self._roster.put(now, time.monotonic())

    def _suspends(self) -> Suspends:
        if self._parts.engine.suspends is None:
            raise Unavailable(what="suspend an instance", why="this engine has no rungs")
        return self._parts.engine.suspends

    async def _forget(self, space: Space) -> None:
        """The last traces; the row goes last, so that a crash in between leaves somebody who asks again."""
        await self._parts.queue.forget(space.id)
        await self._parts.clear(space.id)
        try:
            await self._parts.logs.forget(space.id)
        except OSError as error:  # not worth keeping the Space for
            log.warning("logs of a deleted Space stay", space=space.id, why=str(error))
        await self._parts.spaces.forget(space.id)

    async def _say(self, space: Space, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk loses a line, not the start
            await self._parts.logs.append(space.id, Source.RUN, f"===== {text}")


def _revision(space: Space, start: Start) -> Revision:
    found = (r for r in (space.head, space.last_good) if r is not None and r.key == start.key)
    return next(found, Revision(key=start.key, build=BuildState.NONE))
