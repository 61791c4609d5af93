"""What the scheduler remembers of one Space between looks: its durable part, and what is not kept anywhere else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.route import Order, Route, Seen
from spaces_runtime.domain.space import Space
from spaces_runtime.domain.stage import Shown
from spaces_runtime.scheduler.place import Grant
from spaces_runtime.scheduler.site import Site
from spaces_runtime.scheduler.work import Sample, measured


@dataclass(slots=True)
class Known:
    """One Space. turn: one look or act at a time. Times are Unix seconds.

    durable: as the database has it; None: to be read again.
    orders: what the gateways were told of each instance. why: diagnosed ends, by instance.
    asked_at: since when it waits for a place. woken_at: a visit found it asleep; until it opens.
    shown, route: what was published last. last: the snapshot that was planned last.
    """

    site: Site
    durable: Space | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    again: bool = False
    touched_at: float = 0.0
    held_since: float | None = None
    sample: Sample | None = None
    worked_at: float = 0.0
    grant: Grant = field(default_factory=lambda: Grant(0))
    asked_at: float = 0.0
    peak: int = 0
    usual: float = 0.0
    woken_at: float | None = None
    orders: dict[InstanceId, Order] = field(default_factory=dict)
    gates: dict[InstanceId, tuple[Gate, float]] = field(default_factory=dict)
    why: dict[InstanceId, str] = field(default_factory=dict)
    shown: Shown | None = None
    route: Route | None = None
    last: Space | None = None

    def touch(self, at: float) -> None:
        """Somebody asked for it."""
        self.touched_at = max(self.touched_at, at)

    def saw(self, seen: Seen) -> None:
        """What the gateways told."""
        self.touch(seen.touched_at)
        self.held_since = seen.held_since

    def work(self, instances: tuple[Instance, ...], now: float) -> None:
        """Measure CPU work of its own, and memory."""
        ready = next((i for i in instances if i.phase is Phase.READY), None)
        self.sample, self.worked_at = measured(self.sample, self.worked_at, ready, self.touched_at, now)
        self.peak = max([self.peak, *(i.peak for i in instances)])

    def snapshot(self, durable: Space, instances: tuple[Instance, ...]) -> Space:
        """All that a decision may look at."""
        return replace(
            durable,
            instances=tuple(self._seen(i) for i in instances),
            touched_at=max(durable.touched_at, self.touched_at),
            worked_at=self.worked_at,
            held_since=self.held_since,
            places=self.grant.places,
            position=self.grant.position,
            usual=self.usual,
        )

    def _seen(self, i: Instance) -> Instance:
        gate, cut_at = self.gates.get(i.id, (Gate.CLOSING, inf))
        return replace(i, gate=gate, cut_at=cut_at, why=self.why.get(i.id, i.why))

    def ended(self, instance: InstanceId) -> None:
        """Nothing of it is left."""
        for memory in (self.orders, self.gates, self.why):
            memory.pop(instance, None)
