"""One Valkey for the whole folder; each test begins with it empty."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from spaces_runtime.domain.layout import Layout
from spaces_runtime.store import valkey
from tests.gateway.world import world


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Iterator[str]:
    layout = Layout(tmp_path_factory.mktemp("valkey"))
    layout.run.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(valkey.command(layout), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not layout.valkey_socket.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield valkey.url(layout)
    process.terminate()
    process.wait(10)


@pytest.fixture
def within(store, tmp_path) -> Callable:
    """Run a story inside a world: `within(story)` calls `await story(world)` on uvloop."""

    def run(story, settings=None, **named):
        async def go():
            async with world(store, tmp_path, settings, **named) as here:
                return await story(here)

        return uvloop.run(go())

    return run
