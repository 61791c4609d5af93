"""Hubs that come and go: each with a data folder of its own, on SQLite or on PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store import valkey
from spaces_runtime.wiring.desk import desk, migrate
from spaces_runtime.wiring.names import visitor_key
from tests.contracts.conftest import _administer, _database, postgres
from tests.hub.serving import Hub, serving

__all__ = ["postgres"]
NewSettings = Callable[[str], Settings]


@pytest.fixture(params=["sqlite", "postgresql"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewSettings]:
    """Settings of a hub that is not there yet, by a name for its folder."""
    made: list[str] = []
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else ""

    def settings(name: str) -> Settings:
        url = ""
        if server:
            made.append(f"b{uuid4().hex}")
            _administer(server, f"CREATE DATABASE {made[-1]}")
            url = _database(server, made[-1])
        return Settings(data=tmp_path / name, database_url=url)

    yield settings
    for name in made:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def hub(settings: Settings) -> Iterator[Hub]:
    """Serve it while the block runs."""
    layout = Layout(settings.data)
    prepare(layout)
    visitor_key(settings)
    asyncio.run(migrate(settings))
    server = subprocess.Popen(valkey.command(layout), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not layout.valkey_socket.is_socket():
        assert time.monotonic() < deadline, "Valkey did not start"
        time.sleep(0.02)
    try:
        with serving(desk(settings)) as running:
            yield running
    finally:
        server.terminate()
        server.wait(10)
        layout.valkey_socket.unlink(missing_ok=True)
