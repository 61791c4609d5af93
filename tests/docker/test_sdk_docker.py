"""Dockerfiles of Spaces, from push to image: the queue, a node in a process of its own, and a real engine."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.artifact import ArtifactKind
from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.ids import BuildKey, SpaceId
from spaces_runtime.domain.settings import BuildSettings
from spaces_runtime.domain.space import BuildState, Revision
from spaces_runtime.store.live.connection import Live
from tests.contracts.conftest import live, server  # noqa: F401 - fixtures
from tests.docker.building import FROM, LISTENS, building, built, docker_space, log, ours, read
from tests.docker.place import DockerPlace
from tests.node.place import needs_root, until
from tests.scheduler.build_world import README, R, S, World

pytestmark = pytest.mark.anyio
MIB = 2**20


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def place(base: str) -> Iterator[DockerPlace]:
    """One node for all."""
    needs_root()
    made = DockerPlace(base=base)
    prepare(made.layout)
    made.begin()
    yield made
    made.remove()


@pytest.fixture
async def world(place: DockerPlace, tmp_path: Path, live: Live) -> AsyncIterator[World]:  # noqa: F811
    async with building(place, tmp_path, live) as made:
        yield made


def limited(world: World, **limits: float) -> None:
    """A queue with other limits."""
    world.queue._settings = BuildSettings(**{"memory": 256 * MIB, "disk": 128 * MIB, "seconds": 60.0, **limits})


async def test_a_dockerfile_becomes_an_image_that_starts_as_its_author_says(world: World, place: DockerPlace) -> None:
    dockerfile = FROM + "RUN mkdir -p /srv/notes && chown 1000 /srv/notes\nCOPY . /srv\nWORKDIR /srv\n" + LISTENS
    done = await built(world, docker_space(dockerfile, index__html="hello"))
    assert done.build is BuildState.DONE, done.why
    artifact = done.artifact
    assert artifact is not None
    assert (artifact.kind, artifact.port, artifact.command, artifact.code) == (ArtifactKind.IMAGE, 8000, (), "")
    assert "/srv/notes" in artifact.writable
    assert place.client.images.get(artifact.location).attrs["Config"]["Cmd"][-1] == "8000"
    assert "runs as root by itself; here it runs as user 1000" in await log(world)


async def test_steps_that_are_the_same_are_not_run_again_until_somebody_asks_for_a_rebuild(
    world: World, place: DockerPlace
) -> None:
    slow = FROM + "RUN sleep 0.2; date +%N > /when\n"
    first = _layers(place, await built(world, docker_space(slow + LISTENS, a__txt="1")))
    done = await built(world, docker_space(slow + "COPY a.txt /\n" + LISTENS, a__txt="2"))
    again = _layers(place, done)
    assert "as before" in await log(world)
    rebuilt = _layers(place, await world.build(done.key.revision, 1))
    assert first[1] == again[1] != rebuilt[1]


def _layers(place: DockerPlace, done: Revision) -> list[str]:
    assert done.artifact is not None, done.why
    return list(place.client.images.get(done.artifact.location).attrs["RootFS"]["Layers"])


async def test_variables_are_build_arguments_and_secrets_are_files_while_a_step_asks_for_them(
    world: World, place: DockerPlace
) -> None:
    await world.spaces.put_variable(S, "GREETING", "hello there", "")
    await world.secrets.put(S, "TOKEN", "hush-hush-hush", "")
    dockerfile = FROM + (
        "ARG GREETING\nRUN mkdir /kept; echo $GREETING > /kept/greeting\n"
        "RUN --mount=type=secret,id=TOKEN sha256sum /run/secrets/TOKEN > /kept/token; cat /run/secrets/TOKEN\n"
        "RUN ls /run/secrets > /kept/left 2>&1; env | grep -c hush >> /kept/left; true\n"
    )
    done = await built(world, docker_space(dockerfile + LISTENS))
    assert done.artifact is not None, done.why
    image = done.artifact.location
    assert read(place, image, "/kept/greeting") == "hello there\n"
    assert read(place, image, "/kept/token").startswith(hashlib.sha256(b"hush-hush-hush").hexdigest())
    assert read(place, image, "/kept/left") == "0\n", "no file is left, and none is in the environment"
    history = str(place.client.images.get(done.artifact.location).history())
    assert "hush-hush" not in history
    assert "hush-hush" not in await log(world)


async def test_what_a_step_did_with_one_spaces_secret_is_never_anothers(world: World, place: DockerPlace) -> None:
    files = docker_space(FROM + "RUN --mount=type=secret,id=TOKEN cp /run/secrets/TOKEN /copied\n" + LISTENS)
    await world.secrets.put(S, "TOKEN", "the first one's", "")
    head = await world.push(files)
    await world.build(head)
    other = replace(await world.space(), id=SpaceId("other"))
    await world.spaces.create(other.id, R.__class__("r2"), "ann-other", "cpu-basic")
    await world.secrets.put(other.id, "TOKEN", "the second one's", "")
    (world.layout.logs / other.id).mkdir()
    await world.queue.submit(other, R, BuildKey(head))
    await asyncio.wait_for(world.queue.idle(), 60)
    done = await world.builds.find(other.id, BuildKey(head))
    assert done is not None
    assert done.artifact is not None, done.why
    assert read(place, done.artifact.location, "/copied") == "the second one's"


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        (FROM + "RUN echo so far\n\nRUN echo no luck && \\\n    false\n", "Dockerfile line 4: RUN echo no luck"),
        (FROM + "RUNN true\n", "Dockerfile line 2: "),
        (FROM + "COPY gone.txt /\n", "the repo has no gone.txt"),
        (
            "FROM nowhere.invalid/thing:1\n",
            "Dockerfile line 1: FROM nowhere.invalid/thing:1: this image cannot be pulled",
        ),
        ("FROM 127.0.0.1:5000/thing\n", "an address of this machine or a private one"),
        (FROM + "ADD http://169.254.169.254/latest /x\n", "an address of this machine or of a private network"),
        (FROM + "ADD $WHERE /x\n", "Dockerfile line 2: ADD takes a variable"),
        (FROM + "RUN --mount=type=secret,id=NONE,required=true true\n", "there is no secret NONE"),
    ],
)
async def test_a_dockerfile_that_fails_is_told_with_its_line(world: World, dockerfile: str, says: str) -> None:
    found = await built(world, docker_space(dockerfile))
    assert found.build is BuildState.FAILED
    assert says in found.why
    assert found.why in await log(world)


@pytest.mark.parametrize(
    ("step", "limits", "says"),
    [
        ("python3 -c 'x = bytearray(2**30); import time; time.sleep(20)'", {}, "out of memory: limit 256 MiB"),
        ("dd if=/dev/zero of=/big bs=1M count=1000; sleep 20", {}, "out of disk: limit 128 MiB"),
        ("sleep 100", {"seconds": 2.0}, "out of time: limit 2 s"),
    ],
)
async def test_a_build_that_takes_too_much_is_ended_and_says_so(
    world: World, step: str, limits: dict[str, float], says: str
) -> None:
    limited(world, **limits)
    found = await built(world, docker_space(FROM + f"RUN {step}\n"))
    assert found.build is BuildState.FAILED
    assert says in found.why
    assert _steps() == []


def _steps() -> list[str]:
    """Folders of control groups in which steps of builds of this kind run."""
    found = Path("/sys/fs/cgroup").glob("**/spaces-*/image-s1*")
    return [str(path) for path in found]


async def test_a_fork_bomb_meets_its_limit_and_nobody_else(world: World) -> None:
    limited(world, seconds=5.0)
    bomb = "import os,time\nwhile True:\n  try:\n    os.fork()\n  except OSError:\n    time.sleep(1)"
    found = await built(world, docker_space(FROM + "COPY bomb.py /\nRUN python3 /bomb.py\n", bomb__py=bomb))
    assert found.build is BuildState.FAILED
    assert "limit" in found.why
    assert _steps() == []


async def test_cancelling_ends_the_step_that_runs(world: World) -> None:
    key = await world.submit(await world.push(docker_space(FROM + "RUN echo begun; exec sleep 987\n")))
    await until(lambda: _running("987"), 20)
    await world.queue.cancel(S)
    await until(lambda: not _running("987"), 10)
    assert (await world.found(key)).build is BuildState.NONE


def _running(word: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{word}\0".encode():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


async def test_packages_become_a_base_that_the_next_push_finds(world: World, place: DockerPlace) -> None:
    done = await built(world, {"README.md": README, "app.py": b"1", "packages.txt": b"hello\n"})
    assert done.artifact is not None, done.why
    assert done.artifact.kind is ArtifactKind.ENVIRONMENT
    assert read(place, done.artifact.image, "/usr/share/doc/hello/copyright")
    again = await built(world, {"app.py": b"2"})
    assert again.artifact is not None, again.why
    assert again.artifact.image == done.artifact.image
    assert "Nothing to install" in (await world.log())[-1]
    wrong = await built(world, {"packages.txt": b"hello\nno-such-package-here\n"})
    assert wrong.why.startswith("packages.txt line 2 asks for no-such-package-here")


async def test_images_that_nothing_needs_go_with_the_next_build_and_all_of_them_with_the_space(
    world: World, place: DockerPlace
) -> None:
    made = [await built(world, docker_space(FROM + LISTENS, a__txt=str(n))) for n in range(3)]
    assert made[2].artifact is not None
    assert set(ours(place)) == {made[2].artifact.location}, "the head's; none has answered"
    await world.queue.forget(S)
    assert ours(place) == []


async def test_a_build_waits_for_a_node_that_is_killed_and_nothing_of_it_runs_on(
    world: World, place: DockerPlace
) -> None:
    key = await world.submit(await world.push(docker_space(FROM + "RUN sleep 4; date > /when\n" + LISTENS)))
    await until(lambda: _running("4"), 20)
    place.kill()
    await until(lambda: world.queue._ports.logs and "The build waits" in _kept(world), 20)
    place.begin()
    await asyncio.wait_for(world.queue.idle(), 60)
    done = await world.found(key)
    assert done.build is BuildState.DONE, done.why
    assert _steps() == []


def _kept(world: World) -> str:
    return (world.layout.logs / S / "build.log").read_text()
