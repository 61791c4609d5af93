"""What makes the scheduler look: events, the agenda, and an audit of everything each 30 s, so a lost event only delays.

An event plans only the Space it names; each plan says when that Space is due again. A Space has one turn at a time,
different Spaces take theirs side by side: a slow start delays no other Space's wake.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.figures import Source
from spaces_runtime.domain.hardware import Stock
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.space import Hush, Space
from spaces_runtime.scheduler.allowed import on_gpus
from spaces_runtime.scheduler.gauges import gauges
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.place import Capacity
from spaces_runtime.scheduler.roster import Roster
from spaces_runtime.scheduler.sites import Sites
from spaces_runtime.scheduler.tell import Voice
from spaces_runtime.scheduler.turn import Turns

log = structlog.get_logger()

AUDIT = 30.0  # seconds between looks at everything
RESCAN = 60.0  # seconds between comparisons with git
STORE = 2.0  # seconds between questions whether the live store is still the same
AGAIN = 1.0  # seconds until a loop that failed begins again
AT_ONCE = 20  # looks that an audit begins before it lets a visit go first


class Scheduler:
    """Everything in memory can be lost: it is made again from the database, the engine and the live store."""

    def __init__(self, parts: Parts, tasks: asyncio.TaskGroup) -> None:
        self._parts, self._tasks = parts, tasks
        self._known: dict[SpaceId, Known] = {}
        self._roster, self._sites, self._voice = Roster(), Sites(parts), Voice(parts)
        self._turns = Turns(parts, self._roster, self._sites, self._known, self.look, self._due)
        self._has = parts.stock  # what there is
        self._told: Stock | None = None  # what was told of it last
        self._agenda: list[tuple[float, SpaceId]] = []
        self._sooner = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Scheduler {len(self._known)} Spaces, {len(self._agenda)} due>"

    def begin(self) -> list[asyncio.Task[None]]:
        """Start what goes on for ever."""
        looks = (self._audits, self._visits, self._changes, self._answers, self._clockwork, self._store, self._rescans)
        loops = (*looks, self._parts.chronicle.keep_writing)
        return [self._tasks.create_task(_for_ever(loop), name=loop.__name__) for loop in loops]

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is counted here."""
        queue, chronicle = self._parts.queue, self._parts.chronicle
        return (*chronicle.sources, queue.took, *gauges(self._known, self._roster, self._turns.places, queue))

    def look(self, space: SpaceId) -> None:
        """Give it a turn; if it has one, another when that is over."""
        known = self._known.get(space)
        if known is None:
            return
        known.again = True
        if not known.turn.locked():
            self._tasks.create_task(self._turns.take(space, known), name=f"turn {known.site.full}")

    def _due(self, space: SpaceId, at: float | None) -> None:
        """Look again then; None: only when something happens. Replaces what was said before."""
        known = self._known.get(space)
        if known is None or known.due == at:
            return
        known.due = at
        if at is not None:
            heapq.heappush(self._agenda, (at, space))
            self._sooner.set()

    # What makes it look

    async def _audits(self) -> None:
        while True:
            await self.audit()
            await asyncio.sleep(AUDIT)

    async def audit(self) -> None:
        """Read everything anew; look at every Space that has something, or of which something is new."""
        began, now = time.monotonic(), self._parts.clock()
        spaces = {space.id: space for space in await self._parts.spaces.snapshot(None)}
        await self._observe(began)
        await self._meter(spaces, now)
        await self._devices()
        for orphan in self._roster.spaces - spaces.keys():
            await self._end_orphan(orphan)
        strangers = spaces.keys() - self._known.keys()
        await self._sites.load(list(spaces), self._known)
        for space, seen in (await self._parts.observations.latest(list(strangers))).items():
            if (known := self._known.get(space)) is not None:
                known.remember(seen)
        touched = await self._touched(spaces, now)
        await self._voice.seen(self._known.values(), now)
        await self._look_at(spaces, strangers | touched)

    async def _devices(self) -> None:
        gpus, no_gpus = await self._parts.devices()
        stock = self._parts.stock
        self._has = replace(stock, gpus=gpus, no_gpus=no_gpus)
        limits = self._turns.allowed.memory({known.site.owner for known in self._known.values()})
        for name in self._turns.places.settle(Capacity(memory=stock.room, gpus=gpus), limits):
            self.look(name)

    async def _meter(self, spaces: dict[SpaceId, Space], now: float) -> None:
        """Count the GPU hours that were used; who has none left is put to sleep, and not started again."""
        owners = {name: known.site.owner for name, known in self._known.items()}
        await self._turns.allowed.meter(on_gpus(spaces, owners, self._roster.everyone), now)
        await self._turns.allowed.refresh(now)
        for name in {i.space for i in self._roster.everyone if i.gpus and i.space in self._known}:
            known = self._known[name]
            if why := self._turns.allowed.barred(known.site.owner, now):
                known.pressed = Hush(at=now, phase=None, why=f"{why}. Asleep")
                self.look(name)

    async def _tell_stock(self) -> None:
        """When it has changed, and now and then: whoever reads it sees how old it is."""
        reserved, leased, waiting = self._turns.places.taken()
        now = self._parts.clock()
        stock = replace(self._has, reserved=reserved, leased=leased, waiting=waiting)
        if self._told is None or replace(self._told, at=0.0) != stock or now - self._told.at > AUDIT:
            self._told = replace(stock, at=now)
            await self._parts.stocks.publish(self._told)

    async def _observe(self, began: float) -> None:
        for lost in self._roster.merge(await self._parts.engine.run.observe(), began):
            log.warning("an instance vanished", space=lost.space, instance=lost.id)
            if (known := self._known.get(lost.space)) is not None:
                known.ended(lost.id)
                self.look(lost.space)
            await self._parts.gates.forget(lost.id)

    async def _touched(self, spaces: dict[SpaceId, Space], now: float) -> set[SpaceId]:
        """Those that somebody visited, though no visit was told."""
        found: set[SpaceId] = set()
        for space, seen in (await self._parts.activity.seen(list(spaces))).items():
            known = self._known.get(space)
            if known is not None:
                if seen.touched_at > known.touched_at or seen.held_since != known.held_since:
                    found.add(space)
                known.saw(seen, now)
        return found

    async def _look_at(self, spaces: dict[SpaceId, Space], new: set[SpaceId]) -> None:
        """Others rest: nothing of them runs, nothing of them changed."""
        begun = 0
        for name in self._known.keys() | spaces.keys():
            known, space = self._known.get(name), spaces.get(name)
            if known is None:
                continue
            if known.durable is None and known.version == 0 and space is not None:
                known.durable = space
            elif known.durable != space:  # not taken over: a turn may have read something newer meanwhile
                known.outdate()
                new.add(name)
            if name in new or not known.rests or known.grant.position or self._roster.of(name):
                self.look(name)
                begun += 1
                if begun % AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _end_orphan(self, space: SpaceId) -> None:
        for instance in self._roster.of(space):
            log.warning("an instance of no Space", space=space, instance=instance.id)
            await self._parts.engine.run.stop(instance.id)
            self._roster.drop(instance, time.monotonic())
            await self._parts.gates.forget(instance.id)

    async def _visits(self) -> None:
        async for space, visit in self._parts.wakes.asked():
            if space in self._known:
                self._hear(space, visit=visit)
            else:
                self._tasks.create_task(self._meet(space, visit=visit), name=f"meet {space}")

    def _hear(self, space: SpaceId, *, visit: bool) -> None:
        """A visit, or a word that something of it is another now."""
        known = self._known.get(space)
        if known is not None and visit:
            known.touch(self._parts.clock())
        elif known is not None:
            known.outdate()
        self.look(space)

    async def _meet(self, space: SpaceId, *, visit: bool) -> None:
        """One that is not known yet: it was just created, or there is none. An audit may have read it before that."""
        try:
            await self._sites.load([space], self._known)
        except Exception:
            log.exception("cannot read a Space", space=space)  # the audit will
            return
        self._hear(space, visit=visit)

    async def _changes(self) -> None:
        watches = self._parts.engine.watches
        if watches is None:
            return
        async for instance in watches.changes():
            if self._roster.put(instance, time.monotonic()):
                self.look(instance.space)

    async def _answers(self) -> None:
        async for name in self._parts.gates.answered():
            space = self._roster.home(name)
            if space is not None:
                self.look(space)

    async def _clockwork(self) -> None:
        while True:
            self._sooner.clear()
            now = self._parts.clock()
            while self._agenda and self._agenda[0][0] <= now:
                at, space = heapq.heappop(self._agenda)
                if (known := self._known.get(space)) is not None and known.due == at:
                    known.due = None
                    self.look(space)
            wait = min(self._agenda[0][0] - now, AUDIT) if self._agenda else AUDIT
            try:
                async with asyncio.timeout(wait):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    async def _store(self) -> None:
        """A live store that began anew knows nothing of what was published."""
        while True:
            since = await self._parts.activity.since()
            if self._turns.since and since != self._turns.since:
                log.warning("the live store began anew: publishing everything again")
                for name, known in tuple(self._known.items()):
                    await self._voice.everything(known)
                    self.look(name)
                self._told = None
            self._turns.since = since
            await self._tell_stock()
            await asyncio.sleep(STORE)

    async def _rescans(self) -> None:
        while True:
            await self._parts.rescan()
            await asyncio.sleep(RESCAN)


async def _for_ever(loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that ends, ends by an error: it is said, and begun again."""
    while True:
        try:
            await loop()
        except Unavailable as fault:
            log.warning("waits", loop=loop.__name__, why=str(fault))
        except Exception:
            log.exception("failed", loop=loop.__name__)
        await asyncio.sleep(AGAIN)


async def run(parts: Parts, stop: asyncio.Event) -> None:
    """Schedule until `stop` is set. Instances run on."""
    await parts.builds.reset_unfinished()
    async with asyncio.TaskGroup() as tasks:
        scheduler = Scheduler(parts, tasks)
        going = scheduler.begin()
        async with parts.telling(scheduler.sources):
            await stop.wait()
        for task in going:
            task.cancel()
        await parts.queue.close()
        await parts.chronicle.write()
