"""A data folder with a real node whose Spaces run in containers of a real engine."""

import contextlib
import os
from dataclasses import replace

import docker
import pytest

from builder.artifact import ArtifactKind
from spaces_runtime.node.docker.engine import Engine
from spaces_runtime.node.docker.network import Network
from tests.node.place import NODE, Place, folder

BASE = os.environ.get("SPACES_TEST_BASE", "spaces-test-base:bookworm")
NODE_OF_CONTAINERS = NODE.replace(
    "asyncio.run(serve(", "from spaces_runtime.domain.settings import DockerSettings\nasyncio.run(serve("
).replace("**words)", "docker=DockerSettings(host=sys.argv[3], base=sys.argv[4], registry=sys.argv[5]), **words)")


class DockerPlace(Place):
    """host: of the engine; empty: this machine's own."""

    def __init__(self, *, words: tuple[str, ...] = (), host: str = "", base: str = BASE, registry: str = "") -> None:
        super().__init__(folder(), words=words)
        self.host, self.base, self.registry = host, base, registry
        self.client = docker.DockerClient(base_url=host) if host else docker.from_env()

    def program(self) -> list[str]:
        return [
            NODE_OF_CONTAINERS,
            str(self.layout.data),
            str(self.port),
            self.host,
            self.base,
            self.registry,
            *self.words,
        ]

    def image_spec(self, image: str, *, writable=(), **wanted):
        """To start an image as it is. image: an id."""
        spec = self.spec(**wanted)
        artifact = replace(
            spec.artifact, kind=ArtifactKind.IMAGE, location=image, code="", command=(), writable=tuple(writable)
        )
        return replace(spec, artifact=artifact)

    def has_ended(self, spec) -> bool:
        return [each.status for each in self.containers() if each.labels["spaces.instance"] == spec.id] == ["exited"]

    def containers(self) -> list:
        mine = {"label": f"spaces.platform={self.key}"}
        return self.client.containers.list(all=True, ignore_removed=True, filters=mine)

    def left(self) -> list[str]:
        """The same, and what the engine has."""
        labelled = {"label": f"spaces.platform={self.key}"}
        return [
            *super().left(),
            *(f"container {each.name}" for each in self.containers()),
            *(f"volume {each.name}" for each in self.client.volumes.list(filters=labelled)),
        ]

    def remove(self) -> None:
        """After a failed test too."""
        with contextlib.suppress(docker.errors.DockerException):
            for each in self.containers():
                each.remove(force=True, v=True)
        super().remove()
        Network(Engine(self.host), self.key).close()  # a node that was killed leaves its rules
        self.client.close()


def needs_engine() -> None:
    """Loudly: `make test-docker` counts this as a failure unless it was told that there is none."""
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no container engine answers: {error}")
