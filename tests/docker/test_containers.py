"""What is particular to containers: labels, other hands on the engine, images of authors, logs across restarts."""

import asyncio
import json
import re
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.domain.instance import Phase
from tests.node.place import HELLO, MIB, Place, until
from tests.node.run import run

SERVES = HELLO.replace("7860", "9000")


@contextmanager
def image(place, make, *changes):
    """One of an author, without a build: the base, after these words of a shell."""
    ran = place.client.containers.create(place.base, ["sh", "-c", make], network_mode="none")
    ran.start()
    assert ran.wait()["StatusCode"] == 0, ran.logs()
    made = ran.commit(changes="\n".join(changes))
    ran.remove()
    yield made.id
    place.client.images.remove(made.id, force=True)


def of(place, spec):
    """Its container, as the engine tells it now."""
    return next(each for each in place.containers() if each.labels["spaces.instance"] == spec.id)


def test_a_container_without_its_record_is_found_again_by_its_labels(place):
    async def work():
        spec = place.spec()
        await place.ready(spec)
        before = of(place, spec).id
        place.kill()
        (place.layout.node / "instances" / spec.id / "record.json").unlink()
        place.begin()
        seen = await place.reach(spec, Phase.READY)
        assert (seen.space, seen.build, seen.spec, seen.hardware) == (spec.space, spec.build, spec.spec, "test")
        assert of(place, spec).id == before
        assert (await place.get(spec)).endswith(b"hello")

    run(place, work)


def test_a_container_that_was_made_and_never_started_is_removed_with_all_it_had(place):
    async def work():
        spec = place.spec()
        await place.ready(spec)
        labels = of(place, spec).labels | {"spaces.instance": "ann-hello-9"}
        place.kill()
        place.client.api.create_container(place.base, ["true"], name=f"spaces-{place.key}-ann-hello-9", labels=labels)
        place.begin()
        assert [each.id for each in await place.backend.observe()] == [spec.id]
        await until(lambda: len(place.containers()) == 1)

    run(place, work)


def test_who_pauses_a_container_by_hand_has_it_shown_as_frozen(place):
    async def work():
        spec = place.spec()
        await place.ready(spec)
        of(place, spec).pause()
        await place.reach(spec, Phase.FROZEN)
        of(place, spec).unpause()
        await place.reach(spec, Phase.READY)
        assert (await place.get(spec)).endswith(b"hello")

    run(place, work)


def test_a_container_that_somebody_removes_is_shown_as_ended_from_outside(place):
    async def work():
        spec = place.spec()
        await place.ready(spec)
        of(place, spec).remove(force=True)
        seen = await place.reach(spec, Phase.EXITED)
        assert re.fullmatch("was ended from outside, with its container|killed by signal 9", seen.why), seen.why
        await place.backend.stop(spec.id)
        await until(lambda: not place.left())

    run(place, work)


def test_a_container_of_a_stranger_is_left_alone(place):
    async def work():
        theirs = place.client.containers.create(place.base, ["sleep", "60"], labels={"spaces.platform": "another"})
        try:
            await place.ready(place.spec())
            await place.backend.stop_all()
            place.kill()
            place.begin()
            await until(lambda: not place.containers())
            theirs.reload()
        finally:
            theirs.remove(force=True)

    run(place, work)


COUNTS = "import time\nfor n in range(4000):\n    print('line', n, flush=True)\n    time.sleep(0.0005)\n" + HELLO


def test_every_line_is_kept_once_though_the_node_is_killed_again_and_again(place):
    async def work():
        spec = place.spec(COUNTS)
        await place.backend.start(spec)
        for _ in range(3):
            await until(lambda: "line" in place.log())
            place.kill()
            place.begin()
        await place.reach(spec, Phase.READY)
        await until(lambda: "hello from the app" in place.log())
        numbers = [int(found) for found in re.findall(r" line (\d+)$", place.log(), re.MULTILINE)]
        assert numbers == list(range(4000))
        stamps = [line.split(" ")[0] for line in place.log().splitlines()]
        assert stamps == sorted(stamps)

    run(place, work)


def test_an_app_that_uses_too_much_memory_is_named_so_and_one_that_crashes_as_a_crash(place):
    greedy = "kept = []\nwhile True: kept.append(bytearray(8 * 2**20))"
    crash = "import os; os.kill(os.getpid(), 11)"

    async def work():
        specs = (
            place.spec(greedy, memory=96 * MIB),
            place.spec(crash, space="ann-crash"),
            place.spec("raise SystemExit(7)"),
        )
        for spec in specs:
            await place.backend.start(spec)
        why = [(await place.reach(spec, Phase.EXITED)).why for spec in specs]
        assert why == [
            "out of memory: limit 96 MiB (killed by signal 9)",
            "killed by signal 11",
            "exited with status 7",
        ]

    run(place, work)


def test_an_author_s_image_runs_as_user_1000_and_writes_only_where_the_image_lets_it(place):
    app = (
        r"""
import json, os, pathlib
def may(path):
    try: pathlib.Path(path, "mine").write_text("x")
    except OSError as error: return error.strerror
    return "written"
print(json.dumps({
    "user": [os.getuid(), os.getgid(), os.getgroups()], "folder": os.getcwd(), "home": os.environ["HOME"],
    "path": os.environ["PATH"], "secret": os.environ["SECRET"], "copied": pathlib.Path("kept").read_text(),
    **{path: may(path) for path in ("/srv/app", "/srv/app/below", "/vol", "/data", "/tmp", "/dev/shm", "/etc", "/srv")},
}), flush=True)
"""
        + SERVES
    )
    make = "mkdir -p /srv/app/below /vol && echo kept > /srv/app/kept && chown -R 1000 /srv/app && chmod 777 /vol"

    async def work():
        words = json.dumps(["python3", "-c", app])
        with image(
            place, make, "USER root", "WORKDIR /srv/app", "VOLUME /vol", "ENV HOME=/srv/app", f"CMD {words}"
        ) as made:
            spec = place.image_spec(made, writable=["/srv/app", "/srv/app/below"])
            spec = replace(spec, artifact=replace(spec.artifact, port=9000))
            await place.ready(spec)
            assert (await place.get(spec)).endswith(b"hello")
            told = json.loads(next(line for line in place.log().splitlines() if "user" in line).partition(" ")[2])
            assert told.pop("path").startswith("/usr/local/")
            assert told == {
                "user": [1000, 1000, [1000]], "folder": "/srv/app", "home": "/srv/app",
                "secret": "hush", "copied": "kept\n",
                **dict.fromkeys(("/srv/app", "/srv/app/below", "/vol", "/data", "/tmp", "/dev/shm"), "written"),
                **dict.fromkeys(("/etc", "/srv"), "Read-only file system"),
            }  # fmt: skip
            own = place.layout.node / "instances" / spec.id / "disk"
            assert sorted(path.name for path in own.glob("*/mine")) == ["mine", "mine"], "on its own disk"
            await place.backend.stop(spec.id)
            await until(lambda: not place.left())

    run(place, work)


def test_an_image_that_is_gone_is_said_to_be_and_leaves_nothing(place):
    async def work():
        spec = place.image_spec("sha256:" + "0" * 64)
        await place.backend.start(spec)
        assert "No such image" in (await place.see(spec.id)).why
        await place.backend.stop(spec.id)
        await until(lambda: not place.left())

    run(place, work)


def test_after_its_end_nothing_of_a_space_is_left_on_the_engine_or_the_machine(place):
    def all_there_is():
        api = place.client.api
        listed = (api.containers(all=True), api.images(all=True), api.networks(), api.volumes()["Volumes"] or ())
        return [{each.get("Id") or each["Name"] for each in kind} for kind in listed]

    async def work():
        first = place.spec(space="ann-first")
        await place.ready(first)  # what the platform makes for all of them is there from now on
        before = all_there_is()
        spec = place.spec(space="ann-second")
        await place.ready(spec)
        await place.backend.suspend(spec.id, Phase.FROZEN)
        await place.backend.stop(spec.id)
        await place.backend.forget(spec.space)
        mine = [left for left in place.left() if "ann-second" in left]
        new = [now - then for now, then in zip(all_there_is(), before, strict=True)]
        ours = [each for each in place.containers() if each.labels["spaces.space"] == "ann-second"]
        assert (mine, ours) == ([], [])
        assert not new[2] or not [
            each for each in place.client.networks.list(ids=list(new[2])) if place.key in each.name
        ]
        assert not (place.layout.volumes / spec.space).exists()

    run(place, work)


def test_a_space_of_files_alone_needs_no_engine_and_is_refused_by_it(place):
    from builder.artifact import ArtifactKind

    async def work():
        spec = place.spec()
        with pytest.raises(Invalid):
            await place.backend.start(replace(spec, artifact=replace(spec.artifact, kind=ArtifactKind.STATIC)))

    run(place, work)


def test_ten_frozen_wakes_take_less_than_a_blink(place):
    """20 ms of the median is what the engine may add; this machine is shared, so the test allows more."""

    async def work():
        spec = place.spec()
        await place.ready(spec)
        took = []
        for _ in range(10):
            await place.backend.suspend(spec.id, Phase.FROZEN)
            begun = time.perf_counter()
            await place.backend.resume(spec.id)
            assert (await place.get(spec)).endswith(b"hello")
            took.append(time.perf_counter() - begun)
        assert sorted(took)[5] < 0.1, took

    run(place, work)


def test_many_start_at_once_and_each_answers(place):
    async def work():
        specs = [place.spec(space=f"ann-{n}", memory=64 * MIB, disk=32 * MIB) for n in range(8)]
        await asyncio.gather(*(place.ready(spec) for spec in specs))
        assert all([(await place.get(spec)).endswith(b"hello") for spec in specs])
        await asyncio.gather(*(place.backend.stop(spec.id) for spec in specs))
        await until(lambda: not place.left())

    run(place, work)


def test_sandboxes_of_a_platform_that_was_killed_end_when_it_comes_back_with_containers(place):
    async def work():
        place.kill()
        place.program = partial(Place.program, place)
        place.begin()
        spec = place.spec()
        await place.ready(spec)
        place.kill()
        del place.program
        place.begin()
        await place.reach(spec, Phase.EXITED)
        assert place.processes() == []
        again = place.spec()
        await place.ready(again)

    run(place, work)
