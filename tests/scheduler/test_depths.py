"""Spaces that go down their ladder to disk and come back for a visitor, with everything real."""

from __future__ import annotations

import os

import pytest

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.settings import SleepSettings
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import HELLO, until
from tests.scheduler.house import House

pytestmark = pytest.mark.anyio
COUNTS = HELLO.replace("class Hello", "count = 0\nclass Hello").replace(
    'body = b"hello"', 'global count; count += 1; body = b"visit %d" % count'
)
REFUSED = "import ctypes\nctypes.CDLL(None).syscall(444, (ctypes.c_uint64 * 1)(1), 8, 0)\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def house(place, server):  # noqa: F811
    early = SleepSettings(frozen=900, paged=-1, checkpointed=1000, packed=2000, cold=9000)
    made = House(place, server.url, sleep=early)
    await made.begin()
    try:
        await deep(place)
        yield made
    finally:
        await made.end()
        await place.end()


async def deep(place):  # noqa: F811
    """Until the scheduler knows that it can."""

    async def tried():
        subjects = {finding.subject: finding for finding in (await place.backend.ability()).findings}
        return subjects.get("checkpoints")

    finding = await until(tried, 40)
    if not finding.holds:
        pytest.skip(f"{finding.says} {finding.remedy}")
    await until(lambda: Phase.CHECKPOINTED in place.backend.rungs)


def image(house, instance):
    return house.layout.node / "instances" / instance.id / "image"


async def visit(house):
    return (await house.get("hello")).partition(b"\r\n\r\n")[2]


async def test_a_visitor_wakes_what_is_on_disk_with_all_that_it_knew(house):
    space = await house.create("hello")
    await house.push(space, COUNTS)
    await house.reach(space, "RUNNING")
    number = int((await visit(house)).split()[1])
    for rung, kept in ((Phase.CHECKPOINTED, "is on disk."), (Phase.PACKED, "is on disk, compressed.")):
        await house.hush(space, rung)
        await house.phases(space, rung)
        await house.reach(space, "SLEEPING", kept)
        number += 1
        assert await visit(house) == b"visit %d" % number
        await house.reach(space, "RUNNING")


async def test_by_itself_it_goes_down_one_rung_after_the_other(place, server):  # noqa: F811
    soon = SleepSettings(frozen=1, paged=-1, checkpointed=2, packed=3, cold=4)
    house = House(place, server.url, sleep=soon)
    await house.begin()
    try:
        await deep(place)
        space = await house.create("hello")
        await house.push(space, COUNTS)
        await house.reach(space, "RUNNING")
        seen = []

        async def cold():
            phases = [i.phase for i in await house.instances(space)]
            if phases and phases[0] not in seen:
                seen.append(phases[0])
            return not phases

        await until(cold)
        assert seen == [Phase.READY, Phase.FROZEN, Phase.CHECKPOINTED, Phase.PACKED]
        assert not house.place.left()
    finally:
        await house.end()
        await place.end()


async def test_a_new_secret_or_a_new_revision_ends_what_is_on_disk_before_anybody_visits(house):
    space = await house.create("hello")
    await house.push(space, COUNTS)
    await house.reach(space, "RUNNING")
    await house.hush(space, Phase.CHECKPOINTED)
    await house.phases(space, Phase.CHECKPOINTED)
    (old,) = await house.instances(space)
    await house.change(space, house.secrets.put(space, "KEY", "new", ""))
    await until(lambda: not image(house, old).parent.exists())
    assert (await visit(house)).startswith(b"visit ")
    await house.hush(space, Phase.CHECKPOINTED)
    await house.phases(space, Phase.CHECKPOINTED)
    (old,) = await house.instances(space)
    await house.push(space, HELLO)
    await until(lambda: not image(house, old).parent.exists())
    assert await visit(house) == b"hello"


async def test_memory_that_cannot_be_had_back_costs_the_visitor_a_start_and_no_more(house):
    space = await house.create("hello")
    await house.push(space, COUNTS)
    await house.reach(space, "RUNNING")
    await house.hush(space, Phase.CHECKPOINTED)
    await house.phases(space, Phase.CHECKPOINTED)
    (old,) = await house.instances(space)
    for pages in image(house, old).glob("pages-*.img"):
        os.truncate(pages, 4096)
    assert (await visit(house)).startswith(b"visit ")
    await house.reach(space, "RUNNING")
    await until(lambda: "it starts anew" in house.place.log(space))
    assert "Not tried again until the next build" in house.place.log(space)
    assert Phase.CHECKPOINTED not in [rung.phase for rung in (await house.snapshot(space)).ladder]
    await house.hush(space, Phase.CHECKPOINTED)
    await house.phases(space, Phase.FROZEN)


async def test_an_app_that_cannot_be_dumped_stays_frozen_and_its_log_says_why(house):
    space = await house.create("hello")
    await house.push(space, REFUSED + COUNTS)
    await house.reach(space, "RUNNING")
    await house.hush(space, Phase.CHECKPOINTED)
    await house.phases(space, Phase.FROZEN)
    await until(lambda: "Cannot be checkpointed: Can't dump" in house.place.log(space))
    assert (await visit(house)).startswith(b"visit ")
