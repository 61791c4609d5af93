"""What the scheduler saw last of a Space: the part of a snapshot that is not durable."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import able
from spaces_runtime.domain.space import Hush, Space
from spaces_runtime.domain.waits import Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """See Space for the fields. at: when it was seen, Unix seconds.

    pressed: the scheduler itself asked for sleep, to make room; None: it did not.
    rungs: what its engine has between running and cold.
    """

    at: float
    instances: tuple[Instance, ...] = ()
    touched_at: float = 0.0
    worked_at: float = 0.0
    held_since: float | None = None
    places: int = 0
    position: int = 0
    waits: Waits | None = None
    usual: float = 0.0
    pressed: Hush | None = None
    rungs: tuple[Phase, ...] = (Phase.FROZEN,)


def later(asked: Hush | None, pressed: Hush | None) -> Hush | None:
    """Of a person's word and the scheduler's, the one that counts."""
    if asked is None or pressed is None:
        return asked or pressed
    return asked if asked.at >= pressed.at else pressed


def complete(space: Space, seen: Observed | None) -> Space:
    """The durable snapshot and what was seen, together: what plan and derive_stage may look at."""
    if seen is None:
        return space
    return replace(
        space,
        instances=seen.instances,
        touched_at=max(space.touched_at, seen.touched_at),
        worked_at=seen.worked_at,
        held_since=seen.held_since,
        places=seen.places,
        position=seen.position,
        waits=seen.waits,
        usual=seen.usual,
        ladder=able(space.ladder, seen.rungs),
        hush=later(space.hush, seen.pressed),
    )
