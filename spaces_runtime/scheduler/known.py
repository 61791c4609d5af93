"""What the scheduler remembers of one Space between looks: its durable part, and what is not kept anywhere else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf

from spaces_runtime.domain.actions import Action
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.domain.observed import Observed, later
from spaces_runtime.domain.route import Order, Route, Seen
from spaces_runtime.domain.space import Hush, Space
from spaces_runtime.domain.stage import Shown
from spaces_runtime.scheduler.place import Grant
from spaces_runtime.scheduler.site import Site
from spaces_runtime.scheduler.work import Sample, measured

NOTHING = Grant(0)
ALIKE = 1.5  # a wake that took up to so many times longer or shorter is no news


@dataclass(slots=True)
class Known:
    """One Space. turn: one look or act at a time. Times are Unix seconds.

    durable: as the database has it; None: to be read again. version: counts the reasons to.
    again: to be looked at once more. due: when, without an event. rests: the last look found nothing to do.
    tried: the last action; the same one again would be in vain.
    asked: when the live store was asked last what the gateways saw.
    pressed: it gives its place to one that waits.
    usual: seconds a wake takes, by where it began (None: cold). waking: where the present one began, and when.
    orders, gates: what the gateways were told of each instance, and what came of it. why: diagnosed ends.
    shown, route, hosts, told: what was published last. last: the snapshot that was planned last.
    """

    site: Site
    durable: Space | None = None
    version: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    again: bool = False
    due: float | None = None
    rests: bool = False
    tried: Action | None = None
    touched_at: float = 0.0
    asked: float = 0.0
    held_since: float | None = None
    sample: Sample | None = None
    worked_at: float = 0.0
    grant: Grant = NOTHING
    pressed: Hush | None = None
    usual: dict[Phase | None, float] = field(default_factory=dict)
    waking: tuple[Phase | None, float] | None = None
    orders: dict[InstanceId, Order] = field(default_factory=dict)
    gates: dict[InstanceId, tuple[Gate, float]] = field(default_factory=dict)
    why: dict[InstanceId, str] = field(default_factory=dict)
    shown: Shown | None = None
    route: Route | None = None
    hosts: frozenset[str] = frozenset()
    told: Observed | None = None
    last: Space | None = None

    def outdate(self) -> None:
        """The database has, or may have, something newer."""
        self.durable = None
        self.version += 1

    def read(self, space: Space, version: int) -> None:
        """From the database, asked for at that version; what changed meanwhile is to be read again."""
        if version == self.version:
            self.durable = space

    def remember(self, seen: Observed) -> None:
        """What an earlier scheduler saw."""
        self.touch(seen.touched_at)
        self.pressed = seen.pressed
        self.worked_at = max(self.worked_at, min(seen.worked_at, seen.at))
        if seen.usual:
            live = [i for i in seen.instances if i.phase is not Phase.EXITED]
            self.usual.setdefault(live[0].phase if live else None, seen.usual)

    def touch(self, at: float) -> None:
        """Somebody asked for it."""
        self.touched_at = max(self.touched_at, at)

    def saw(self, seen: Seen, now: float) -> None:
        """What the gateways told."""
        self.touch(seen.touched_at)
        self.held_since, self.asked = seen.held_since, now

    def work(self, instances: tuple[Instance, ...], now: float) -> None:
        """Measure CPU work of its own."""
        ready = next((i for i in instances if i.phase is Phase.READY), None)
        self.sample, self.worked_at = measured(self.sample, self.worked_at, ready, self.touched_at, now)

    def woke(self, now: float) -> None:
        """Its door opened."""
        if self.waking is not None:
            begun, at = self.waking
            before = self.usual.get(begun, 0.0)
            if not before / ALIKE < now - at < before * ALIKE:
                self.usual[begun] = now - at
        self.waking = None

    def snapshot(self, durable: Space, instances: tuple[Instance, ...]) -> Space:
        """All that a decision may look at."""
        return replace(
            durable,
            instances=tuple(self._seen(i) for i in instances),
            touched_at=max(durable.touched_at, self.touched_at),
            worked_at=self.worked_at,
            held_since=self.held_since,
            hush=later(durable.hush, self.pressed),
            places=self.grant.places,
            position=self.grant.position,
            gpus=self.grant.gpus,
            usual=self._usual(durable, instances),
        )

    def _seen(self, i: Instance) -> Instance:
        gate, cut_at = self.gates.get(i.id, (Gate.UNKNOWN, inf))
        return replace(i, gate=gate, cut_at=cut_at, why=self.why.get(i.id, i.why))

    def _usual(self, durable: Space, instances: tuple[Instance, ...]) -> float:
        """From where it is; for one that runs, from where it will be first: else each sleep would change its route."""
        live = [i.phase for i in instances if i.phase is not Phase.EXITED]
        if not live:
            return self.usual.get(None, 0.0)
        asleep = next((phase for phase in live if phase in ASLEEP), None)
        first = durable.ladder[0].phase if durable.ladder else None
        return self.usual.get(first if asleep is None else asleep, 0.0)

    def ended(self, instance: InstanceId) -> None:
        """Nothing of it is left."""
        for memory in (self.orders, self.gates, self.why):
            memory.pop(instance, None)
