"""What happened to a Space: what, when, why, and who asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.spoken import span

MOST: Final = 500  # of one Space that are kept, and as many changes by people that are shown
AGE: Final = 90 * 86400.0  # seconds for which any is


class What(Enum):
    """What can happen. Those of people stand in the audit, in words; the rest in a table of its own."""

    CHANGED = "changed"  # a person asked for something: a push, a setting, a pause
    BUILDING = "building"
    BUILT = "built"
    BUILD_FAILED = "build failed"
    WAITING = "waiting"  # for a place on the machine
    STARTING = "starting"
    READY = "ready"  # it answered, and visitors came in
    SLEPT = "slept"
    WOKE = "woke"
    STOPPED = "stopped"
    FAILED = "failed"  # its start
    CRASHED = "crashed"
    RUNG_FAILED = "rung failed"
    GAVE_WAY = "gave way"  # to one that waited


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One line of it. at: Unix seconds. why: a sentence or a clause; of what people did: what that was.

    by: who asked for it; empty: the platform itself. rung: of a sleep or wake: frozen, checkpointed, cold.
    took: seconds; 0: it is not said.
    """

    space: SpaceId
    at: float
    what: What
    why: str = ""
    by: str = ""
    rung: str = ""
    took: float = 0.0


def said(happened: Happened) -> str:
    """What, in a few words: Woke from frozen in 4 ms."""
    if happened.what is What.CHANGED:
        return happened.why[:1].upper() + happened.why[1:]
    words = happened.what.value.capitalize()
    if happened.rung:
        words += f" {'from ' if happened.what is What.WOKE else ''}{happened.rung}"
    return (
        f"{words} {'after' if happened.what is What.READY else 'in'} {span(happened.took)}" if happened.took else words
    )
