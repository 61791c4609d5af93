"""The ladder of one Space, from what the operator and its owner set. Pure."""

from __future__ import annotations

from collections.abc import Collection

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.space import Rung

NEVER = -1.0
BUILT_ON = {Phase.FROZEN: Phase.PAGED, Phase.CHECKPOINTED: Phase.PACKED}  # without the first there is no second


def ladder(platform: SleepSettings, own: float | None, left_out: Collection[Phase | None]) -> tuple[Rung, ...]:
    """Warm to cold. own: the owner's sleep time in seconds; -1: never sleeps; None: the platform's.

    The sleep time is when the first rung there is comes: one that failed and was left out falls to the next one down.
    """
    if own == NEVER:
        return ()
    known = (
        (Phase.FROZEN, platform.frozen),
        (Phase.PAGED, platform.paged),
        (Phase.CHECKPOINTED, platform.checkpointed),
        (Phase.PACKED, platform.packed),
        (None, platform.cold),
    )
    offered = [(phase, after) for phase, after in known if after != NEVER]
    if not offered:  # the operator lets nothing sleep by itself, but the owner may ask for it
        return () if own is None else (Rung(phase=None, after=own),)
    first = offered[0][1] if own is None else own
    out = {*left_out, *(below for phase, below in BUILT_ON.items() if phase in left_out)}
    kept = [(phase, after) for phase, after in offered if phase not in out]
    afters = [first, *(max(after, first) for _, after in kept[1:])]
    return tuple(
        Rung(phase=phase, after=after)
        for n, ((phase, _), after) in enumerate(zip(kept, afters, strict=False))
        if after <= min(afters[n:])  # else a colder one would come before it
    )
