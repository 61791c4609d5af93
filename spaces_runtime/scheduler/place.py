"""Who may hold how many instances, and who waits where in the queue. Pure.

Admission counts reservations, not ceilings: a tier is what a Space may use at most, its reservation what it is likely
to use, so thirty small Spaces fit where one full tier would. CPU is shared by weight and refuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import active_at, earned
from spaces_runtime.domain.space import Space, Wish

LEAST = 256 * 2**20  # bytes reserved for an app about which nothing is known yet
MARGIN = 1.2  # times the last peak
NEVER = -1  # position of what this machine can never hold
WHOLE = 1e-9  # slack when fractions of a GPU are added up


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What this machine has for Spaces. memory: bytes; gpus: whole devices."""

    memory: int
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one Space holds and wants.

    holds: instances that occupy memory; they keep their places. wants: instances it could use now.
    memory: bytes reserved for each. gpus: for each, whole devices or a slice < 1.
    idle_since: it earned a rung and may be sent to cold for others, the longest idle first; None: it may not.
    held: an open tab or WebSocket would be cut by that.
    asked_at: since when it waits, Unix seconds.
    """

    space: SpaceId
    holds: int
    wants: int
    memory: int
    gpus: float = 0.0
    idle_since: float | None = None
    held: bool = False
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """places, position: see Space."""

    places: int
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """evict: idle Spaces to send to cold, so that the first in the queue fits."""

    grants: MappingProxyType[SpaceId, Grant]
    evict: tuple[SpaceId, ...] = ()


def reservation(hardware: Hardware, peak: int) -> int:
    """Bytes of memory to count for one instance; never more than its ceiling. peak: bytes, 0 if not known."""
    return min(hardware.memory, max(LEAST, int(MARGIN * peak)))


def claim(space: Space, now: float, peak: int, asked_at: float) -> Claim:
    """What this Space holds and wants. peak: most memory an instance of it was seen to hold, bytes."""
    live = [i for i in space.instances if i.phase is not Phase.EXITED]
    holding = sum(i.phase is not Phase.CHECKPOINTED for i in live)
    rung, target = earned(space, now), space.target
    runs = space.wish is Wish.SERVE and target is not None and not target.static
    rolling = runs and bool(live) and all(i.spec != space.wanted for i in live)
    awake = runs and rung is None
    asleep = bool(live) and rung is not None and any(r.phase is None for r in space.ladder)
    return Claim(
        space=space.id,
        holds=holding,
        wants=(2 if rolling else 1) if awake else 0,
        memory=reservation(space.setup.hardware, peak),
        gpus=space.setup.hardware.gpus,
        idle_since=active_at(space) if asleep and space.wish is Wish.SERVE else None,
        held=space.held_since is not None,
        asked_at=asked_at,
    )


@dataclass(slots=True)
class _Room:
    """What is still free: memory in bytes, and each GPU's free part."""

    memory: int
    gpus: list[float]

    def fits(self, c: Claim) -> bool:
        return c.memory <= self.memory and self._devices(c.gpus) is not None

    def take(self, c: Claim) -> None:
        self.memory -= c.memory
        for device in self._devices(c.gpus) or ():
            self.gpus[device] = max(0.0, self.gpus[device] - min(1.0, c.gpus))

    def _devices(self, gpus: float) -> Sequence[int] | None:
        """Whole devices are exclusive; a slice goes where it fits tightest."""
        if gpus <= 0:
            return ()
        if gpus >= 1:
            free = [n for n, part in enumerate(self.gpus) if part >= 1.0 - WHOLE]
            return free[: round(gpus)] if len(free) >= round(gpus) else None
        fitting = [n for n, part in enumerate(self.gpus) if part >= gpus - WHOLE]
        return [min(fitting, key=lambda n: self.gpus[n])] if fitting else None


def place(claims: Iterable[Claim], capacity: Capacity) -> Placement:
    """Grant places. What runs keeps its place; then the queue, by time asked; then second places for rolling.

    The first that does not fit keeps later ones from overtaking it on what it lacks. Nobody is evicted in vain.
    """
    everyone = [_bounded(c, capacity) for c in claims]
    room = _room(everyone, capacity)
    grants = {c.space: Grant(c.holds) for c in everyone}
    queue = sorted((c for c in everyone if c.wants and not c.holds), key=lambda c: (c.asked_at, c.space))
    waiting: list[Claim] = []
    for c in queue:
        if c.gpus > capacity.gpus:
            grants[c.space] = Grant(0, NEVER)
        elif room.fits(c) and not _behind(waiting, c):
            room.take(c)
            grants[c.space] = Grant(1)
        else:
            waiting.append(c)
            grants[c.space] = Grant(0, len(waiting))
    for c in everyone:
        if c.wants > c.holds > 0 and not waiting and room.fits(c):
            room.take(c)
            grants[c.space] = Grant(c.holds + 1)
    evict = _evict([_given(c, grants[c.space]) for c in everyone], waiting[0], capacity) if waiting else ()
    return Placement(grants=MappingProxyType(grants), evict=evict)


def _given(c: Claim, grant: Grant) -> Claim:
    """With its places; one that was given just now is taken, and not to be taken back."""
    return replace(c, holds=grant.places, idle_since=c.idle_since if c.holds else None)


def _bounded(c: Claim, capacity: Capacity) -> Claim:
    """Alone on the machine, every Space may run: its tier's ceiling protects the rest."""
    if c.memory <= capacity.memory:
        return c
    return replace(c, memory=capacity.memory)


def _room(claims: Iterable[Claim], capacity: Capacity, without: frozenset[SpaceId] = frozenset()) -> _Room:
    room = _Room(capacity.memory, [1.0] * capacity.gpus)
    for c in claims:
        for _ in range(c.holds if c.space not in without else 0):
            room.take(c)
    return room


def _behind(waiting: Sequence[Claim], c: Claim) -> bool:
    """Somebody earlier waits for something this one would take: memory always, GPUs if it uses them."""
    return any(c.gpus or not w.gpus for w in waiting)


def _evict(claims: Sequence[Claim], first: Claim, capacity: Capacity) -> tuple[SpaceId, ...]:
    """The fewest of the longest idle ones that make room for the first; none if that is not enough."""
    idle = [c for c in claims if c.idle_since is not None and c.holds]
    idle.sort(key=lambda c: (c.held, c.idle_since, c.space))
    gone: list[SpaceId] = []
    for c in idle:
        gone.append(c.space)
        if _room(claims, capacity, frozenset(gone)).fits(first):
            break
    else:
        return ()
    for name in tuple(gone):  # one early in the order may not have been needed
        fewer = frozenset(gone) - {name}
        if _room(claims, capacity, fewer).fits(first):
            gone.remove(name)
    return tuple(gone)
