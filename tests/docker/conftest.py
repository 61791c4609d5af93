"""A real container engine. These tests are run by `make test-docker`, which sees to it that there is one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from bench.platform import Platform, platform
from tests.docker.place import BASE, DockerPlace
from tests.node.outside import outside  # noqa: F401 - a fixture
from tests.node.place import needs_root

SILENT = "SPACES_NO_DOCKER"  # whoever runs these without an engine says so


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine that answers here; without one every test fails, unless the caller said that there is none."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        if os.environ.get(SILENT) == "1":
            pytest.skip(f"no container engine ({error}), as {SILENT} says")
        pytest.fail(f"no container engine: {error}. `make test-docker` starts one.")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base(engine: docker.DockerClient) -> str:
    """The name of an image with Debian and its Python, at /usr/bin/python3.11."""
    try:
        engine.images.get(BASE)
    except ImageNotFound:
        pytest.fail(f"no image {BASE}. `make test-docker` makes it.")
    return BASE


@contextmanager
def in_containers(base: str, engine: docker.DockerClient) -> Iterator[Platform]:
    """`spaces up --engine docker`, with a user and a token."""
    needs_root()
    with platform(f'engine = "docker"\n[docker]\nbase = "{base}"\n') as made:
        key = hashlib.sha256(str(made.data).encode()).hexdigest()[:10]  # as it names itself among others
        yield made
    for image in engine.images.list(filters={"label": f"spaces.image.platform={key}"}):  # its Spaces are not deleted
        engine.images.remove(image.id, force=True)


@pytest.fixture(scope="session")
def here(base: str, engine: docker.DockerClient) -> Iterator[Platform]:
    """One for all who leave it as they found it."""
    with in_containers(base, engine) as made:
        yield made


@pytest.fixture
def place(base: str) -> Iterator[DockerPlace]:
    """A node whose Spaces run in containers."""
    needs_root()
    made = DockerPlace(base=base)
    made.begin()
    yield made
    made.remove()
