"""Who may hold how many instances, and who waits where in the queue. Pure.

Admission counts reservations, not ceilings: a tier is what a Space may use at most, its reservation what it is likely
to use, so thirty small Spaces fit where one full tier would. CPU is shared by weight and refuses nobody. A GPU, or a
slice of one, belongs to one Space from the grant of its place until nothing of that Space runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from spaces_runtime.domain.hardware import Gpu, Hardware, fitting, reservation
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ON_DISK, active_at, earned
from spaces_runtime.domain.space import Space, Wish

NEVER = -1  # position of what this machine can never hold
LEASE = 180.0  # seconds for which a start that nobody has seen the end of keeps its devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What this machine has for Spaces. memory: bytes; gpus: devices and slices, each for one Space."""

    memory: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one Space holds and wants.

    holds: instances that occupy memory; they keep their places. wants: instances it could use now.
    memory: bytes reserved for each. tier: names the devices each needs. has: ids of those that its instances have;
    kept: of those that are kept for its next one.
    given: a place was granted that it has not taken yet, or devices are kept for it: nobody gets in before it, or
    those who wait for these devices would wait for ever.
    idle_since: it earned a rung and may be sent to cold for others, the longest idle first; None: it may not.
    held: an open tab or WebSocket would be cut by that.
    asked_at: since when it waits, Unix seconds.
    """

    space: SpaceId
    holds: int
    wants: int
    memory: int
    tier: Hardware | None = None
    has: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    given: bool = False
    idle_since: float | None = None
    held: bool = False
    asked_at: float = 0.0

    @property
    def devices(self) -> bool:
        """It needs any."""
        return self.tier is not None and self.tier.gpus > 0


@dataclass(frozen=True, slots=True)
class Grant:
    """places, position: see Space. gpus: devices for the next instance, if it may have one more."""

    places: int
    position: int = 0
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """evict: idle Spaces to send to cold, so that the first in the queue fits."""

    grants: MappingProxyType[SpaceId, Grant]
    evict: tuple[SpaceId, ...] = ()


def claim(space: Space, now: float, peak: int, asked_at: float, granted: Grant | None = None) -> Claim:
    """What this Space holds and wants.

    peak: most memory its last instance was seen to hold, bytes. granted: what it was told last.
    """
    live = [i for i in space.instances if i.phase is not Phase.EXITED]
    holding = sum(i.phase not in ON_DISK for i in live)
    rung, target = earned(space, now), space.target
    runs = space.wish is Wish.SERVE and target is not None and not target.static
    kept = _kept(space, live, now, granted)
    rolling = runs and bool(live) and all(i.spec != space.wanted for i in live)
    awake = runs and rung is None
    asleep = bool(live) and rung is not None and any(r.phase is None for r in space.ladder)
    return Claim(
        space=space.id,
        holds=holding,
        wants=(2 if rolling else 1) if awake else 0,
        memory=reservation(space.setup.hardware, peak),
        tier=space.setup.hardware if space.setup.hardware.gpus else None,
        has=tuple(gpu for i in live for gpu in i.gpus),
        kept=kept,
        given=awake and not holding and (bool(kept) or (granted is not None and granted.places > 0)),
        idle_since=active_at(space) if asleep and space.wish is Wish.SERVE else None,
        held=space.held_since is not None,
        asked_at=asked_at,
    )


def _kept(space: Space, live: Sequence[Instance], now: float, granted: Grant | None) -> tuple[str, ...]:
    """Devices that a start under way takes, or that were granted for one that has not begun."""
    lease, granted_now = space.lease, granted is not None and granted.places > len(live)
    under_way = lease is not None and now < lease.at + LEASE and all(i.id != lease.instance for i in space.instances)
    taken = lease.gpus if lease is not None and under_way else ()
    return (*taken, *(gpu.id for gpu in granted.gpus if gpu.id not in taken)) if granted and granted_now else taken


@dataclass(slots=True)
class _Room:
    """What is still free: memory in bytes, and devices."""

    memory: int
    gpus: dict[str, Gpu]

    def fits(self, c: Claim) -> bool:
        return c.memory <= self.memory and (not c.devices or bool(self.chosen(c)))

    def take(self, c: Claim) -> tuple[Gpu, ...]:
        """One place more; returns its devices."""
        chosen = self.chosen(c)
        self.memory -= c.memory
        for gpu in chosen:
            self.gpus.pop(gpu.id, None)
        return chosen

    def chosen(self, c: Claim) -> tuple[Gpu, ...]:
        return fitting(c.tier, tuple(self.gpus.values())) if c.tier is not None else ()


def place(claims: Iterable[Claim], capacity: Capacity) -> Placement:
    """Grant places. What runs keeps its place; then the queue, by time asked; then second places for rolling.

    The first that does not fit keeps later ones from overtaking it on what it lacks. Nobody is evicted in vain.
    """
    everyone = [_bounded(c, capacity) for c in claims]
    room = _room(everyone, capacity)
    grants = {c.space: Grant(c.holds) for c in everyone}
    queue = sorted((c for c in everyone if c.wants and not c.holds), key=_turn)
    waiting: list[Claim] = []
    for c in queue:
        mine = _with_its_own(room, c, capacity)
        if c.tier is not None and not fitting(c.tier, capacity.gpus):
            grants[c.space] = Grant(0, NEVER)
        elif mine.fits(c) and not _behind(waiting, c):
            grants[c.space] = Grant(1, 0, mine.take(c))
            room = mine
        else:
            waiting.append(c)
            grants[c.space] = Grant(0, len(waiting))
    for c in everyone:
        mine = _with_its_own(room, c, capacity)
        if c.wants > c.holds > 0 and not waiting and mine.fits(c):
            grants[c.space] = Grant(c.holds + 1, 0, mine.take(c))
            room = mine
    evict = _evict([_taken(c, grants[c.space]) for c in everyone], waiting[0], capacity) if waiting else ()
    return Placement(grants=MappingProxyType(grants), evict=evict)


def _turn(c: Claim) -> tuple[bool, float, SpaceId]:
    """Whoever was told that it has a place is not sent away from the door."""
    return (not c.given, c.asked_at, c.space)


def _with_its_own(room: _Room, c: Claim, capacity: Capacity) -> _Room:
    """What is free to this one: also the devices that are kept for it."""
    own = {gpu.id: gpu for gpu in capacity.gpus if gpu.id in c.kept}
    return _Room(room.memory, own | room.gpus)


def _taken(c: Claim, grant: Grant) -> Claim:
    """With its places; one that was given just now is taken, and not to be taken back."""
    has = (*c.has, *(gpu.id for gpu in grant.gpus))
    return replace(c, holds=grant.places, has=has, idle_since=c.idle_since if c.holds else None)


def _bounded(c: Claim, capacity: Capacity) -> Claim:
    """Alone on the machine, every Space may run: its tier's ceiling protects the rest."""
    if c.memory <= capacity.memory:
        return c
    return replace(c, memory=capacity.memory)


def _room(claims: Iterable[Claim], capacity: Capacity, without: frozenset[SpaceId] = frozenset()) -> _Room:
    room = _Room(capacity.memory, {gpu.id: gpu for gpu in capacity.gpus})
    for c in claims:
        if c.space not in without:
            room.memory -= c.memory * c.holds
            for gpu in (*c.has, *c.kept):
                room.gpus.pop(gpu, None)
    return room


def _behind(waiting: Sequence[Claim], c: Claim) -> bool:
    """Somebody earlier waits for something this one would take: memory always, GPUs if it uses them."""
    return any(c.devices or not w.devices for w in waiting)


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
