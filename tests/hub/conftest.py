"""A running hub on the real stores, people with tokens, and the unmodified clients pointed at it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
import structlog
from huggingface_hub import HfApi

from spaces_runtime.cli.log import to_stderr
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import HubSettings, Settings
from spaces_runtime.store import valkey
from spaces_runtime.wiring.desk import desk, migrate
from spaces_runtime.wiring.names import visitor_key
from tests.hub.serving import Hub, serving

PASSWORD = "correct horse battery"


@contextmanager
def prepared(layout: Layout) -> Iterator[subprocess.Popen[bytes]]:
    """The folders, the keys, the database, and a live store that runs: its process."""
    for folder in (layout.run, layout.repos, layout.blobs, layout.keys, layout.logs, layout.database.parent):
        folder.mkdir(parents=True, exist_ok=True)
    visitor_key(settings(layout))
    asyncio.run(migrate(settings(layout)))
    server = subprocess.Popen(valkey.command(layout), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not layout.valkey_socket.is_socket():
        assert time.monotonic() < deadline, "Valkey did not start"
        time.sleep(0.02)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A prepared data folder; `platform.log` in it is what the platform logs."""
    layout = Layout(tmp_path_factory.mktemp("hub"))
    to_stderr()
    with prepared(layout), (layout.data / "platform.log").open("w", buffering=1) as log:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
        yield layout
    structlog.reset_defaults()


def settings(layout: Layout) -> Settings:
    """Small limits, so that tests reach them."""
    return Settings(data=layout.data, hub=HubSettings(max_regular=2**20))


@pytest.fixture(scope="session")
def hub(data: Layout) -> Iterator[Hub]:
    """A hub that runs, for all tests of a session: each makes its own repos."""
    with serving(desk(settings(data))) as running:
        yield running


@dataclass(frozen=True)
class Account:
    """A person, and a token of each role."""

    person: Person
    write: str
    read: str

    @property
    def name(self) -> str:
        return self.person.name


def account(hub: Hub, name: str, *, admin: bool = False) -> Account:
    """Somebody new."""
    person = hub.do(lambda desk: desk.people.create(name, PASSWORD, admin=admin))
    write = hub.do(lambda desk: desk.people.create_token(person.id, "laptop", Role.WRITE))
    read = hub.do(lambda desk: desk.people.create_token(person.id, "reader", Role.READ))
    return Account(person, write, read)


@pytest.fixture(scope="session")
def ann(hub: Hub) -> Account:
    """The owner of what the tests make."""
    return account(hub, "ann")


@pytest.fixture(scope="session")
def bob(hub: Hub) -> Account:
    """A stranger with an account."""
    return account(hub, "bob")


@pytest.fixture(scope="session")
def root(hub: Hub) -> Account:
    """An admin."""
    return account(hub, "root", admin=True)


@pytest.fixture
def api(hub: Hub, ann: Account) -> HfApi:
    """The unmodified client, as ann."""
    return HfApi(endpoint=hub.url, token=ann.write)


@pytest.fixture
def client(hub: Hub) -> Iterator[httpx.Client]:
    """Plain HTTP, as nobody."""
    with httpx.Client(base_url=hub.url, timeout=20) as opened_client:
        yield opened_client


NUMBERS = count()


@pytest.fixture
def make(hub: Hub, ann: Account) -> Callable[..., Repo]:
    """Makes repos of ann's: make(Kind.SPACE, visibility=..., sdk=...)."""

    def made(
        kind: Kind = Kind.SPACE, *, name: str = "", visibility: Visibility = Visibility.PUBLIC, sdk: str = "gradio"
    ) -> Repo:
        new = NewRepo(
            kind=kind,
            namespace=ann.name,
            name=name or f"thing-{next(NUMBERS)}",
            visibility=visibility,
            sdk=sdk if kind is Kind.SPACE else "",
        )
        return hub.do(lambda desk: create_repo(desk, ann.person, new, time.time()))

    return made


@pytest.fixture
def home(tmp_path: Path, hub: Hub, ann: Account) -> dict[str, str]:
    """The environment of a person's command line."""
    shown = {"HF_ENDPOINT": hub.url, "HF_TOKEN": ann.write, "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path)}
    return {**shown, "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
