"""Observe, learn, place, plan, act. All awaiting of the scheduler is here and in act.py.

An event plans only the Space it names; each plan says when that Space is due again; every 30 s an audit looks at all,
so a lost event only delays. A Space has one turn at a time, different Spaces take theirs side by side.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable

import structlog

from spaces_runtime.domain.actions import Forget, Open, Resume, Start, Suspend
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import earned
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.route import Order
from spaces_runtime.domain.space import Hush, Space, Wish
from spaces_runtime.scheduler.act import Hands
from spaces_runtime.scheduler.diagnose import End, diagnose
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.learn import learn
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.place import Placement, claim, place
from spaces_runtime.scheduler.plan import ASLEEP, plan
from spaces_runtime.scheduler.roster import Roster
from spaces_runtime.scheduler.sites import Sites
from spaces_runtime.scheduler.tell import Voice

log = structlog.get_logger()

AUDIT = 30.0  # seconds between looks at everything
RESCAN = 60.0  # seconds between comparisons with git
STORE = 2.0  # seconds between questions whether the live store is still the same
AGAIN = 1.0  # seconds until a step that failed is tried again
LINES = 80  # of the run log that tell why an app ended
FRESH = 2.0  # seconds for which a touch needs no asking


class Scheduler:
    """Everything in memory can be lost: it is made again from the database, the engine and the live store."""

    def __init__(self, parts: Parts, tasks: asyncio.TaskGroup) -> None:
        self._parts, self._tasks = parts, tasks
        self._roster = Roster()
        self._hands, self._voice = Hands(parts, self._roster), Voice(parts)
        self._sites = Sites(parts)
        self._known: dict[SpaceId, Known] = {}
        self._agenda: list[tuple[float, SpaceId]] = []
        self._sooner = asyncio.Event()
        self._since = 0.0

    def __repr__(self) -> str:
        return f"<Scheduler {len(self._known)} Spaces, {len(self._agenda)} due>"

    def begin(self) -> list[asyncio.Task[None]]:
        """Start what goes on for ever."""
        loops = (self._audits, self._visits, self._changes, self._answers, self._clockwork, self._store, self._rescans)
        return [self._tasks.create_task(_for_ever(loop), name=loop.__name__) for loop in loops]

    # What makes it look

    async def _audits(self) -> None:
        while True:
            await self.audit()
            await asyncio.sleep(AUDIT)

    async def audit(self) -> None:
        """Read everything anew, and look at every Space."""
        began = time.monotonic()
        spaces = await self._parts.spaces.snapshot(None)
        self._roster.merge(await self._parts.engine.run.observe(), began)
        orphans = self._roster.spaces - {space.id for space in spaces}
        for orphan in orphans:
            await self._end_orphan(orphan, began)
        await self._sites.load([space.id for space in spaces], self._known)
        for space in spaces:
            if (known := self._known.get(space.id)) is not None:
                known.durable = space
                self.look(space.id)

    async def _end_orphan(self, space: SpaceId, moment: float) -> None:
        for instance in self._roster.of(space):
            log.warning("an instance of no Space", space=space, instance=instance.id)
            await self._parts.engine.run.stop(instance.id)
            self._roster.drop(instance, moment)

    async def _visits(self) -> None:
        async for space, visit in self._parts.wakes.asked():
            known = self._known.get(space) or await self._meet(space)
            if known is None:
                continue
            if visit:
                now = self._parts.clock()
                known.touch(now)
                known.woken_at = known.woken_at or now
            else:
                known.durable = None
            self.look(space)

    async def _changes(self) -> None:
        watches = self._parts.engine.watches
        if watches is None:
            return
        async for instance in watches.changes():
            if self._roster.put(instance, time.monotonic()):
                self.look(instance.space)

    async def _answers(self) -> None:
        async for name in self._parts.gates.answered():
            for space, known in self._known.items():
                if name in known.orders:
                    self.look(space)

    async def _clockwork(self) -> None:
        while True:
            self._sooner.clear()
            now = self._parts.clock()
            while self._agenda and self._agenda[0][0] <= now:
                self.look(heapq.heappop(self._agenda)[1])
            wait = self._agenda[0][0] - now if self._agenda else AUDIT
            try:
                async with asyncio.timeout(wait):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    async def _store(self) -> None:
        """A live store that began anew knows nothing of what was published."""
        while True:
            since = await self._parts.activity.since()
            if self._since and since != self._since:
                log.warning("the live store began anew: publishing everything again")
                for known in tuple(self._known.values()):
                    await self._voice.everything(known)
            self._since = since
            await asyncio.sleep(STORE)

    async def _rescans(self) -> None:
        while True:
            await self._parts.rescan()
            await asyncio.sleep(RESCAN)

    # Looking

    async def _meet(self, space: SpaceId) -> Known | None:
        await self._sites.load([space], self._known)
        return self._known.get(space)

    def look(self, space: SpaceId) -> None:
        """Give it a turn; if it has one, another when that is over."""
        known = self._known.get(space)
        if known is None:
            return
        known.again = True
        if not known.turn.locked():
            self._tasks.create_task(self._turn(space, known), name=f"turn {known.site.full}")

    def _due(self, space: SpaceId, at: float) -> None:
        heapq.heappush(self._agenda, (at, space))
        self._sooner.set()

    async def _turn(self, space: SpaceId, known: Known) -> None:
        async with known.turn:
            while known.again:
                known.again = False
                try:
                    known.again = await self._step(space, known) or known.again
                except Unavailable as fault:
                    log.warning("a step has to wait", space=known.site.full, why=str(fault))
                    self._due(space, self._parts.clock() + AGAIN)
                except Exception:
                    log.exception("a step failed", space=known.site.full)
                    self._due(space, self._parts.clock() + AGAIN)

    async def _step(self, name: SpaceId, known: Known) -> bool:
        """One look, and at most one action. True: look again at once."""
        now = self._parts.clock()
        space = await self._snapshot(name, known, now)
        if space is None:
            return False
        lessons = learn(space, now)
        for lesson in lessons:
            await self._parts.spaces.keep(name, lesson)
        if lessons:
            known.durable = None
            return True
        space = self._placed(known, space, now)
        decision = plan(space, now)
        action = decision.action
        if action is None or isinstance(action, Open):
            await self._voice.route(known, space, now)
        if action is None:
            await self._voice.stage(known, space, now)
            if decision.due is not None:
                self._due(name, decision.due)
            return False
        log.info("act", space=known.site.full, why=decision.why, action=repr(action))
        await self._act(known, space, action, now)
        return not isinstance(action, Forget)

    async def _act(self, known: Known, space: Space, action: object, now: float) -> None:
        moment = time.monotonic()
        if isinstance(action, Start | Suspend):  # pages say so while it goes on
            await self._voice.stage(known, space, now)
        if isinstance(action, Forget):
            await self._voice.gone(known, space)
        await self._hands.do(known, space, action, moment)  # type: ignore[arg-type]
        if isinstance(action, Forget):
            self._known.pop(space.id, None)
        if isinstance(action, Open) and known.woken_at is not None:
            known.usual, known.woken_at = self._parts.clock() - known.woken_at, None
        if isinstance(action, Resume):
            known.touch(now)

    async def _snapshot(self, name: SpaceId, known: Known, now: float) -> Space | None:
        """All there is to know of it now. A visit that has just come needs no question to database or live store."""
        if known.durable is None:
            found = await self._parts.spaces.snapshot([name])
            if not found:
                self._known.pop(name, None)
                return None
            await self._sites.load([name], self._known)
            known.durable = found[0]
        instances = self._roster.of(name)
        if now - known.touched_at > FRESH:
            for seen in (await self._parts.activity.seen([name])).values():
                known.saw(seen)
        if any(i.phase is Phase.READY for i in instances):
            known.touch(self._since)
        known.work(instances, now)
        await self._diagnose(known, now)
        await self._see_gates(known, known.snapshot(known.durable, instances), now)
        return known.snapshot(known.durable, instances)

    async def _see_gates(self, known: Known, space: Space, now: float) -> None:
        """Ask only where the answer is not known and would count."""
        awake = earned(space, now) is None and space.wish is Wish.SERVE
        for i in space.instances:
            order = known.orders.get(i.id)
            if order is not None and order.is_open:
                known.gates[i.id] = (Gate.OPEN, order.cut_at)
            elif i.answered and not (awake and i.phase in ASLEEP):
                known.gates[i.id] = gate, cut_at = await self._parts.gates.state(i.id, i.connections)
                if order is None:
                    known.orders[i.id] = Order(instance=i.id, is_open=gate is Gate.OPEN, cut_at=cut_at)

    async def _diagnose(self, known: Known, now: float) -> None:
        """Why an app ended, or does not answer, from its own last words."""
        space = known.durable
        if space is None:
            return
        for i in self._roster.of(space.id):
            late = i.phase is Phase.STARTING and now >= i.since + space.start_deadline
            if i.id in known.why or not (late or i.phase is Phase.EXITED):
                continue
            lines = [line.text for line in await self._parts.logs.last(space.id, Source.RUN, LINES)]
            begins = [n for n, line in enumerate(lines) if line.startswith("=====")]
            revision = next((r for r in (space.head, space.last_good) if r is not None and r.key == i.build), None)
            port = revision.artifact.port if revision is not None and revision.artifact is not None else 0
            known.why[i.id] = diagnose(
                End(
                    why=i.why,
                    lines=lines[begins[-1] + 1 :] if begins else lines,
                    port=port,
                    memory=space.setup.hardware.memory,
                    deadline=space.start_deadline if late else None,
                )
            )

    # Placing

    def _placed(self, known: Known, space: Space, now: float) -> Space:
        """With its places. Everybody's claim is weighed only when this one wants what it does not have."""
        mine = claim(space, now, known.peak, known.asked_at)
        known.last = space
        if mine.wants <= mine.holds:
            known.asked_at = 0.0
            known.grant = type(known.grant)(max(mine.holds, 1))
        else:
            known.asked_at = known.asked_at or now
            placement = self._place(now)
            known.grant = placement.grants[space.id]
            for name in placement.evict:
                self._tasks.create_task(self._evict(name, now))
        return known.snapshot(known.durable or space, space.instances)

    def _place(self, now: float) -> Placement:
        claims = [
            claim(known.last, now, known.peak, known.asked_at)
            for known in self._known.values()
            if known.last is not None
        ]
        return place(claims, self._parts.capacity)

    async def _evict(self, name: SpaceId, now: float) -> None:
        """An idle Space gives way to one that waits."""
        await self._parts.spaces.hush(name, Hush(at=now, phase=None))
        if (known := self._known.get(name)) is not None:
            log.info("gives way", space=known.site.full)
            known.durable = None
            self.look(name)


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
        going = Scheduler(parts, tasks).begin()
        await stop.wait()
        for task in going:
            task.cancel()
        await parts.queue.close()
