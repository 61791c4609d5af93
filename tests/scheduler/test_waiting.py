"""Spaces that wait, with everything real: what is shown, on the waiting page too, and what ends the wait."""

from __future__ import annotations

import asyncio
import time

import pytest

from spaces_runtime.domain.allowance import month_of
from spaces_runtime.domain.hardware import LEAST, Gpu
from spaces_runtime.domain.timeline import What
from spaces_runtime.scheduler import tick
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import until
from tests.scheduler.house import House
from tests.scheduler.test_tick import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio
PAGE = "GET {} HTTP/1.1\r\nHost: ann-{}.localhost:{}\r\nAccept: {}\r\n{}\r\n"


@pytest.fixture
async def house(place, server):  # noqa: F811
    """With room for one small Space and no more."""
    made = House(place, server.url, memory=LEAST + LEAST // 2)
    yield made
    await made.end()
    await place.end()


async def waiting_page(house: House, name: str) -> str:
    """What a browser sees of one that does not open."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(PAGE.format("/", name, house.port, "text/html", "Connection: close\r\n").encode())
        text = (await reader.read()).decode()
        writer.close()
    return text


async def first_news(house: House, name: str) -> str:
    """What the waiting page's stream says first."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(PAGE.format("/.spaces/wait", name, house.port, "text/event-stream", "").encode())
        text = await reader.readuntil(b"data: ") + await reader.readline()
        writer.close()
    return text.decode()


async def test_who_waits_is_told_its_number_what_is_missing_and_who_has_it(house):
    await house.begin()
    first, second = await house.create("first"), await house.create("second")
    await house.push(first)
    await house.reach(first, "RUNNING")
    await house.push(second)
    why = await house.reach(second, "APP_STARTING", "number 1 in the queue")
    assert "It needs 256 MiB of memory, and 128 MiB of 384 MiB is free." in why
    assert "Expected by" in why
    seen = await house.snapshot(second)
    assert seen.waits.holders == (first,)
    assert seen.waits.at == pytest.approx(time.time() + 900, abs=120)
    assert "number 1 in the queue" in await waiting_page(house, "second")
    assert "number 1 in the queue" in await first_news(house, "second")

    async def told() -> bool:
        return any(each.what is What.WAITING for each in await house.timeline.of(second))

    await until(told)
    await house.change(first, house.spaces.set_pinned(first, True))
    await house.hush(first, None)
    assert await house.answers("second")
    assert (await house.snapshot(second)).waits is None


async def test_who_has_no_gpu_hours_left_is_told_when_there_are_more_and_not_started(house):
    house.gpus = (Gpu(id="GPU-1", model="Tesla T4", memory=16 * 2**30),)
    await house.allowances.give("ann", {"gpu_hours": 1.0})
    await house.allowances.use_gpus({"ann": 3600.0}, month_of(time.time()))
    space = await house.create("costly")
    await house.spaces.set_hardware(space, "t4-small")
    await house.begin()
    await house.push(space)
    why = await house.reach(space, "APP_STARTING", "ann has used 1 of 1 GPU hours of this month")
    assert "there are more on 1 " in why
    assert await house.instances(space) == ()


async def test_who_uses_up_the_gpu_hours_is_put_to_sleep_and_told_why(house, monkeypatch):
    monkeypatch.setattr(tick, "AUDIT", 0.3)
    house.gpus = (Gpu(id="GPU-1", model="Tesla T4", memory=16 * 2**30),)
    await house.allowances.give("ann", {"gpu_hours": 1.0})
    space = await house.create("costly")
    await house.spaces.set_hardware(space, "t4-small")
    await house.begin()
    await house.push(space)
    await house.reach(space, "RUNNING")

    async def counted() -> bool:
        return (await house.allowances.gpu_hours(month_of(time.time()))).get("ann", 0.0) > 0

    await until(counted)
    await house.allowances.use_gpus({"ann": 3600.0}, month_of(time.time()))
    await house.reach(space, "SLEEPING", "GPU hours of this month; there are more on 1 ")
    await house.phases(space)
