"""When a Space earns which rung of its ladder. All times are Unix seconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import inf

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.space import Rung, Space

ON_DISK = (Phase.CHECKPOINTED, Phase.PACKED)  # holds no memory, and no connection
ASLEEP = (Phase.FROZEN, Phase.PAGED, *ON_DISK)  # from warm to cold
CUTTING = (*ON_DISK, None)
OWN_WORK = 3600.0  # seconds after the last touch for which CPU work of its own counts as activity (design.md §6)


def able(ladder: tuple[Rung, ...], rungs: Collection[Phase]) -> tuple[Rung, ...]:
    """Those that an engine has. The first that is left comes when the first of all would have come."""
    kept = [rung for rung in ladder if rung.phase is None or rung.phase in rungs]
    return (replace(kept[0], after=ladder[0].after), *kept[1:]) if kept else ()


def deeper(phase: Phase, than: Phase) -> bool:
    """Of two that are ready or asleep, the first is the colder."""
    order = (Phase.READY, *ASLEEP)
    return order.index(phase) > order.index(than)


def active_at(space: Space) -> float:
    """The last moment that counts as activity."""
    return max(space.touched_at, min(space.worked_at, space.touched_at + OWN_WORK))


def moments(space: Space) -> tuple[tuple[float, Rung], ...]:
    """When each rung is earned if nothing happens.

    An open tab or WebSocket costs nothing in a frozen app, and would break in a deeper rung.
    A person who asks for sleep at once gets it, open tabs or not; the next touch ends it.
    """
    hush = space.hush if space.hush is not None and space.hush.at >= space.touched_at else None
    idle_since = active_at(space)
    held_until = -inf if space.held_since is None else max(space.touched_at, space.held_since) + space.hold
    asked = _down_to(space.ladder, hush.phase) if hush is not None else ()
    return tuple(
        (
            hush.at
            if hush is not None and rung in asked
            else max(idle_since + rung.after, held_until if rung.phase in CUTTING else -inf),
            rung,
        )
        for rung in space.ladder
    )


def _down_to(ladder: tuple[Rung, ...], phase: Phase | None) -> tuple[Rung, ...]:
    """The rungs passed on the way; all that there are when that one has failed and was left out."""
    phases = [rung.phase for rung in ladder]
    return ladder[: phases.index(phase) + 1] if phase in phases else ladder[:1]


def earned(space: Space, now: float) -> Rung | None:
    """The coldest rung earned by now; None: awake."""
    return next((rung for at, rung in reversed(moments(space)) if at <= now), None)


def rung_of(space: Space) -> str:
    """The word people read for how awake it is: running, cold, or what its phase is called in between."""
    phases = {i.phase for i in space.instances}
    if space.files is not None or phases & {Phase.READY, Phase.STARTING}:
        return "running"
    return next((phase.value for phase in ASLEEP if phase in phases), "cold")
