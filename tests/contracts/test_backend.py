"""Every engine keeps these promises; an engine that is not in this fixture is not one."""

import asyncio
import functools

import pytest

from spaces_runtime.domain.errors import BackendUnavailable, Missing
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.sandbox import hear_spec, tell_spec
from tests.node.place import SOMEBODY, Place, folder, needs_root, needs_user, until


@pytest.fixture(params=["process as root", "process as a user"])
def place(request):
    if request.param == "process as root":
        needs_root()
        made = Place(folder())
    else:
        needs_user()
        made = Place(folder(), user=SOMEBODY)
    made.begin()
    yield made
    made.remove()


def engine(test):
    """Run an async test, and end what it started."""

    @functools.wraps(test)
    def run(place):
        async def whole():
            try:
                async with asyncio.timeout(60):
                    await test(place)
            finally:
                await place.end()

        asyncio.run(whole())

    return run


@engine
async def test_a_started_instance_answers_and_shows_what_it_was_started_with(place):
    spec = place.spec()
    seen = await place.ready(spec)
    assert (seen.space, seen.build, seen.spec, seen.answered) == (spec.space, spec.build, spec.spec, True)
    assert (await place.get(spec)).endswith(b"hello")


@engine
async def test_starting_twice_is_starting_once(place):
    spec = place.spec()
    await asyncio.gather(place.backend.start(spec), place.backend.start(spec))
    await place.reach(spec, Phase.READY)
    assert len(await place.backend.observe()) == 1


@engine
async def test_stopping_leaves_nothing_and_may_be_repeated(place):
    spec = place.spec()
    await place.ready(spec)
    await place.backend.stop(spec.id)
    await place.backend.stop(spec.id)
    assert await place.backend.observe() == []
    await until(lambda: not place.left())


@engine
async def test_an_app_that_ends_is_shown_with_how_it_ended(place):
    spec = place.spec("print('last words'); raise SystemExit(3)")
    await place.backend.start(spec)
    seen = await place.reach(spec, Phase.EXITED)
    assert "exited with status 3" in seen.why
    assert not seen.answered
    assert "last words" in place.log()


@engine
async def test_a_frozen_instance_runs_nothing_and_answers_after_it_is_thawed(place):
    spec = place.spec()
    await place.ready(spec)
    await place.backend.suspend(spec.id, Phase.FROZEN)
    frozen = await place.see(spec.id)
    assert frozen.phase is Phase.FROZEN
    waiting = asyncio.create_task(place.get(spec))
    done, _ = await asyncio.wait((waiting,), timeout=0.3)
    assert not done
    await place.backend.resume(spec.id)
    assert (await waiting).endswith(b"hello")
    assert (await place.see(spec.id)).phase is Phase.READY


@engine
async def test_a_frozen_instance_can_be_stopped(place):
    spec = place.spec()
    await place.ready(spec)
    await place.backend.suspend(spec.id, Phase.FROZEN)
    await place.backend.stop(spec.id)
    await until(lambda: not place.left())


@engine
async def test_an_unknown_instance_is_missing(place):
    with pytest.raises(Missing):
        await place.backend.suspend(InstanceId("nobody"), Phase.FROZEN)
    with pytest.raises(ConnectionRefusedError):
        await place.dialer.dial(InstanceId("nobody"))


@engine
async def test_changes_begin_with_what_is_and_go_on_with_what_happens(place):
    spec = place.spec()
    await place.ready(spec)
    changes = place.backend.changes()
    assert (await anext(changes)).phase is Phase.READY
    await place.backend.suspend(spec.id, Phase.FROZEN)
    assert (await anext(changes)).phase is Phase.FROZEN
    await changes.aclose()


@engine
async def test_logs_are_given_from_an_offset(place):
    spec = place.spec()
    await place.ready(spec)
    await until(lambda: "hello from the app" in place.log())
    whole = b"".join([piece async for piece in place.backend.logs(spec.id, 0)])
    rest = b"".join([piece async for piece in place.backend.logs(spec.id, 10)])
    assert whole[10:] == rest


@engine
async def test_connections_are_counted_by_the_kernel(place):
    spec = place.spec()
    await place.ready(spec)
    await until(lambda: nobody(place, spec))
    sock = await place.dialer.dial(spec.id)
    assert (await place.see(spec.id)).connections == 1
    sock.close()
    await until(lambda: nobody(place, spec))


async def nobody(place, spec):
    return (await place.see(spec.id)).connections == 0


@engine
async def test_what_runs_outlives_the_node_and_is_found_again(place):
    running, asleep, ended = place.spec(), place.spec(space="ann-asleep"), place.spec("print('bye')", space="ann-ended")
    await place.ready(running)
    await place.ready(asleep)
    await place.backend.suspend(asleep.id, Phase.FROZEN)
    await place.backend.start(ended)
    await place.reach(ended, Phase.EXITED)
    before = (await place.see(running.id)).since
    place.kill()
    with pytest.raises(BackendUnavailable):
        await place.backend.observe()
    place.begin()
    seen = {each.id: each for each in await place.backend.observe()}
    assert seen[running.id].phase is Phase.READY
    assert seen[running.id].since == before
    assert seen[asleep.id].phase is Phase.FROZEN
    assert "exited with status 0" in seen[ended.id].why
    assert (await place.get(running)).endswith(b"hello")
    await place.backend.resume(asleep.id)
    assert (await place.get(asleep)).endswith(b"hello")
    await place.backend.stop_all()
    await until(lambda: not place.left())


@engine
async def test_what_ends_while_no_node_is_there_is_told_with_its_status_and_last_words(place):
    spec = place.spec(
        "import time, pathlib\nprint('begun', flush=True)\n"
        "while not pathlib.Path('/data/go').exists(): time.sleep(0.01)\nprint('said to nobody')\nraise SystemExit(5)"
    )
    await place.backend.start(spec)
    await until(lambda: "begun" in place.log())
    place.kill()
    data = place.layout.volumes / spec.space / "data" if place.user else place.layout.node / "volumes" / spec.space
    (data / "go").touch()
    await until(lambda: place.has_ended(spec))
    place.begin()
    seen = await place.reach(spec, Phase.EXITED)
    assert "exited with status 5" in seen.why
    assert "said to nobody" in place.log()


def test_a_spec_survives_the_way_to_the_node(place):
    spec = place.spec(env={"A": "ü"})
    assert hear_spec(tell_spec(spec)) == spec
