"""A running hub on the real stores, people with tokens, and the unmodified clients pointed at it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.hosts import names
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import HubSettings, Settings
from spaces_runtime.store import keyfile, valkey
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.live.activity import LiveActivity
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.live.events import LiveEvents
from spaces_runtime.store.live.observations import LiveObservations
from spaces_runtime.store.live.wakes import LiveWakes
from spaces_runtime.store.logs import LogFiles
from spaces_runtime.store.migrations import migrate
from spaces_runtime.store.people import SqlPeople
from spaces_runtime.store.seal import master_key
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces
from spaces_runtime.store.xet import FileXorbs
from tests.hub.serving import Hub, serving

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A data folder with a live store that runs."""
    layout = Layout(tmp_path_factory.mktemp("hub"))
    for folder in (layout.run, layout.repos, layout.blobs, layout.keys, layout.logs, layout.database.parent):
        folder.mkdir(parents=True, exist_ok=True)
    keyfile.kept(layout.keys / "visitor")
    server = subprocess.Popen(valkey.command(layout), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not layout.valkey_socket.is_socket():
        assert time.monotonic() < deadline, "Valkey did not start"
        time.sleep(0.02)
    yield layout
    server.terminate()
    server.wait(10)


@asynccontextmanager
async def opened(layout: Layout) -> AsyncIterator[Desk]:
    """A desk on the real stores."""
    settings = Settings(data=layout.data, hub=HubSettings(max_regular=2**20))
    url = sqlite_url(layout.database)
    migrate(url)
    db, live = Database(url), Live(valkey.url(layout))
    index = SqlIndex(db)
    blobs = FileBlobs(layout.blobs, index)
    yield Desk(
        settings=settings,
        layout=layout,
        names=names(port=7800, public_url="", spaces_domain="", resolves=False),
        people=SqlPeople(db),
        index=index,
        spaces=SqlSpaces(db, tiers=settings.hardware, default_tier=settings.default_hardware, sleep=settings.sleep),
        builds=SqlBuilds(db),
        secrets=SqlSecrets(db, master_key(layout.keys / "master")),
        repos=GitRepos(layout.repos, blobs),
        blobs=blobs,
        xorbs=FileXorbs(layout.blobs, "test", blobs, index),
        wakes=LiveWakes(live),
        activity=LiveActivity(live),
        observations=LiveObservations(live),
        events=LiveEvents(live),
        logs=LogFiles(layout.logs),
        signing=keyfile.kept(layout.keys / "signing"),
    )
    await live.close()
    await db.close()


@pytest.fixture(scope="session")
def hub(data: Layout) -> Iterator[Hub]:
    """A hub that runs, for all tests of a session: each makes its own repos."""
    with serving(opened(data)) as running:
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
