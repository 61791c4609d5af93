"""Transactions on SQLite or PostgreSQL, off the event loop. What run() has returned is on disk."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from spaces_runtime.domain.errors import Invalid, Unavailable

T = TypeVar("T")
BUSY = 15.0  # seconds to wait for another process's write on SQLite
ATTEMPTS = 20  # of a PostgreSQL transaction that collides with another one
FORMS = "Use postgresql://user:password@host/name, or nothing for SQLite in the data folder."
COLLISIONS = ("40001", "40P01")  # serialization failure, deadlock


def sqlite_url(path: Path) -> str:
    """The address of a database file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def parsed(url: str) -> URL:
    """Read the operator's address. PostgreSQL is spoken by psycopg 3, whatever short form the address uses.

    Raises: Invalid.
    """
    try:
        address = make_url(url)
    except sa.exc.ArgumentError:
        raise Invalid(what="open the database", why="its address is no URL", then=FORMS) from None
    if address.drivername.partition("+")[0] in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if address.drivername == "sqlite" and address.database:
        return address
    raise Invalid(what="open the database", why=f"{address.drivername} is not supported", then=FORMS)


def engine(url: str, *, connections: int) -> sa.Engine:
    """Connections that keep the promise of this module. Values never show up in errors: they may be secrets."""
    address = parsed(url)
    lite = address.get_backend_name() == "sqlite"
    options: dict[str, Any] = {} if lite else {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    try:
        made = sa.create_engine(address, hide_parameters=True, pool_size=connections, max_overflow=0, **options)
    except ModuleNotFoundError:
        then = "Install spaces-runtime[postgres]."
        raise Invalid(what="open the database", why="the driver of PostgreSQL is not installed", then=then) from None
    if lite:
        sa.event.listen(made, "connect", _prepare)
        sa.event.listen(made, "begin", _begin)
    return made


class Database:
    """Runs functions of a connection, each in one transaction and in a thread of its own.

    A row by its key takes well under 1 ms. Raises: Unavailable when the database is away, locked or its disk full.
    """

    def __init__(self, url: str, *, readers: int = 3) -> None:
        lite = parsed(url).get_backend_name() == "sqlite"
        writers = 1 if lite else readers  # SQLite has one writer at a time; more threads would only wait for it
        self._engine = engine(url, connections=readers + writers)
        options: dict[str, Any] = {"writes": True} if lite else {"isolation_level": "SERIALIZABLE"}
        self._writing = self._engine.execution_options(**options)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="db-read")
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")

    async def run(self, change: Callable[[sa.Connection], T]) -> T:
        """Change something: all of it or nothing. change: may be called again after a collision."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._change, change)

    async def read(self, look: Callable[[sa.Connection], T]) -> T:
        """Look at one consistent state; never waits for a writer."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, look)

    async def execute(self, statement: sa.Executable) -> None:
        """Change something by one statement."""

        def change(connection: sa.Connection) -> None:
            connection.execute(statement)

        await self.run(change)

    async def close(self) -> None:
        """Finish what was begun and let go."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self._engine.dispose()

    def _look(self, look: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return look(connection)
        except sa.exc.OperationalError as error:
            raise _away(error) from error

    def _change(self, change: Callable[[sa.Connection], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._writing.begin() as connection:
                    return change(connection)
            except sa.exc.DBAPIError as error:
                if attempt < ATTEMPTS and getattr(error.orig, "sqlstate", None) in COLLISIONS:
                    time.sleep(random.uniform(0, 0.01 * attempt))  # noqa: S311 - spreads retries, guards nothing
                    continue
                if isinstance(error, sa.exc.OperationalError):
                    raise _away(error) from error
                raise
        raise AssertionError  # the last attempt returned or raised


def create_file(path: Path) -> None:
    """An empty database file in WAL mode that hub and scheduler, two users of one group, may both write.

    SQLite gives the -wal and -shm files beside it the same mode.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o660)
    except FileExistsError:
        pass
    else:
        os.fchmod(made, 0o660)  # whatever the umask
        os.close(made)
    with sqlite3.connect(path, timeout=BUSY) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin late, and then deadlock
    for pragma in (
        f"busy_timeout={BUSY * 1000:.0f}",
        "synchronous=FULL",  # in WAL mode less would lose acknowledged writes with the power
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A writer that begins as a reader cannot wait for another one: SQLite refuses it at once.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _away(error: sa.exc.DBAPIError) -> Unavailable:
    return Unavailable(
        what="use the database",
        why=str(error.orig).strip() or "no connection",
        then="Nothing that was acknowledged is lost; see that it runs and that its disk is not full.",
    )
