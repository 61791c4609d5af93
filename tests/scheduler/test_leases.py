"""Spaces on GPUs, with everything real but the GPUs: their names pass through database, scheduler and node."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from spaces_runtime.domain.hardware import Gpu
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.space import Lease, Wish
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import HELLO, until
from tests.scheduler.house import GIB, House

pytestmark = pytest.mark.anyio
T4S = tuple(Gpu(id=f"GPU-{n}", model="Tesla T4", memory=15 * GIB) for n in range(2))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def house(place, server):  # noqa: F811
    """memory: that of a tier with a T4 is not at hand, and not needed: reservations count."""
    made = House(place, server.url)
    made.gpus = T4S[:1]
    yield made
    await made.end()
    await place.end()


async def on_gpu(house, name):
    space = await house.create(name)
    await house.spaces.set_hardware(space, "t4-small")
    await house.push(space)
    return space


async def leased(house):
    stock = await house.stocks.latest()
    return stock.leased if stock else None


async def test_one_gpu_is_one_spaces_and_the_next_in_the_queue_gets_it(house):
    await house.begin()
    first = await on_gpu(house, "first")
    await house.reach(first, "RUNNING")
    second = await on_gpu(house, "second")
    await house.reach(second, "APP_STARTING", "Waiting for a place: number 1 in the queue.")
    assert [i.gpus for i in await house.instances(first)] == [("GPU-0",)]
    kept = await house.snapshot(first)
    assert kept.lease.gpus == ("GPU-0",)
    await house.change(first, house.spaces.set_wish(first, Wish.PAUSE, "ann"))
    await house.reach(second, "RUNNING")
    assert [i.gpus for i in await house.instances(second)] == [("GPU-0",)]
    kept = await house.snapshot(first)
    assert kept.lease is None
    await until(lambda: told(house, ("GPU-0",)))


async def told(house, gpus):
    return await leased(house) == gpus


async def test_what_a_killed_scheduler_was_starting_keeps_its_gpu(house):
    """The order may be under way: nobody else may have the device until it is seen, or long overdue."""
    first = await house.create("first")
    await house.spaces.set_hardware(first, "t4-small")
    await house.spaces.set_lease(first, Lease(instance="new", gpus=("GPU-0",), at=time.time()))
    await house.begin()
    await until(lambda: told(house, ("GPU-0",)))
    second = await on_gpu(house, "second")
    await house.reach(second, "APP_STARTING", "Waiting for a place")
    assert await house.phases(second) is None
    await house.push(first)
    await house.reach(first, "RUNNING")
    assert [i.gpus for i in await house.instances(first)] == [("GPU-0",)], "its own lease is no hindrance to itself"


async def test_a_tier_whose_gpu_went_away_says_so(house):
    house.gpus = ()
    await house.begin()
    space = await on_gpu(house, "first")
    await house.reach(space, "CONFIG_ERROR", "t4-small needs 1 GPUs (T4), and this machine has fewer.")


async def test_a_restart_uses_a_second_gpu_where_one_is_free(house):
    house.gpus = T4S
    await house.begin()
    space = await on_gpu(house, "first")
    await house.reach(space, "RUNNING")
    [before] = await house.instances(space)
    await house.change(space, house.spaces.restart(space, rebuild=False))

    async def moved():
        there = await house.instances(space)
        return len(there) == 1 and there[0].phase is Phase.READY and there[0].id != before.id and there[0]

    after = await until(moved)
    assert {before.gpus, after.gpus} == {("GPU-0",), ("GPU-1",)}


async def test_a_space_that_held_much_is_expected_to_hold_as_much_again(house):
    house.stock = replace(house.stock, memory=8 * GIB)
    await house.begin()
    space = await house.create("big")
    eats = "x = bytearray(400 * 2**20)\n"
    await house.push(space, eats + HELLO)
    await house.reach(space, "RUNNING")

    async def noted():
        await house.wakes.look(space)
        [kept] = await house.spaces.snapshot([space])
        return kept.peak

    assert await until(noted) >= 400 * 2**20
