"""Which doors are open, and who is still inside: the scheduler's orders and the gateways' answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import replace
from math import inf

from spaces_runtime.domain.gate import Answer, Gate, gate
from spaces_runtime.domain.ids import GatewayId, InstanceId
from spaces_runtime.domain.route import Order
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.live.connection import Live

LEASE = 3.0  # seconds
ORDERS = "orders"  # hash: instance → order
SERIALS = "orders:serials"  # hash: instance → serial and whether open
ANSWERED = "answered"  # channel: instance
SLOW = 30.0  # seconds after the end of its lease for which what a gateway holds still counts
HELD = "held:"  # and a gateway: hash of Space → Unix seconds since when its streams are silent
LEASES = "leases"  # sorted set: gateway by the end of its lease, Unix seconds by the store's clock
NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1e6 "

# The serial is the store's clock: a store that lost everything never gives one out twice.
ORDER = """
local known = redis.call('HGET', KEYS[2], ARGV[1])
local serial = known and string.match(known, '^(%d+)')
if not known or string.sub(known, -1) ~= ARGV[2] then
  local t = redis.call('TIME')
  serial = string.format('%.0f', math.max(t[1] * 1e6 + t[2], (tonumber(serial) or 0) + 1))
  redis.call('HSET', KEYS[2], ARGV[1], serial .. ' ' .. ARGV[2])
  redis.call('DEL', KEYS[3])
end
local message = serial .. ' ' .. ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], message)
redis.call('PUBLISH', KEYS[1], message)
"""
RENEW = (
    NOW
    + """
redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[2]), ARGV[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - ARGV[3]))) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('DEL', ARGV[4] .. gone)
end
"""
)
STATE = (
    NOW
    + """
local live = redis.call('ZRANGEBYSCORE', KEYS[2], string.format('%.6f', now), '+inf')
return {redis.call('HGET', KEYS[1], ARGV[1]), live, redis.call('HGETALL', KEYS[3])}
"""
)


class LiveGates:
    """The port Gates. An order, an answer or a state is one round trip."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._order = live.script(ORDER)
        self._renew = live.script(RENEW)
        self._state = live.script(STATE)

    async def order(self, order: Order) -> None:
        """Repeating an order, or moving its cut, keeps the answers given; opening or shutting asks anew."""
        keys = [ORDERS, SERIALS, _answers(order.instance)]
        await self._order(keys, order.instance, int(order.is_open), dumps(order))

    async def forget(self, instance: InstanceId) -> None:
        """It ended: its gate is unknown again."""
        await self._live.calls(("HDEL", ORDERS, instance), ("HDEL", SERIALS, instance), ("DEL", _answers(instance)))

    async def orders(self) -> AsyncIterator[Order]:
        """All orders that stand, then each change."""

        async def present() -> Iterable[bytes]:
            return (await self._live.call("HGETALL", ORDERS)).values()  # type: ignore[no-any-return]

        async with aclosing(self._live.follow(ORDERS, present)) as messages:
            async for message in messages:
                yield _order(message)

    async def renew(self, gateway: GatewayId) -> None:
        """Take or keep the lease."""
        await self._renew([LEASES], gateway, LEASE, SLOW, HELD)

    async def answer(self, gateway: GatewayId, instance: InstanceId, answer: Answer) -> None:
        """Say again whenever it changes."""
        await self._live.calls(("HSET", _answers(instance), gateway, dumps(answer)), ("PUBLISH", ANSWERED, instance))

    async def answered(self) -> AsyncIterator[InstanceId]:
        """At first, and when the store was away: every instance there is an order about."""

        async def present() -> Iterable[bytes]:
            return await self._live.call("HKEYS", ORDERS)  # type: ignore[no-any-return]

        async with aclosing(self._live.follow(ANSWERED, present)) as messages:
            async for message in messages:
                yield InstanceId(message.decode())

    async def state(self, instance: InstanceId, connections: int | None) -> tuple[Gate, float]:
        """The gate, and when who is still inside is cut (Unix seconds)."""
        written, live, flat = await self._state([ORDERS, LEASES, _answers(instance)], instance)
        if written is None:
            return Gate.UNKNOWN, inf
        order = _order(written)
        given = {
            GatewayId(name.decode()): loads(Answer, answer) for name, answer in zip(flat[::2], flat[1::2], strict=True)
        }
        answers = {name: answer for name, answer in given.items() if answer.serial == order.serial}
        leased = [GatewayId(name.decode()) for name in live]
        return gate(is_open=order.is_open, live=leased, answers=answers, connections=connections), order.cut_at


def _answers(instance: InstanceId) -> str:
    return f"answers:{instance}"


def _order(message: bytes) -> Order:
    serial, _, written = message.partition(b" ")
    return replace(loads(Order, written), serial=int(serial))
