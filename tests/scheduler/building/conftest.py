"""A build queue whose jobs run in a real node's sandboxes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from spaces_runtime.cli.folders import prepare
from spaces_runtime.store.live.connection import Live
from tests.contracts.conftest import live, server  # noqa: F401 - fixtures
from tests.node.place import Place, folder, needs_root
from tests.scheduler.build_world import S, World, world_in


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A node, and a store that fills from test to test."""
    needs_root()
    made = Place(folder())
    prepare(made.layout)
    made.begin()
    yield made
    made.remove()


@pytest.fixture
async def world(tmp_path: Path, live: Live, place: Place) -> AsyncIterator[World]:  # noqa: F811
    # what the test before left: its Space is gone
    for left in (place.layout.builds / S, place.layout.own / S, place.layout.repos):
        shutil.rmtree(left, ignore_errors=True)
    async with world_in(tmp_path, live, layout=place.layout, jobs=place.jobs) as made:
        yield made
