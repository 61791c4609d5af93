"""Real stores: SQLite in a file; PostgreSQL and Valkey as child processes on sockets of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.store import valkey
from spaces_runtime.store.database import Database, engine, parsed, sqlite_url
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.migrations import migrate
from spaces_runtime.store.schema import audit

T = TypeVar("T")
NOBODY = 65534  # PostgreSQL refuses to run as root


def until(see: Callable[[], T], seconds: float = 20.0) -> T:
    """What see() gives once it is true."""
    end = time.monotonic() + seconds
    while not (seen := see()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return seen


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def _programs() -> Path | None:
    """Where initdb and postgres are, if anywhere."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    here = shutil.which("initdb")
    return found[-1].parent if found else Path(here).parent if here else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own, or the one DATABASE_URL_TEST names."""
    if given := os.environ.get("DATABASE_URL_TEST"):
        yield given
        return
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine, and DATABASE_URL_TEST is not set")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: its socket's path is; and nobody may enter pytest's folders
    user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    if user:
        os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o711)  # a platform's own users come in, too
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "--no-sync", "--no-instructions"]
    initdb += ["--locale-provider=icu", "--icu-locale=en-US"]  # an operator's may well not be in the order of bytes
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
    serve = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "shared_buffers=16MB"]
    serve += ["-c", "fsync=off", "-c", "full_page_writes=off"]  # nobody pulls its plug here, and it is quicker
    server = subprocess.Popen(serve, cwd=folder, stderr=subprocess.DEVNULL, **user)
    url = f"postgresql://test@/postgres?host={folder}"
    try:
        until(lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    opened = engine(url, connections=1)
    try:
        opened.connect().close()
    except sa.exc.OperationalError:
        return False
    finally:
        opened.dispose()
    return True


@pytest.fixture(scope="session")
def migrated(postgres: str) -> str:
    """The name of a database with all tables: copying it is quicker than each time the way there."""
    _administer(postgres, "DROP DATABASE IF EXISTS migrated", "CREATE DATABASE migrated")
    migrate(_database(postgres, "migrated"))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "db" / "spaces.sqlite")
        return
    with _copy(request.getfixturevalue("postgres"), "template1") as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated database."""
    if request.param == "sqlite":
        address = sqlite_url(tmp_path / "db" / "spaces.sqlite")
        migrate(address)
        yield address
        return
    with _copy(request.getfixturevalue("postgres"), request.getfixturevalue("migrated")) as address:
        yield address


@contextmanager
def _copy(server: str, template: str) -> Iterator[str]:
    name = f"t{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _database(server: str, name: str) -> str:
    return parsed(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, *statements: str) -> None:
    opened = engine(server, connections=1)
    with opened.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    opened.dispose()


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
async def pair(db: Database) -> tuple[RepoId, RepoId]:
    """Two models, ann/one and ann/two."""
    told = {"kind": Kind.MODEL, "visibility": Visibility.PUBLIC, "creator": UserId("a")}
    for name in ("one", "two"):
        repo = Repo(id=RepoId(name), namespace="ann", name=name, created_at=1.0, updated_at=1.0, **told)
        await SqlIndex(db).create(repo, by="ann")
    return RepoId("one"), RepoId("two")


async def audited(db: Database) -> list[tuple[str, str, str]]:
    """Who did what to what, in order."""
    rows = sa.select(audit.c.by, audit.c.what, audit.c.about).order_by(audit.c.id)
    return await db.read(lambda c: [tuple(row) for row in c.execute(rows)])


@dataclass
class Server:
    """A Valkey that can be killed and started again."""

    layout: Layout
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return valkey.url(self.layout)

    def start(self) -> None:
        self.process = subprocess.Popen(valkey.command(self.layout), stdout=subprocess.DEVNULL)
        until(self.layout.valkey_socket.is_socket)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.layout.valkey_socket.unlink(missing_ok=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(Layout(tmp_path))
    made.layout.run.mkdir(parents=True, exist_ok=True)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def live(server: Server) -> AsyncIterator[Live]:
    opened = Live(server.url)
    yield opened
    await opened.close()
