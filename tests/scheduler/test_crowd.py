"""Ten small Spaces are asked for at once: all answer, none fails, and where there is not room for all, in order."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from spaces_runtime.domain.hardware import LEAST
from spaces_runtime.domain.settings import GatewaySettings, SleepSettings
from spaces_runtime.domain.stage import Stage
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import until
from tests.scheduler.house import House

pytestmark = pytest.mark.anyio
CROWD = [f"c{n}" for n in range(10)]
ROOM = 3  # places, where there is not room for all
PATIENCE = 100.0  # seconds; two cores are shared with whatever else is tested


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def house(place, server):  # noqa: F811
    """Spaces are idle soon after their visitor has been, and give way; who is held is told of in shorter intervals."""
    made = House(place, server.url, sleep=SleepSettings(frozen=3, cold=3600))
    made.gateway = GatewaySettings(interim=0.5)
    yield made
    await made.end()
    await place.end()


async def deployed(house):
    """Nothing of any of them runs. Where there was no room for it after its push, one has never run at all."""
    spaces = [await house.create(name) for name in CROWD]
    for space in spaces:
        await house.push(space)
    for space in spaces:
        await until(lambda space=space: idle(house, space), PATIENCE)
        await house.hush(space, None)
    await until(lambda: nothing(house), PATIENCE)
    return spaces


async def idle(house, space):
    return (await house.shown(space)).stage in (Stage.SLEEPING, Stage.STOPPED)


async def nothing(house):
    """Neither runs nor is about to: a start that is under way has its place."""
    stock = await house.stocks.latest()
    return stock is not None and stock.reserved == 0 and not await house.place.backend.observe()


async def visited(house, *, apart=0.0):
    """Names in the order in which they answered."""
    order = []

    async def one(number, name):
        await asyncio.sleep(number * apart)
        answer = await house.get(name, seconds=PATIENCE)
        assert b"HTTP/1.1 200 OK\r\n" in answer, answer  # after interim answers, where it took long
        order.append(name)

    await asyncio.gather(*(one(number, name) for number, name in enumerate(CROWD)))
    return order


async def test_all_are_answered_and_none_fails(house):
    await house.begin()
    spaces = await deployed(house)
    assert sorted(await visited(house)) == CROWD
    for space in spaces:
        [kept] = await house.spaces.snapshot([space])
        assert (kept.failed, kept.crashed) == (None, None)


async def test_where_there_is_not_room_for_all_who_asked_first_is_answered_first(house):
    house.stock = replace(house.stock, memory=ROOM * LEAST, room=ROOM * LEAST)
    await house.begin()
    spaces = await deployed(house)
    order = await visited(house, apart=0.05)
    assert sorted(order) == CROWD
    late = [name for turn, name in enumerate(order) if abs(turn - CROWD.index(name)) > ROOM]
    assert not late, f"answered in the order {order}"
    stock = await house.stocks.latest()
    assert stock.reserved <= ROOM * LEAST
    for space in spaces:
        [kept] = await house.spaces.snapshot([space])
        assert (kept.failed, kept.crashed) == (None, None)
