"""A build queue whose images a real node has a real engine make."""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from spaces_runtime.backends.process import NodeImages
from spaces_runtime.domain.space import Revision
from spaces_runtime.store.live.connection import Live
from tests.docker.place import BASE, DockerPlace
from tests.scheduler.build_world import S, World, world_in

FROM = f"FROM {BASE}\n"
LISTENS = 'CMD ["python3", "-m", "http.server", "8000"]\n'


def docker_space(dockerfile: str, *lines: str, **files: str) -> dict[str, bytes]:
    """A repo of sdk docker."""
    settings = "\n".join(("---", "sdk: docker", "app_port: 8000", *lines, "---", ""))
    told = {"README.md": settings, "Dockerfile": dockerfile, **files}
    return {name.replace("__", "."): text.encode() for name, text in told.items()}


@asynccontextmanager
async def building(place: DockerPlace, root: Path, live: Live) -> AsyncIterator[World]:
    """One Space, and everything that builds it."""
    images = NodeImages(place.layout.node_socket)
    for left in (place.layout.builds / S, place.layout.repos):
        shutil.rmtree(left, ignore_errors=True)  # of the test before
    async with world_in(root, live, layout=place.layout, jobs=place.jobs, images=images) as world:
        try:
            yield world
        finally:
            await world.queue.close()
            for image in ours(place):
                with contextlib.suppress(Exception):
                    place.client.images.remove(image, force=True)


def ours(place: DockerPlace) -> list[str]:
    """Ids of the platform's images."""
    found = place.client.images.list(filters={"label": f"spaces.image.platform={place.key}"})
    return [str(image.id) for image in found]


def read(place: DockerPlace, image: str, path: str) -> str:
    """A file of an image; nothing of it runs."""
    made = place.client.containers.create(image, command=["/never-started"])
    try:
        pieces, _ = made.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as packed:
            found = packed.extractfile(packed.getmembers()[0])
            assert found is not None
            return found.read().decode()
    finally:
        made.remove(v=True, force=True)


async def built(world: World, files: Mapping[str, bytes], rebuild: int = 0) -> Revision:
    """Push and build."""
    return await world.build(await world.push(files), rebuild)


async def log(world: World) -> str:
    return "\n".join(await world.log())
