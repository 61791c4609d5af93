"""Answers closing orders once nobody is inside and idle connections are closed; cuts when time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from spaces_runtime.domain.gate import Answer
from spaces_runtime.domain.ids import GatewayId, InstanceId
from spaces_runtime.domain.ports.live import Gates
from spaces_runtime.domain.route import Order
from spaces_runtime.gateway.door import Door
from spaces_runtime.gateway.table import Table

log = structlog.get_logger()

RETRY = 1.0  # seconds, while the live store is away


class Answers:
    """What this gateway owes the scheduler. close_idle: of an instance's pool; flush: tell activity first."""

    def __init__(
        self,
        *,
        gateway: GatewayId,
        gates: Gates,
        table: Table,
        close_idle: Callable[[InstanceId], None],
        flush: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._gateway, self._gates, self._table = gateway, gates, table
        self._close_idle, self._flush, self._clock = close_idle, flush, clock
        self._due: dict[InstanceId, None] = {}
        self._more = asyncio.Event()
        table.on_order = self.ordered
        table.on_quiet = self.quiet

    def ordered(self, order: Order) -> None:
        """An order came, perhaps again: it is answered again."""
        door = self._table.door(order.instance)
        if door is None or door.is_open:
            self._due.pop(order.instance, None)
            return
        if door.quiet:
            self.quiet(order.instance)
        elif door.cut_at < float("inf"):
            wait = max(0.0, door.cut_at - self._clock())
            asyncio.get_running_loop().call_later(wait + 0.01, self._cut, order.instance, door)

    def quiet(self, instance: InstanceId) -> None:
        """Shut, and the last one has left."""
        self._due[instance] = None
        self._more.set()

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            due, self._due = list(self._due), {}
            for number, instance in enumerate(due):
                try:
                    await self._answer(instance)
                except Exception as error:  # noqa: BLE001 - the live store is away; nothing is stopped without an answer
                    log.warning("closing order not answered", instance=instance, why=str(error))
                    self._due = dict.fromkeys(due[number:]) | self._due
                    await asyncio.sleep(RETRY)
                    self._more.set()
                    break

    async def _answer(self, instance: InstanceId) -> None:
        """What the last visitor did is told before anybody may conclude that the Space is idle."""
        door = self._table.door(instance)
        if door is None or not door.quiet:
            return
        self._close_idle(instance)
        await self._flush()
        if door.quiet:
            answer = Answer(in_flight=0, held=door.held, serial=door.serial)
            await self._gates.answer(self._gateway, instance, answer)
            if door.serial == answer.serial:
                door.owes = False
                self._table.forget_unused(instance)

    def _cut(self, instance: InstanceId, door: Door) -> None:
        count = door.cut(self._clock())
        if count:
            log.info("visitors cut", instance=instance, count=count)
