"""CPU work of an app's own, as opposed to what its visitors cause. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase

BUSY = 0.05  # of one core
WINDOW = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The beginning of a window. at: Unix seconds; cpu: seconds used until then."""

    instance: InstanceId
    at: float
    cpu: float


def measured(
    before: Sample | None, worked_at: float, ready: Instance | None, touched_at: float, now: float
) -> tuple[Sample | None, float]:
    """The next window, and until when it worked (inf: it still does); see Space.worked_at.

    A window counts only when it is whole and nobody visited in it: what an app does for a visitor, or to start, is
    not its own work. ready: the instance to judge, if one runs.
    """
    if ready is None or ready.phase is not Phase.READY:
        return None, min(worked_at, now)
    begin = Sample(instance=ready.id, at=now, cpu=ready.cpu)
    if before is None or before.instance != ready.id or touched_at >= before.at or ready.cpu < before.cpu:
        return begin, min(worked_at, now)
    if now - before.at < WINDOW:
        return before, worked_at
    busy = (ready.cpu - before.cpu) / (now - before.at) >= BUSY
    return begin, inf if busy else min(worked_at, before.at)
