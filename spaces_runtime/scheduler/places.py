"""Keeps everybody's claim, and grants places anew when one wants more than it has or room came free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.space import Space
from spaces_runtime.domain.waits import Waits
from spaces_runtime.scheduler.place import NO_LIMITS, Capacity, Claim, Grant, behind, claim, place
from spaces_runtime.scheduler.waiting import waits


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one claim brought about. changed: other Spaces whose grant is another now. evict: see Placement."""

    grant: Grant
    changed: tuple[SpaceId, ...] = ()
    evict: tuple[SpaceId, ...] = ()


class Places:
    """A wake of what holds a place weighs nobody else's claim."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._limits: Mapping[str, int] = NO_LIMITS
        self._claims: dict[SpaceId, Claim] = {}
        self._grants: dict[SpaceId, Grant] = {}

    def ask(self, space: Space, now: float, peak: int, *, owner: str = "", barred: str = "") -> News:
        """The claim of a Space as it is now. now: Unix seconds. owner, barred: see Claim."""
        before = self._claims.get(space.id)
        waited = before is not None and before.wants > before.holds
        known = self._grants.get(space.id)
        mine = claim(space, now, peak, now, known, owner, barred)
        if before is not None and waited:
            mine = replace(mine, asked_at=before.asked_at, behind=before.behind)
        elif mine.wants > mine.holds:
            others = (c for name, c in self._claims.items() if name != space.id)
            mine = replace(mine, behind=behind(others, owner))
        self._claims[space.id] = mine
        if mine.wants <= mine.holds:
            known = self._grants[space.id] = Grant(mine.holds)
        elif before != mine or known is None:
            return self._weigh(space.id)
        if before is not None and self._frees(before, mine):
            return self._weigh(space.id)
        return News(grant=known)

    @property
    def capacity(self) -> Capacity:
        """What there is."""
        return self._capacity

    def settle(self, capacity: Capacity, limits: Mapping[str, int] = NO_LIMITS) -> tuple[SpaceId, ...]:
        """What there is, or what owners may use of it, has changed; returns whose grant is another now."""
        if capacity == self._capacity and limits == self._limits:
            return ()
        self._capacity, self._limits = capacity, limits
        return self._weigh(None).changed

    def waits(self, space: SpaceId) -> Waits | None:
        """What one waits for that was given no place; None: it was."""
        mine, grant = self._claims.get(space), self._grants.get(space)
        if mine is None or grant is None or grant.places or not grant.position:
            return None
        return waits(tuple(self._claims.values()), self._grants, self._capacity, self._limits, mine)

    def taken(self) -> tuple[int, tuple[str, ...], int]:
        """Bytes of memory that are reserved, devices that are leased, and how many Spaces wait."""
        grants = [(c, self._grants.get(name, Grant(0))) for name, c in self._claims.items()]
        memory = sum(min(c.memory, self._capacity.memory) * max(c.holds, grant.places) for c, grant in grants)
        gpus = {gpu for c, grant in grants for gpu in (*_gpus(c), *(each.id for each in grant.gpus))}
        return memory, tuple(sorted(gpus)), sum(grant.position > 0 for _, grant in grants)

    def forget(self, space: SpaceId) -> tuple[SpaceId, ...]:
        """It is gone; returns whose grant is another now."""
        gone = self._claims.pop(space, None)
        self._grants.pop(space, None)
        return self._weigh(space).changed if gone is not None and self._waiting else ()

    @property
    def _waiting(self) -> bool:
        return any(self._grants[name].places < c.wants for name, c in self._claims.items() if name in self._grants)

    def _frees(self, before: Claim, after: Claim) -> bool:
        """Room came free, or somebody who could make room; and it matters to someone."""
        less = after.holds < before.holds or after.wants < before.wants or bool(_gpus(before) - _gpus(after))
        gives = before.idle_since is None and after.idle_since is not None
        return (less or gives) and self._waiting

    def _weigh(self, mine: SpaceId | None) -> News:
        done = place(self._claims.values(), self._capacity, self._limits)
        changed = tuple(s for s, grant in done.grants.items() if s != mine and grant != self._grants.get(s))
        self._grants = dict(done.grants)
        grant = self._grants.get(mine, Grant(0)) if mine is not None else Grant(0)
        return News(grant=grant, changed=changed, evict=done.evict)


def _gpus(c: Claim) -> set[str]:
    return {*c.has, *c.kept}
