"""The ladder of one Space, from what the operator and its owner set. Pure."""

from __future__ import annotations

from collections.abc import Collection

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.space import Rung

NEVER = -1.0


def ladder(platform: SleepSettings, own: float | None, left_out: Collection[Phase | None]) -> tuple[Rung, ...]:
    """Warm to cold. own: the owner's sleep time in seconds; -1: never sleeps; None: the platform's.

    The sleep time is when the first rung there is comes: one that failed and was left out falls to the next one down.
    """
    if own == NEVER:
        return ()
    wanted = (Phase.FROZEN, platform.frozen), (None, platform.cold)
    offered = [(phase, after) for phase, after in wanted if after != NEVER]
    if not offered:
        return () if own is None else (Rung(phase=None, after=own),)
    first = offered[0][1] if own is None else own
    phases = [(phase, after) for phase, after in offered if phase not in left_out] or [offered[-1]]
    (warmest, _), *deeper = phases
    return (Rung(phase=warmest, after=first), *(Rung(phase=p, after=max(after, first)) for p, after in deeper))
