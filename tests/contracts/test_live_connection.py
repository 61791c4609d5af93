"""The connection to the live store, on a real Valkey that is killed where that is the point; and the written form."""

from __future__ import annotations

import asyncio
import stat
import time
from math import inf

import pytest

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.gate import Answer
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.route import Face, Route
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.live import Live, LiveActivity, LiveEvents
from tests.contracts.conftest import Server
from tests.contracts.test_live import nobody_waits, take, waiting

pytestmark = pytest.mark.anyio
S1 = SpaceId("s1")


async def test_since_is_when_the_store_began_and_another_one_after_it_was_lost(live: Live, server: Server) -> None:
    activity = LiveActivity(live)
    since = await activity.since()
    assert await LiveActivity(live).since() == since
    assert abs(since - time.time()) < 60
    server.kill()
    server.start()
    assert await activity.since() > since


async def test_a_follower_that_ends_leaves_no_connection_behind(live: Live) -> None:
    events = LiveEvents(live)
    following = asyncio.ensure_future(take(events.stream(S1, ""), 1))
    await waiting(live, "xread")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await nobody_waits(live, "xread")


async def test_a_task_that_is_cancelled_ends_wherever_in_a_command_it_was(live: Live) -> None:
    async def tell_and_stay() -> None:
        await live.call("PUBLISH", "somewhere", "something")
        await asyncio.sleep(60)

    await live.call("PING")  # connected: what is cut short is the command
    for steps in range(40):
        task = asyncio.create_task(tell_and_stay())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=5)
        assert ended, f"cancelled after {steps} steps and still there"


async def test_a_store_that_cannot_be_reached_is_a_clear_fault(server: Server, live: Live) -> None:
    server.kill()
    with pytest.raises(Unavailable, match="Cannot reach the live store"):
        await LiveActivity(live).since()


async def test_the_bundled_store_listens_on_its_socket_only_and_writes_nothing_to_disk(
    live: Live, server: Server
) -> None:
    asked = ("port", "save", "appendonly", "maxmemory-policy")
    told = [(await live.call("CONFIG", "GET", name))[1].decode() for name in asked]
    assert told == ["0", "", "no", "volatile-ttl"]
    assert stat.S_IMODE(server.layout.valkey_socket.stat().st_mode) == 0o770


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    assert loads(Answer, '{"in_flight": 1, "new": 5}') == Answer(in_flight=1)
    with pytest.raises(ValueError, match="in_flight"):
        loads(Answer, "{}")


def test_every_kind_of_field_survives_writing() -> None:
    artifact = Artifact(
        kind=ArtifactKind.STATIC,
        digest="d",
        location="/l",
        command=(),
        port=1,
        headers=(("a", "b"),),
        start_deadline=inf,
    )
    route = Route(
        space=S1, name="ann/hello", host="ann-hello.localhost:7800", instance=InstanceId("i1"), private=False,
        face=Face(title="Hello", usual=1.5), headers=(("x-a", "b"),),
    )  # fmt: skip
    assert loads(Artifact, dumps(artifact)) == artifact
    assert loads(Route, dumps(route)) == route
