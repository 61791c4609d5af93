"""What the scheduler notes and counts of Spaces that really sleep, wake, crash and wait."""

from __future__ import annotations

import time

import pytest

from spaces_runtime.domain.actions import Stop
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.timeline import Happened, What
from spaces_runtime.scheduler.chronicle import Chronicle
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import until
from tests.scheduler.house import House
from tests.scheduler.test_tick import anyio_backend, house  # noqa: F401 - fixtures
from tests.scheduler.world import World

pytestmark = pytest.mark.anyio
ENDS = "import sys\nsys.exit('no model here')\n"


def counted(house: House, name: str, *labels: str) -> float:  # noqa: F811
    """A counter, or how many a histogram has."""
    found = next(source.read() for source in house.figures if source.read().name == name)
    if found.kind == "histogram":
        return sum(sum(spread.counts) for spread in found.spreads if spread.labels == labels)
    return dict(found.values).get(labels, 0.0)


async def told(house: House, space: SpaceId, *wanted: What) -> list[Happened]:  # noqa: F811
    """Until these were written, in this order."""

    async def there() -> list[Happened]:
        found = [each for each in reversed(await house.timeline.of(space)) if each.what in wanted]
        return found if [each.what for each in found] == list(wanted) else []

    return await until(there, 10)


async def test_a_start_a_sleep_and_a_wake_are_told_with_rung_and_time(house: House) -> None:  # noqa: F811
    space = await house.create("hello")
    head = await house.push(space)
    await house.reach(space, "RUNNING")
    await house.hush(space, Phase.FROZEN)
    await house.phases(space, Phase.FROZEN)
    assert counted(house, "spaces_sleeps", "frozen") == 1
    assert await house.answers("hello")
    starting, ready, slept, woke = await told(house, space, What.STARTING, What.READY, What.SLEPT, What.WOKE)
    assert head[:7] in starting.why
    assert ready.took > 0
    assert slept.rung == woke.rung == "frozen"
    assert 0 < woke.took < 5
    assert counted(house, "spaces_wake_seconds", "frozen") == counted(house, "spaces_starts") == 1
    assert counted(house, "spaces_start_seconds") == 1
    assert counted(house, "spaces_stage", "RUNNING") == 1
    assert counted(house, "spaces_instances", "ready") == 1


async def test_an_app_that_ends_before_it_answers_is_told_with_its_reason(house: House) -> None:  # noqa: F811
    space = await house.create("ends")
    await house.push(space, ENDS)
    _, failed = await told(house, space, What.STARTING, What.FAILED)
    assert "no model here" in failed.why
    assert counted(house, "spaces_ended", "failed its start") == 1


class Away:
    """A database that is away for a while."""

    def __init__(self) -> None:
        self.away, self.kept = True, list[Happened]()

    async def add(self, happened: tuple[Happened, ...]) -> None:
        if self.away:
            raise Unavailable(what="use the database", why="it is away")
        self.kept += happened


async def test_what_could_not_be_written_is_written_later_in_order() -> None:
    away, space = Away(), World().space
    chronicle = Chronicle(away, time.time)
    chronicle.acted(space, Stop(InstanceId("i")), "old one replaced", after=None)
    with pytest.raises(Unavailable):
        await chronicle.write()
    chronicle.gave_way(space.id)
    away.away = False
    await chronicle.write()
    assert [each.what for each in away.kept] == [What.STOPPED, What.GAVE_WAY]
