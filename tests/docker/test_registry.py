"""Where a registry is set, every revision's image is there, whatever its SDK; one that is away keeps nobody waiting."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.space import BuildState
from spaces_runtime.store.live.connection import Live
from tests.contracts.conftest import live, server, until  # noqa: F401 - fixtures
from tests.docker.building import FROM, LISTENS, building, built, docker_space, log
from tests.docker.place import DockerPlace
from tests.node.place import free_port, needs_root
from tests.scheduler.build_world import README, S, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real one."""
    program = shutil.which("docker-registry")
    if not program:
        pytest.fail("no docker-registry; apt-get install docker-registry")
    folder, address = tmp_path_factory.mktemp("registry"), f"127.0.0.1:{free_port()}"
    storage = {"filesystem": {"rootdirectory": str(folder / "store")}}
    (folder / "registry.yml").write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": address}}))
    with subprocess.Popen([program, "serve", folder / "registry.yml"], stderr=subprocess.DEVNULL) as child:
        until(lambda: _listens(address))
        yield address
        child.terminate()


def _listens(address: str) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


@pytest.fixture(scope="module")
def place(base: str, registry: str) -> Iterator[DockerPlace]:
    needs_root()
    made = DockerPlace(base=base, registry=registry)
    prepare(made.layout)
    made.begin()
    yield made
    made.remove()


@pytest.fixture
async def world(place: DockerPlace, tmp_path: Path, live: Live, registry: str) -> AsyncIterator[World]:  # noqa: F811
    async with building(place, tmp_path, live) as made:
        made.queue._registry = registry
        yield made


def manifest(registry: str, tag: str) -> dict[str, Any]:
    """What the registry has under a tag of the Space."""
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    request = urllib.request.Request(f"http://{registry}/v2/spaces/{S}/manifests/{tag}", headers=accept)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


async def test_an_image_of_each_sdk_is_in_the_registry(world: World, registry: str, place: DockerPlace) -> None:
    static = {"README.md": b"---\nsdk: static\n---\n", "index.html": b"hi"}
    for files in (docker_space(FROM + LISTENS), static, {"README.md": README, "app.py": b"print()"}):
        done = await built(world, files)
        assert done.build is BuildState.DONE, done.why
        found = manifest(registry, f"{done.key.revision}-{done.key.rebuild}")
        assert found["layers"]
        place.client.images.remove(found["config"]["digest"], force=True)


async def test_a_registry_that_is_away_is_a_note_and_the_space_runs_all_the_same(
    tmp_path: Path,
    live: Live,  # noqa: F811
    base: str,
) -> None:
    other = DockerPlace(base=base, registry="127.0.0.1:9")
    prepare(other.layout)
    other.begin()
    try:
        async with building(other, tmp_path, live) as world:
            world.queue._registry = "127.0.0.1:9"
            done = await built(world, docker_space(FROM + LISTENS))
            assert done.build is BuildState.DONE, done.why
            assert "Note: The image cannot be pushed to 127.0.0.1:9: nobody listens there." in await log(world)
    finally:
        other.remove()
