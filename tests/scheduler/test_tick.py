"""Spaces that live, with everything real: what a visitor gets, what is shown, and what the node has."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.hardware import LEAST
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.space import BuildState, Wish
from spaces_runtime.store.live import LiveGates
from spaces_runtime.store.live.wakes import WAKES
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import HELLO, until
from tests.scheduler.house import House

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def house(place, server):  # noqa: F811
    made = House(place, server.url)
    await made.begin()
    yield made
    await made.end()
    await place.end()


async def test_a_push_is_started_and_answers_and_is_shown_as_running(house):
    space = await house.create("hello")
    head = await house.push(space)
    assert (await house.get("hello")).endswith(b"hello")
    assert f"{head[:7]} answers visitors since" in await house.reach(space, "RUNNING")


async def test_a_space_without_a_visitor_freezes_and_a_visit_thaws_it_in_milliseconds(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    spent = []
    house.said.clear()
    for _ in range(5):
        await house.reach(space, "RUNNING")  # told a moment after its door opened
        await house.hush(space, Phase.FROZEN)
        await house.reach(space, "SLEEPING")
        await house.phases(space, Phase.FROZEN)
        begun = time.monotonic()
        assert await house.answers("hello")
        spent.append(time.monotonic() - begun)
    assert statistics.median(spent) < 0.1, spent
    words = [word for word, _ in house.said]
    assert words.count("resume") == 5
    after = [house.said[n + 1] for n, word in enumerate(words) if word == "resume"]
    assert all(word == "order" and what.is_open for word, what in after), "a wake is two round trips"
    await house.hush(space, Phase.FROZEN)
    await house.reach(space, "SLEEPING", "A visit wakes it in about")


async def test_a_space_put_to_sleep_while_it_starts_sleeps_as_soon_as_it_answers(house):
    space = await house.create("hello")
    await house.push(space, f"import time\ntime.sleep(1)\n{HELLO}")
    await house.phases(space, Phase.STARTING)
    await house.hush(space, Phase.FROZEN)
    await house.phases(space, Phase.FROZEN)
    assert await house.answers("hello")


async def test_a_cold_space_has_nothing_running_and_a_visit_starts_it(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    await house.hush(space, None)
    await house.reach(space, "SLEEPING")
    await until(lambda: not house.place.processes())
    assert await house.answers("hello")
    await house.phases(space, Phase.READY)


async def test_a_new_revision_takes_over_without_a_failed_request(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    (old,) = await house.instances(space)
    answers, going = [], True

    async def visit():
        while going:
            answers.append(await house.get("hello"))

    visitor = asyncio.create_task(visit())
    await house.push(space, HELLO.replace('b"hello"', 'b"newer"'))
    await until(lambda: bool(answers) and answers[-1].endswith(b"newer"))
    going = False
    await visitor
    assert all(b" 200 " in answer.partition(b"\r\n")[0] for answer in answers)
    shut = next(n for n, (word, what) in enumerate(house.said) if word == "order" and not what.is_open)
    led = [what.instance for word, what in house.said[:shut] if word == "publish"]
    assert house.said[shut][1].instance == old.id
    assert led[-1] not in (None, old.id), "visitors are led to the new one before the old one's door is shut"
    await house.phases(space, Phase.READY)


async def test_a_bad_revision_is_told_with_its_cause_and_the_good_one_serves(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    bad = await house.push(space, "import torchvision_of_nobody")

    async def told():
        shown = await house.shown(space)
        return shown.stage.value == "RUNNING" and shown.why.count(bad[:7]) and shown.why

    why = await until(told)
    assert "No module named torchvision_of_nobody: add torchvision_of_nobody to requirements.txt." in why
    assert (await house.get("hello")).endswith(b"hello")
    assert "===== Ended: No module named" in house.place.log(space)


async def test_a_first_revision_that_fails_refuses_visitors_with_the_cause_until_a_push(house):
    space = await house.create("hello")
    await house.push(space, "print('bye')")
    why = await house.reach(space, "RUNTIME_ERROR")
    assert "ended without serving" in why
    answer = await house.get("hello")
    assert b" 503 " in answer.partition(b"\r\n")[0]
    assert b"ended without serving" in answer
    await house.push(space)
    assert await house.answers("hello") or await until(lambda: house.answers("hello"))


async def test_an_app_that_is_killed_comes_back_and_says_that_it_was(house):
    space = await house.create("hello")
    await house.push(
        space,
        HELLO.replace(
            "def do_GET(self):", "def do_GET(self):\n        if 'die' in self.path: import os; os.kill(os.getpid(), 9)"
        ),
    )
    await house.reach(space, "RUNNING")
    first = (await house.instances(space))[0].id
    await house.get("hello", "/die")

    async def again():
        return [i.id for i in await house.instances(space) if i.phase is Phase.READY and i.id != first]

    await until(again)
    assert await house.answers("hello")
    assert "ended by a kill (signal 9)" in house.place.log(space)


async def test_a_paused_space_ends_and_refuses_and_starts_again_when_a_person_says_so(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    await house.change(space, house.spaces.set_wish(space, Wish.PAUSE, "tomas"))
    await until(lambda: not house.place.processes())
    assert b"tomas paused it." in await house.get("hello")
    await house.change(space, house.spaces.restart(space, rebuild=False))
    await house.reach(space, "RUNNING")
    assert await house.answers("hello")


async def test_a_new_secret_starts_it_anew_and_the_platforms_names_cannot_be_made_up(house):
    space = await house.create("hello")
    shows = HELLO.replace(
        'b"hello"', "repr({n: os.environ.get(n) for n in ('KEY', 'SPACE_ID', 'SPACE_TITLE')}).encode()"
    )
    await house.push(space, "import os\n" + shows)
    await house.reach(space, "RUNNING")
    await house.change(space, house.spaces.put_variable(space, "SPACE_ID", "evil/space", ""))
    await house.change(space, house.secrets.put(space, "KEY", "opened", ""))

    async def told():
        return b"opened" in (await house.get("hello"))

    await until(told)
    answer = await house.get("hello")
    assert b"'SPACE_ID': 'ann/hello'" in answer
    assert b"'SPACE_TITLE': 'Hello there'" in answer


async def test_a_deleted_space_leaves_nothing(house):
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    await house.change(space, house.spaces.set_wish(space, Wish.DELETE, "ann"))

    async def gone():
        return not await house.spaces.snapshot([space])

    await until(gone)
    assert not house.place.processes()
    assert not await house.observations.latest([space])
    assert not (house.layout.logs / space).exists()
    assert b" 404 " in (await house.get("hello")).partition(b"\r\n")[0]


async def test_a_wrong_setting_is_shown_and_refused_with_its_reason(house):
    space = await house.create("hello")
    await house.push(space, built=BuildState.INVALID)
    assert "has a wrong setting: Wrong." in await house.reach(space, "CONFIG_ERROR")
    assert b"has a wrong setting: Wrong." in await house.get("hello")


async def test_what_runs_is_adopted_by_a_scheduler_that_comes_new(house, place, server):  # noqa: F811
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    before = [i.id for i in await house.instances(space)]
    await house.end()
    after = House(place, server.url)
    await after.begin()
    try:
        assert await after.answers("hello")

        async def heard() -> bool:  # else the visit counts as later than the wish for sleep, and ends it
            return await after.live.call("LLEN", WAKES) == 0

        await until(heard)
        await after.hush(space, Phase.FROZEN)
        await after.reach(space, "SLEEPING")
        assert await after.answers("hello")
        assert [i.id for i in await after.instances(space)] == before
    finally:
        await after.end()


async def test_a_live_store_that_loses_everything_costs_nobody_more_than_a_moment(house, server):  # noqa: F811
    space = await house.create("hello")
    await house.push(space)
    await house.reach(space, "RUNNING")
    before = [i.id for i in await house.instances(space)]
    server.kill()
    server.start()
    await house.reach(space, "RUNNING")
    assert await house.answers("hello")
    assert [i.id for i in await house.instances(space)] == before

    async def told_again():
        gate, _ = await LiveGates(house.live).state(before[0], 0)
        return gate is Gate.OPEN and await house.live.call("HLEN", "routes")

    await until(told_again)
    await house.hush(space, Phase.FROZEN)
    await house.reach(space, "SLEEPING")
    assert await house.answers("hello")


async def test_when_the_machine_is_full_the_idle_one_gives_way_to_the_one_that_waits(place, server):  # noqa: F811
    house = House(place, server.url, memory=LEAST)
    await house.begin()
    try:
        first, second = await house.create("first"), await house.create("second")
        await house.push(first)
        await house.reach(first, "RUNNING")
        await house.push(second)
        await house.reach(second, "APP_STARTING", "Waiting for a place: number 1 in the queue.")
        await house.hush(first, Phase.FROZEN)
        await house.reach(second, "RUNNING")
        await house.phases(first)
        await house.reach(first, "SLEEPING", "It gave its place to a Space that waited, at ")
    finally:
        await house.end()
        await place.end()
