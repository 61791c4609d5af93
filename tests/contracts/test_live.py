"""The live ports, on a real Valkey that is killed where that is the point."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from math import inf
from typing import TypeVar

import pytest

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.events import LogLine, StageChanged
from spaces_runtime.domain.gate import Answer, Gate
from spaces_runtime.domain.ids import BuildKey, Digest, GatewayId, InstanceId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.route import Face, Order, Route, Seen
from spaces_runtime.domain.stage import Stage
from spaces_runtime.store.live import (
    Live,
    LiveActivity,
    LiveEvents,
    LiveGates,
    LiveObservations,
    LiveRoutes,
    LiveWakes,
)
from tests.contracts.conftest import Server

pytestmark = pytest.mark.anyio
T = TypeVar("T")
S1, S2 = SpaceId("s1"), SpaceId("s2")
I1, I2 = InstanceId("i1"), InstanceId("i2")
G1, G2 = GatewayId("g1"), GatewayId("g2")
ROUTE = Route(
    space=S1, name="ann/hello", host="ann-hello.localhost:7800", instance=I1, private=False,
    face=Face(title="Hello", usual=1.5), headers=(("x-a", "b"),),
)  # fmt: skip


async def take(source: AsyncIterator[T], count: int) -> list[T]:
    """The next ones, in time."""
    async with asyncio.timeout(20):
        return [await anext(source) for _ in range(count)]


async def waiting(live: Live, command: str) -> None:
    """Until somebody waits in that command, as the store sees it."""
    async with asyncio.timeout(20):
        while f"cmd={command}" not in str(await live.call("CLIENT", "LIST")):
            await asyncio.sleep(0.01)


async def nobody_waits(live: Live, command: str) -> None:
    """Until nobody waits in that command any more."""
    async with asyncio.timeout(20):
        while f"cmd={command}" in str(await live.call("CLIENT", "LIST")):
            await asyncio.sleep(0.01)


# Routes


async def test_a_follower_gets_all_routes_and_then_each_change(live: Live) -> None:
    routes = LiveRoutes(live)
    await routes.publish("a", ROUTE)
    await routes.publish("b", ROUTE)
    await routes.publish("b", None)
    async with aclosing(routes.follow()) as follow:
        assert await take(follow, 1) == [("a", ROUTE)]
        await routes.publish("c", ROUTE)
        await routes.publish("a", None)
        assert await take(follow, 2) == [("c", ROUTE), ("a", None)]


async def test_a_store_that_lost_everything_takes_no_route_away(live: Live, server: Server) -> None:
    routes = LiveRoutes(live)
    await routes.publish("a", ROUTE)
    async with aclosing(routes.follow()) as follow:
        await take(follow, 1)
        server.kill()
        server.start()
        next_one = asyncio.ensure_future(take(follow, 1))
        await waiting(live, "subscribe")
        await routes.publish("b", ROUTE)
        assert await next_one == [("b", ROUTE)]


async def test_a_lost_store_takes_no_route_away_even_if_the_connection_then_breaks_too(
    live: Live, server: Server
) -> None:
    routes = LiveRoutes(live)
    await routes.publish("a", ROUTE)
    async with aclosing(routes.follow()) as follow:
        await take(follow, 1)
        next_one = asyncio.ensure_future(take(follow, 1))
        server.kill()
        server.start()
        await waiting(live, "subscribe")
        await live.call("CLIENT", "KILL", "TYPE", "pubsub")
        await waiting(live, "subscribe")
        await routes.publish("b", ROUTE)
        assert await next_one == [("b", ROUTE)]


async def test_a_route_that_went_while_the_connection_was_away_is_told_as_gone(live: Live) -> None:
    routes = LiveRoutes(live)
    await routes.publish("a", ROUTE)
    await routes.publish("b", ROUTE)
    async with aclosing(routes.follow()) as follow:
        await take(follow, 2)
        # Both in one step, so that the follower cannot hear of it by the channel.
        await live.calls(("HDEL", "routes", "a"), ("CLIENT", "KILL", "TYPE", "pubsub"))
        assert dict(await take(follow, 2)) == {"a": None, "b": ROUTE}


# Gates


async def shut(gates: LiveGates, cut_at: float = inf) -> int:
    """Order it shut; the serial to answer with."""
    await gates.order(Order(instance=I1, is_open=False, cut_at=cut_at))
    async with aclosing(gates.orders()) as orders:
        [order] = await take(orders, 1)
        return order.serial


async def test_a_gate_nobody_ordered_anything_about_is_unknown(live: Live) -> None:
    assert await LiveGates(live).state(I1, 0) == (Gate.UNKNOWN, inf)


async def test_a_gate_is_quiet_once_every_leased_gateway_and_the_node_see_nobody(live: Live) -> None:
    gates = LiveGates(live)
    await gates.renew(G1)
    await gates.renew(G2)
    serial = await shut(gates, cut_at=77.0)
    await gates.answer(G1, I1, Answer(in_flight=0, serial=serial))
    assert await gates.state(I1, 0) == (Gate.CLOSING, 77.0)
    await gates.answer(G2, I1, Answer(in_flight=1, serial=serial))
    assert await gates.state(I1, 0) == (Gate.CLOSING, 77.0)
    await gates.answer(G2, I1, Answer(in_flight=0, held=1, serial=serial))
    assert await gates.state(I1, 2) == (Gate.CLOSING, 77.0)
    assert await gates.state(I1, None) == (Gate.CLOSING, 77.0)
    assert await gates.state(I1, 1) == (Gate.QUIET, 77.0)


async def test_an_open_gate_is_open_whatever_is_inside(live: Live) -> None:
    gates = LiveGates(live)
    await gates.renew(G1)
    await gates.order(Order(instance=I1, is_open=True))
    assert await gates.state(I1, 5) == (Gate.OPEN, inf)


async def test_an_answer_to_an_earlier_closing_counts_for_nothing(live: Live) -> None:
    gates = LiveGates(live)
    await gates.renew(G1)
    old = await shut(gates)
    await gates.answer(G1, I1, Answer(in_flight=0, serial=old))
    assert (await gates.state(I1, 0))[0] is Gate.QUIET
    await gates.order(Order(instance=I1, is_open=True))
    new = await shut(gates)
    assert new > old
    assert (await gates.state(I1, 0))[0] is Gate.CLOSING
    await gates.answer(G1, I1, Answer(in_flight=0, serial=old))
    assert (await gates.state(I1, 0))[0] is Gate.CLOSING
    await gates.answer(G1, I1, Answer(in_flight=0, serial=new))
    assert (await gates.state(I1, 0))[0] is Gate.QUIET


async def test_an_answer_from_before_the_store_was_lost_counts_for_nothing(live: Live, server: Server) -> None:
    gates = LiveGates(live)
    old = await shut(gates)
    server.kill()
    server.start()
    await gates.renew(G1)
    assert await shut(gates) != old
    await gates.answer(G1, I1, Answer(in_flight=0, serial=old))
    assert (await gates.state(I1, 0))[0] is Gate.CLOSING


async def test_moving_the_cut_keeps_the_answers(live: Live) -> None:
    gates = LiveGates(live)
    await gates.renew(G1)
    serial = await shut(gates)
    await gates.answer(G1, I1, Answer(in_flight=0, serial=serial))
    assert await shut(gates, cut_at=9.0) == serial
    assert await gates.state(I1, 0) == (Gate.QUIET, 9.0)


async def test_a_gateway_without_a_lease_is_not_waited_for(live: Live) -> None:
    gates = LiveGates(live)
    await gates.renew(G1)
    await gates.renew(G2)
    serial = await shut(gates)
    await gates.answer(G1, I1, Answer(in_flight=0, serial=serial))
    async with asyncio.timeout(10):
        began = time.monotonic()
        while (await gates.state(I1, 0))[0] is not Gate.QUIET:
            await gates.renew(G1)
            await asyncio.sleep(0.05)
    assert time.monotonic() - began > 2


async def test_orders_come_whole_at_first_and_again_after_the_store_was_away(live: Live, server: Server) -> None:
    gates = LiveGates(live)
    await gates.order(Order(instance=I1, is_open=True))
    async with aclosing(gates.orders()) as orders:
        assert [(o.instance, o.is_open) for o in await take(orders, 1)] == [(I1, True)]
        await gates.order(Order(instance=I2, is_open=False, cut_at=5.0))
        assert [(o.instance, o.is_open, o.cut_at) for o in await take(orders, 1)] == [(I2, False, 5.0)]
        server.kill()
        following = asyncio.ensure_future(take(orders, 1))
        server.start()
        await gates.order(Order(instance=I1, is_open=False))
        assert [(o.instance, o.is_open) for o in await following] == [(I1, False)]


async def test_a_forgotten_instance_is_unknown_again(live: Live) -> None:
    gates = LiveGates(live)
    await gates.order(Order(instance=I1, is_open=True))
    await gates.forget(I1)
    assert await gates.state(I1, 0) == (Gate.UNKNOWN, inf)


async def test_each_answer_is_a_hint_to_look(live: Live) -> None:
    gates = LiveGates(live)
    await shut(gates)
    async with aclosing(gates.answered()) as answered:
        assert await take(answered, 1) == [I1]
        await gates.answer(G1, I2, Answer(in_flight=0))
        assert await take(answered, 1) == [I2]


# Wakes


async def test_wakes_asked_while_nobody_listened_are_not_lost(live: Live) -> None:
    wakes = LiveWakes(live)
    await wakes.ask(S1)
    await wakes.look(S2)
    async with aclosing(wakes.asked()) as asked:
        assert await take(asked, 2) == [(S1, True), (S2, False)]
        await wakes.ask(S2)
        assert await take(asked, 1) == [(S2, True)]


async def test_a_wake_arrives_within_milliseconds(live: Live) -> None:
    wakes = LiveWakes(live)
    spent = []
    async with aclosing(wakes.asked()) as asked:
        for _ in range(50):
            waits = asyncio.ensure_future(take(asked, 1))
            await asyncio.sleep(0.001)
            began = time.perf_counter()
            await wakes.ask(S1)
            await waits
            spent.append(time.perf_counter() - began)
    assert sorted(spent)[25] < 0.02  # 0.3 ms on an idle machine, and this one may be busy


async def test_asking_goes_on_after_the_store_was_away(live: Live, server: Server) -> None:
    wakes = LiveWakes(live)
    async with aclosing(wakes.asked()) as asked:
        following = asyncio.ensure_future(take(asked, 1))
        await waiting(live, "blmpop")
        server.kill()
        with pytest.raises(Unavailable, match="reach the live store"):
            await wakes.ask(S1)
        server.start()
        await wakes.ask(S2)
        assert await following == [(S2, True)]


# Activity


async def test_activity_is_merged_over_the_gateways(live: Live) -> None:
    activity, gates = LiveActivity(live), LiveGates(live)
    await gates.renew(G1)
    await gates.renew(G2)
    await activity.report(G1, {S1: Seen(touched_at=20.5, held_since=5.0), S2: Seen(touched_at=1.0)})
    await activity.report(G2, {S1: Seen(touched_at=10.0, held_since=8.0)})
    assert await activity.seen([S1, S2, SpaceId("s3")]) == {
        S1: Seen(touched_at=20.5, held_since=8.0),
        S2: Seen(touched_at=1.0),
        SpaceId("s3"): Seen(),
    }
    await activity.report(G2, {S1: Seen()})
    assert (await activity.seen([S1]))[S1] == Seen(touched_at=20.5, held_since=5.0)


async def test_what_a_gateway_without_a_lease_held_does_not_count(live: Live) -> None:
    activity = LiveActivity(live)
    await activity.report(G1, {S1: Seen(touched_at=20.5, held_since=5.0)})
    assert (await activity.seen([S1]))[S1] == Seen(touched_at=20.5)


async def test_thousands_of_spaces_are_reported_and_read(live: Live) -> None:
    activity = LiveActivity(live)
    told = {SpaceId(f"s{n}"): Seen(touched_at=float(n)) for n in range(3000)}
    await activity.report(G1, told)
    assert await activity.seen(told) == told


# Observations


async def test_an_observation_is_read_as_it_was_published(live: Live) -> None:
    observations = LiveObservations(live)
    instance = Instance(
        id=I1, space=S1, build=BuildKey(RevisionId("a" * 40), 2), spec=Digest("d"), phase=Phase.FROZEN, since=5.0,
        answered=True, connections=None, gate=Gate.QUIET, cut_at=inf, cpu=1.5, memory=2**40,
    )  # fmt: skip
    seen = Observed(at=7.0, instances=(instance,), touched_at=3.0, worked_at=inf, held_since=None, places=2)
    await observations.publish({S1: seen, S2: seen})
    await observations.publish({S2: None})
    assert await observations.latest([S1, S2]) == {S1: seen}
    assert await observations.latest([]) == {}


# Events


async def test_events_come_in_order_from_the_cursor_on(live: Live) -> None:
    events = LiveEvents(live)
    told = [
        StageChanged(space=S1, at=1.0, stage=Stage.RUNNING, why="a serves."),
        LogLine(space=S1, at=2.0, source="run", text="hello ✓"),
        StageChanged(space=S1, at=3.0, stage=Stage.SLEEPING, why="Asleep."),
    ]
    for event in told:
        await events.publish(event)
    async with aclosing(events.stream(S1, "0-0")) as stream:
        seen = await take(stream, 3)
        assert [event for _, event in seen] == told
    async with aclosing(events.stream(S1, seen[1][0])) as stream:
        assert await take(stream, 1) == seen[2:]


async def test_an_empty_or_wrong_cursor_means_from_now_on_also_when_the_store_is_away(
    live: Live, server: Server
) -> None:
    events = LiveEvents(live)
    old, new = (StageChanged(space=S1, at=at, stage=Stage.RUNNING, why="x") for at in (1.0, 2.0))
    await events.publish(old)
    for cursor in ("", "no cursor"):
        async with aclosing(events.stream(S1, cursor)) as stream:
            following = asyncio.ensure_future(take(stream, 1))
            await waiting(live, "xread")
            server.kill()
            server.start()
            await events.publish(new)
            assert [event for _, event in await following] == [new]
        await nobody_waits(live, "xread")
