"""Every order to shut is answered, whatever else happens meanwhile. The live store is a real one."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import GatewayId, InstanceId
from spaces_runtime.domain.route import Order
from spaces_runtime.gateway.answers import Answers
from spaces_runtime.gateway.table import Table
from spaces_runtime.store.live import Live, LiveGates
from tests.contracts.conftest import live, server  # noqa: F401 - fixtures
from tests.gateway.world import HOST, ONE, route

pytestmark = pytest.mark.anyio
US = GatewayId("us")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def nothing() -> None: ...


async def test_a_route_that_moves_on_right_after_the_order_takes_no_answer_with_it(live: Live) -> None:  # noqa: F811
    gates, table = LiveGates(live), Table()
    answers = Answers(
        gateway=US, gates=gates, table=table, close_idle=lambda _instance: None, flush=nothing, clock=time.time
    )
    await gates.renew(US)
    table.apply_route(HOST, route())
    await gates.order(Order(instance=ONE, is_open=True))
    await gates.order(Order(instance=ONE, is_open=False))
    async with aclosing(gates.orders()) as orders:
        table.apply_order(await anext(orders))
    table.apply_route(HOST, replace(route(), instance=InstanceId("another")))
    running = asyncio.create_task(answers.run())
    async with asyncio.timeout(5):
        while (await gates.state(ONE, 0))[0] is not Gate.QUIET:
            await gates.renew(US)  # else nobody would wait for it any more
            await asyncio.sleep(0.01)
    running.cancel()
    assert table.door(ONE) is None, "answered, and no route leads there"
