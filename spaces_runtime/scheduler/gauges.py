"""How it stands with Spaces, instances and places, looked up when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from spaces_runtime.domain.figures import Gauge, Labels
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.stage import Stage
from spaces_runtime.scheduler.builds import BuildQueue
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.places import Places
from spaces_runtime.scheduler.roster import Roster


def gauges(known: Mapping[SpaceId, Known], roster: Roster, places: Places, queue: BuildQueue) -> tuple[Gauge, ...]:
    """All that goes up and down here."""

    def stages() -> Mapping[Labels, float]:
        counted = Counter(each.shown.stage for each in known.values() if each.shown is not None)
        return {(stage.value,): float(counted[stage]) for stage in Stage}

    def phases() -> Mapping[Labels, float]:
        counted = Counter(i.phase.value for i in roster.everyone)
        return {(phase,): float(count) for phase, count in counted.items()}

    def memory() -> Mapping[Labels, float]:
        reserved, _, _ = places.taken()
        held = sum(i.memory for i in roster.everyone)
        return {("room",): float(places.capacity.memory), ("reserved",): float(reserved), ("held",): float(held)}

    def gpus() -> Mapping[Labels, float]:
        return {("there",): float(len(places.capacity.gpus)), ("leased",): float(len(places.taken()[1]))}

    def builds() -> Mapping[Labels, float]:
        running, waiting = queue.under_way
        return {("running",): float(running), ("waiting",): float(waiting)}

    return (
        Gauge("spaces_stage", "Spaces by the stage that is shown.", stages, "stage"),
        Gauge("spaces_instances", "Instances by phase.", phases, "phase"),
        Gauge("spaces_memory_bytes", "Memory for Spaces, what is counted for them, what they hold.", memory, "what"),
        Gauge("spaces_gpus", "Devices and slices.", gpus, "what"),
        Gauge("spaces_builds", "Builds under way.", builds, "state"),
        Gauge("spaces_waiting", "Spaces that wait for a place.", lambda: {(): float(places.taken()[2])}),
    )
