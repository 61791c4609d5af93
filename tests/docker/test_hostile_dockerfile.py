"""A build reaches nothing but the public internet: not the engine, the platform, the machine, or another Space."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.space import BuildState
from spaces_runtime.store.live.connection import Live
from tests.contracts.conftest import live, server  # noqa: F401 - fixtures
from tests.docker.building import FROM, LISTENS, building, built, docker_space, log
from tests.docker.place import DockerPlace
from tests.node.place import needs_root
from tests.scheduler.build_world import S, World

pytestmark = pytest.mark.anyio
STEP = Path(__file__).with_name("hostile.py").read_text()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def place(base: str) -> Iterator[DockerPlace]:
    needs_root()
    made = DockerPlace(base=base, words=("internet",))
    prepare(made.layout)
    made.begin()
    yield made
    made.remove()


@pytest.fixture
async def world(place: DockerPlace, tmp_path: Path, live: Live) -> AsyncIterator[World]:  # noqa: F811
    async with building(place, tmp_path, live) as made:
        yield made


def addresses(place: DockerPlace) -> tuple[str, str]:
    """This machine as a build sees it, and its own address."""
    gateway = str(ip_network(place.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"])[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))
        return gateway, asked.getsockname()[0]


async def test_a_hostile_step_reaches_nothing_inside(world: World, place: DockerPlace) -> None:
    await world.secrets.put(S, "TOKEN", "hush-hush-hush", "")
    gateway, host = addresses(place)
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port, device = listener.getsockname()[1], os.stat("/").st_dev
        steps = f"COPY hostile.py /\nRUN python3 /hostile.py {gateway} {host} {port} {device}\n"
        done = await built(world, docker_space(FROM + steps + LISTENS, hostile__py=STEP))
    assert done.build is BuildState.DONE, done.why
    said = await log(world)
    assert "tried " in said
    assert "REACHED" not in said, said


@pytest.mark.parametrize(
    "line",
    [
        "ADD http://{gateway}:{port}/ /x",
        "ADD http://localhost:{port}/ /x",
        "ADD http://2130706433:{port}/ /x",
        "ADD [\"http://{gateway}:{port}/x\", \"/x\"]",
        "ad\\\nd http://{gateway}:{port}/y /x",
        "ARG A=http://{gateway}:{port}/y\nADD $A /x",
        "RUN --mount=type=bind,from={gateway}:{port}/x true",
        "COPY --from={gateway}:{port}/x /a /b",
        "FROM {gateway}:{port}/x",
        "ARG A={gateway}:{port}\nFROM $A/x",
    ],
)  # fmt: skip
async def test_nor_does_the_engine_go_there_for_it(world: World, place: DockerPlace, line: str) -> None:
    gateway, _ = addresses(place)
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.settimeout(0.2)
        told = line.format(gateway=gateway, port=listener.getsockname()[1])
        dockerfile = f"{told}\n" if "FROM" in told else f"{FROM}{told}\n"
        found = await built(world, docker_space(dockerfile))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert found.build is BuildState.FAILED


async def test_a_syntax_line_brings_no_program_of_its_own(world: World, place: DockerPlace) -> None:
    gateway, _ = addresses(place)
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        await world.spaces.put_variable(S, "BUILDKIT_SYNTAX", f"{gateway}:{port}/front", "")
        done = await built(world, docker_space(f"# syntax={gateway}:{port}/front\n{FROM}{LISTENS}"))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert done.build is BuildState.DONE, done.why
    said = await log(world)
    assert "is not followed" in said
    assert "BUILDKIT_SYNTAX is a setting of BuildKit's own" in said


async def test_nobody_builds_on_another_spaces_image(world: World, place: DockerPlace) -> None:
    done = await built(world, docker_space(FROM + LISTENS))
    assert done.artifact is not None, done.why
    [name] = place.client.images.get(done.artifact.location).tags
    for named in (name, done.artifact.location):
        found = await world.build(await world.push(docker_space(f"FROM {named}\n")), instances=(), last_good=done)
        assert found.build is BuildState.FAILED, named
        assert "is the image of a Space" in found.why
