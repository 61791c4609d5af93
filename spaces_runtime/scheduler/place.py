"""Who may hold how many instances, and who waits where in the queue. Pure.

Admission counts reservations, not ceilings: a tier is what a Space may use at most, its reservation what it is likely
to use, so thirty small Spaces fit where one full tier would. CPU is shared by weight and refuses nobody. A GPU, or a
slice of one, belongs to one Space from the grant of its place until nothing of that Space runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

from spaces_runtime.domain.hardware import Gpu, Hardware, fitting, reservation
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ON_DISK, active_at, earned, moments
from spaces_runtime.domain.space import Space, Wish
from spaces_runtime.domain.waits import OWN

NEVER = -1  # position of what this machine can never hold
TURN = 60.0  # seconds that each place its owner has, or waits for before it, sets one back in the queue
HEAD_START = 300.0  # seconds for which one counts as waiting longer, for each step of its tier's priority
NO_LIMITS: Mapping[str, int] = MappingProxyType({})
LEASE = 180.0  # seconds for which a start that nobody has seen the end of keeps its devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What this machine has for Spaces. memory: bytes; gpus: devices and slices, each for one Space."""

    memory: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one Space holds and wants. owner: whose it is; ceiling: bytes that count towards what that one may use.

    holds: instances that occupy memory; they keep their places. wants: instances it could use now.
    memory: bytes reserved for each. tier: names the devices each needs. has: ids of those that its instances have;
    kept: of those that are kept for its next one.
    given: a place was granted that it has not taken yet, or devices are kept for it: nobody gets in before it, or
    those who wait for these devices would wait for ever.
    priority: of its tier. barred: why its owner gets no GPUs: the hours of this month are used up; empty: it does.
    free_at: when it would give way if nobody came, Unix seconds; inf: never.
    idle_since: it earned a rung and may be sent to cold for others, the longest idle first; None: it may not.
    held: an open tab or WebSocket would be cut by that.
    asked_at: since when it waits, Unix seconds. behind: see behind(), as it was then.
    """

    space: SpaceId
    owner: str = ""
    holds: int
    wants: int
    memory: int
    ceiling: int = 0
    tier: Hardware | None = None
    priority: int = 0
    barred: str = ""
    free_at: float = inf
    has: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    given: bool = False
    idle_since: float | None = None
    held: bool = False
    asked_at: float = 0.0
    behind: int = 0

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


def claim(  # noqa: PLR0917 - a snapshot, and what is known beside it
    space: Space,
    now: float,
    peak: int,
    asked_at: float,
    granted: Grant | None = None,
    owner: str = "",
    barred: str = "",
) -> Claim:
    """What this Space holds and wants.

    peak: most memory its last instance was seen to hold, bytes. granted: what it was told last.
    barred: why no GPU hours are left to its owner.
    """
    live = [i for i in space.instances if i.phase is not Phase.EXITED]
    holding = sum(i.phase not in ON_DISK for i in live)
    rung, target = earned(space, now), space.target
    runs = space.wish is Wish.SERVE and target is not None and not target.static
    kept = _kept(space, live, now, granted)
    rolling = runs and bool(live) and all(i.spec != space.wanted for i in live)
    awake = runs and rung is None
    gives = bool(live) and any(r.phase is None for r in space.ladder) and not space.pinned
    gives = gives and space.wish is Wish.SERVE
    return Claim(
        space=space.id,
        owner=owner,
        ceiling=space.setup.hardware.memory,
        priority=space.setup.hardware.priority,
        barred=barred if space.setup.hardware.gpus else "",
        free_at=moments(space)[0][0] if gives else inf,
        holds=holding,
        wants=(2 if rolling else 1) if awake else 0,
        memory=reservation(space.setup.hardware, peak),
        tier=space.setup.hardware if space.setup.hardware.gpus else None,
        has=tuple(gpu for i in live for gpu in i.gpus),
        kept=kept,
        given=awake and not holding and (bool(kept) or (granted is not None and granted.places > 0)),
        idle_since=active_at(space) if gives and rung is not None else None,
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


def place(claims: Iterable[Claim], capacity: Capacity, limits: Mapping[str, int] = NO_LIMITS) -> Placement:
    """Grant places. What runs keeps its place; then the queue, see turn(); then second places for rolling.

    The first that does not fit keeps later ones from overtaking it on what it lacks; one that waits for its own
    owner's limit keeps nobody. Nobody is evicted in vain. limits: bytes that owners' may use at once, if limited.
    """
    everyone = [_bounded(c, capacity) for c in claims]
    room, shares = room_of(everyone, capacity), Shares(everyone, limits)
    grants = {c.space: Grant(c.holds) for c in everyone}
    waiting: list[Claim] = []
    held_back: list[Claim] = []
    for c in in_turn(everyone):
        mine = _with_its_own(room, c, capacity)
        if c.tier is not None and not fitting(c.tier, capacity.gpus):
            grants[c.space] = Grant(0, NEVER)
        elif c.barred or not shares.allow(c):
            held_back.append(c)
            grants[c.space] = Grant(0, OWN)
        elif mine.fits(c) and not _behind(waiting, c):
            grants[c.space] = Grant(1, 0, mine.take(c))
            shares.take(c)
            room = mine
        else:
            waiting.append(c)
            grants[c.space] = Grant(0, len(waiting))
    for c in (c for c in everyone if c.wants > c.holds > 0 and not waiting):
        mine = _with_its_own(room, c, capacity)
        if mine.fits(c) and shares.allow(c):
            grants[c.space] = Grant(c.holds + 1, 0, mine.take(c))
            shares.take(c)
            room = mine
    taken = [c if grants[c.space].places == c.holds else _taken(c, grants[c.space]) for c in everyone]
    evict = _evict(taken, waiting[0], capacity) if waiting else ()
    own = _evict_own(taken, held_back, limits)
    return Placement(grants=MappingProxyType(grants), evict=(*evict, *(space for space in own if space not in evict)))


def in_turn(claims: Iterable[Claim]) -> list[Claim]:
    """The queue. Whoever was told that it has a place is not sent away from the door."""
    queue = [c for c in claims if c.wants and not c.holds]
    return sorted(queue, key=lambda c: (not c.given, turn(c), c.asked_at, c.space))


def turn(c: Claim) -> float:
    """When it counts as having asked, Unix seconds.

    Later by TURN for each place that its owner had already, or waited for, when it asked: whoever asks for twenty at
    once gets one, then others get theirs, then the next. Earlier by HEAD_START for each step of priority. Both only
    shift: nobody waits behind those who ask later than that, so nobody waits for ever.
    """
    return c.asked_at + TURN * c.behind - HEAD_START * c.priority


def behind(claims: Iterable[Claim], owner: str) -> int:
    """How many places an owner has, or waits for."""
    return sum(c.owner == owner and (c.holds > 0 or c.wants > 0) and not c.barred for c in claims)


class Shares:
    """What is left to each owner of what its Spaces may use at once."""

    def __init__(self, claims: Iterable[Claim], limits: Mapping[str, int]) -> None:
        self._limits, self.used = limits, Counter[str]()
        for c in claims:
            self.used[c.owner] += c.ceiling * c.holds

    def allow(self, c: Claim) -> bool:
        """One place more is within the limit."""
        limit = self._limits.get(c.owner, 0)
        return not limit or self.used[c.owner] + c.ceiling <= limit

    def take(self, c: Claim) -> None:
        """It is given."""
        self.used[c.owner] += c.ceiling


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


def room_of(claims: Iterable[Claim], capacity: Capacity, without: frozenset[SpaceId] = frozenset()) -> _Room:
    """What is free, and would be without some of them."""
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
    return _fewest(_idle(claims), lambda gone: room_of(claims, capacity, gone).fits(first))


def _evict_own(claims: Sequence[Claim], held_back: Sequence[Claim], limits: Mapping[str, int]) -> tuple[SpaceId, ...]:
    """Idle Spaces of an owner that make way for the first of the same owner that its limit keeps waiting."""
    gone: list[SpaceId] = []
    firsts = {c.owner: c for c in reversed(held_back) if not c.barred}
    for owner, first in firsts.items():
        mine = [c for c in claims if c.owner == owner]

        def fits(without: frozenset[SpaceId], mine: Sequence[Claim] = mine, first: Claim = first) -> bool:
            return Shares([c for c in mine if c.space not in without], limits).allow(first)

        gone += _fewest(_idle(mine), fits)
    return tuple(gone)


def _idle(claims: Iterable[Claim]) -> list[SpaceId]:
    """Those that may be sent to cold, in that order: without an open tab, of low priority, the longest idle."""
    idle = [c for c in claims if c.idle_since is not None and c.holds]
    return [c.space for c in sorted(idle, key=lambda c: (c.held, c.priority, c.idle_since, c.space))]


def _fewest(idle: Sequence[SpaceId], fits: Callable[[frozenset[SpaceId]], bool]) -> tuple[SpaceId, ...]:
    """As few of them, in their order, as it takes; none if all are not enough."""
    gone: list[SpaceId] = []
    for name in idle:
        gone.append(name)
        if fits(frozenset(gone)):
            break
    else:
        return ()
    for name in tuple(gone):  # one early in the order may not have been needed
        if fits(frozenset(gone) - {name}):
            gone.remove(name)
    return tuple(gone)
