"""One Space's turn: read what there is to know, learn, ask for a place, plan, act; until there is nothing to do.

A visit to a frozen Space goes through here in under 2 ms, with two round trips: thaw, and the order to open. Nothing
on that way asks the database, or the live store what it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from spaces_runtime.domain.actions import Action, Build, Close, Decision, Forget, Open, Resume, Start, Stop, Suspend
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ASLEEP, able, earned
from spaces_runtime.domain.lesson import Crashed, Failed, Lesson
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.route import Order
from spaces_runtime.domain.space import Hush, Space, Wish
from spaces_runtime.scheduler.act import Hands
from spaces_runtime.scheduler.allowed import Allowed
from spaces_runtime.scheduler.diagnose import End, diagnose
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.learn import learn
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.place import Capacity
from spaces_runtime.scheduler.places import Places
from spaces_runtime.scheduler.plan import plan
from spaces_runtime.scheduler.roster import Roster
from spaces_runtime.scheduler.sites import Sites
from spaces_runtime.scheduler.tell import Voice

log = structlog.get_logger()

AGAIN = 1.0  # seconds until a step that failed is tried again
LINES = 80  # of the run log that tell why an app ended
FRESH = 2.0  # seconds for which what the gateways saw needs no asking
LET_IN = 0.005  # seconds until what follows a wake is done: an awake app has answered by then
LONGEST = 120.0  # seconds one action may take
GAVE = "It gave its place to a Space that waited,"
MARK = "====="  # begins a line of ours in the run log


class Turns:
    """Looks at one Space at a time. Others are looked at, or when one is due, through the two callables."""

    def __init__(  # noqa: PLR0917 - all it works with
        self,
        parts: Parts,
        roster: Roster,
        sites: Sites,
        known: dict[SpaceId, Known],
        look: Callable[[SpaceId], None],
        due: Callable[[SpaceId, float | None], None],
    ) -> None:
        self._parts, self._roster, self._sites, self._known = parts, roster, sites, known
        self._look, self._due = look, due
        self._hands, self._voice = Hands(parts, roster), Voice(parts)
        self.places, self.allowed = Places(Capacity(memory=parts.stock.room)), Allowed(parts.allowances)
        self.since = 0.0  # when the live store began; counts as a touch for what runs

    async def take(self, name: SpaceId, known: Known) -> None:
        """Until there is nothing to do, or it has to wait."""
        async with known.turn:
            while known.again:
                known.again = False
                try:
                    known.again = await self._step(name, known) or known.again
                except (Unavailable, TimeoutError) as fault:
                    log.warning("a step has to wait", space=known.site.full, why=str(fault) or "it took too long")
                    self._later(name, known)
                except Exception:
                    log.exception("a step failed", space=known.site.full)
                    self._later(name, known)

    def _later(self, name: SpaceId, known: Known) -> None:
        known.tried = None
        self._due(name, self._parts.clock() + AGAIN)

    async def _step(self, name: SpaceId, known: Known) -> bool:
        """One look, and at most one action. True: look again at once."""
        now = self._parts.clock()
        known.rests = False
        space = await self._snapshot(name, known, now)
        if space is None:
            return False
        if lessons := learn(space, now):
            await self._keep(name, known, lessons)
            return True
        space = known.last = self._placed(known, space, now)
        decision = plan(space, now)
        if decision.action is None:
            await self._rest(known, space, decision, now)
            return False
        if decision.action == known.tried:  # it changed nothing: no hurry
            self._later(name, known)
            return False
        known.tried = decision.action
        said = partial(log.info, "act", space=known.site.full, why=decision.why, action=repr(decision.action))
        asyncio.get_running_loop().call_soon(said)  # while the act waits: a visitor does not wait for a line of a log
        await self._act(known, space, decision, decision.action, now)
        return not isinstance(decision.action, Forget)

    async def _keep(self, name: SpaceId, known: Known, lessons: tuple[Lesson, ...]) -> None:
        """Durably, and where people look."""
        for lesson in lessons:
            await self._parts.spaces.keep(name, lesson)
            self._parts.chronicle.learnt(name, lesson)
            if isinstance(lesson, Failed | Crashed):
                with contextlib.suppress(OSError):  # a full disk loses a line, not the lesson
                    await self._parts.logs.append(name, Source.RUN, f"{MARK} Ended: {lesson.why}")
        known.outdate()

    async def _rest(self, known: Known, space: Space, decision: Decision, now: float) -> None:
        known.tried, known.rests = None, True
        self._due(space.id, decision.due)
        await self._voice.route(known, space, now)
        await self._voice.stage(known, space, now)

    async def _act(self, known: Known, space: Space, decision: Decision, action: Action, now: float) -> None:
        if isinstance(action, Open | Close | Stop):
            await self._voice.route(known, space, now)
        if isinstance(action, Start | Suspend | Stop):  # these take a while, and pages say so meanwhile
            await self._voice.stage(known, space, now)
        if isinstance(action, Forget):
            await self._voice.gone(known, space)
        if isinstance(action, Resume | Start):
            known.waking = _begins(space, action, now)
        async with asyncio.timeout(LONGEST):
            await self._hands.do(known, space, action)
        touched = None if isinstance(action, Build | Start | Forget) else action.instance
        after = self._roster.find(space.id, touched) if touched is not None else None
        self._parts.chronicle.acted(space, action, decision.why, after=after.phase if after is not None else None)
        if isinstance(action, Open):
            begun = known.waking
            self._parts.chronicle.opened(space.id, begun)
            known.woke(self._parts.clock())
            if begun is not None:  # whoever watches is told when the visitor has had the cores for himself
                await asyncio.sleep(LET_IN)
        if isinstance(action, Forget):
            self.leave(space.id)

    def leave(self, name: SpaceId) -> None:
        """It is gone."""
        self._known.pop(name, None)
        self._sites.forget(name)
        self._due(name, None)
        for other in self.places.forget(name):
            self._look(other)

    # What there is to know

    async def _snapshot(self, name: SpaceId, known: Known, now: float) -> Space | None:
        """All there is to know of it now. A visit that has just come needs no question to database or live store."""
        durable = known.durable or await self._durable(name, known)
        if durable is None:
            self.leave(name)
            return None
        instances = self._roster.of(name)
        if now - max(known.touched_at, known.asked) > FRESH:
            for seen in (await self._parts.activity.seen([name])).values():
                known.saw(seen, now)
        if any(i.phase is Phase.READY for i in instances):
            known.touch(self.since)
        known.work(instances, now)
        durable = replace(durable, ladder=able(durable.ladder, self._parts.rungs))
        for i in instances:
            late = i.phase is Phase.STARTING and now >= i.since + durable.start_deadline
            if (late or i.phase is Phase.EXITED) and i.id not in known.why:
                known.why[i.id] = await self._diagnosed(durable, i, late=late)
        snapshot, gates = known.snapshot(durable, instances), dict(known.gates)
        await self._see_gates(known, snapshot, now)
        return snapshot if known.gates == gates else known.snapshot(durable, instances)

    async def _durable(self, name: SpaceId, known: Known) -> Space | None:
        version = known.version
        found = await self._parts.spaces.snapshot([name])
        if not found:
            return None
        await self._sites.load([name], self._known)
        known.read(found[0], version)
        return found[0]

    async def _see_gates(self, known: Known, space: Space, now: float) -> None:
        """Ask only where the answer is not known and counts: not on the way up."""
        awake = earned(space, now) is None and space.wish is Wish.SERVE
        alone = len(space.instances) == 1 and space.instances[0].spec == space.wanted
        for i in space.instances:
            order = known.orders.get(i.id)
            if order is not None and order.is_open:
                known.gates[i.id] = (Gate.OPEN, order.cut_at)
            elif i.answered and not (awake and order is not None and (alone or i.phase in ASLEEP)):
                known.gates[i.id] = gate, cut_at = await self._parts.gates.state(i.id, i.connections)
                if order is None and gate is not Gate.UNKNOWN:
                    known.orders[i.id] = Order(instance=i.id, is_open=gate is Gate.OPEN, cut_at=cut_at)

    async def _diagnosed(self, space: Space, i: Instance, *, late: bool) -> str:
        """Why an app ended, or does not answer, from its own last words."""
        lines = [line.text for line in await self._parts.logs.last(space.id, Source.RUN, LINES)]
        begins = [n for n, line in enumerate(lines) if line.startswith(MARK)]
        revision = next((r for r in (space.head, space.last_good) if r is not None and r.key == i.build), None)
        port = revision.artifact.port if revision is not None and revision.artifact is not None else 0
        return diagnose(
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
        """With its places; whoever gains or has to give way by that is looked at next."""
        owner, peak = known.site.owner, max([space.peak, *(i.peak for i in space.instances)])
        news = self.places.ask(space, now, peak, owner=owner, barred=self.allowed.barred(owner, now))
        waited, known.grant = known.grant.position, news.grant
        for name in news.evict:
            if (idle := self._known.get(name)) is not None:
                idle.pressed = Hush(at=now, phase=None, why=GAVE)
                log.info("gives way", space=idle.site.full, to=known.site.full)
                self._parts.chronicle.gave_way(name)
                self._look(name)
        for name in news.changed:
            self._look(name)
        space = replace(space, places=news.grant.places, position=news.grant.position, gpus=news.grant.gpus)
        if not space.position:
            return replace(space, waits=None)
        space = replace(space, waits=self.places.waits(space.id))
        if not waited:
            why = space.waits.said(now) if space.waits is not None else ""
            log.info("waits", space=known.site.full, position=space.position, why=why)
            self._parts.chronicle.waits(space.id, why)
        return space


def _begins(space: Space, action: Resume | Start, now: float) -> tuple[Phase | None, float] | None:
    """Where a wake begins; the first start of a revision is none."""
    if isinstance(action, Resume):
        return next(((i.phase, now) for i in space.instances if i.id == action.instance), None)
    return (None, now) if action.key in space.answered and not space.instances else None
