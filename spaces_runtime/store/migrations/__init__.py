"""Brings a database to the schema of this version. Safe to call from several processes at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from spaces_runtime.store.database import create_file, engine, parsed
from spaces_runtime.store.version import newer

LOCK = 7_800_001  # our number among PostgreSQL's advisory locks


def migrate(url: str, to: str = "head") -> None:
    """Create or upgrade all tables, in one transaction: a kill in the middle leaves the old schema.

    Whoever comes second waits, and then finds nothing to do. to: a revision.

    Raises: Fault when a newer version has been there.
    """
    path = parsed(url).database if parsed(url).get_backend_name() == "sqlite" else None
    if path is None:
        _upgrade(url, to)
        return
    with _alone(Path(f"{path}.migrating")):
        create_file(Path(path))
        _upgrade(url, to)


def known() -> str:
    """The newest revision of the schema that this version knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Whether this version can bring a database of that revision up to its own."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def revision_of(connection: sa.Connection) -> str:
    """The revision a database has; empty: it is new."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(connection: sa.Connection) -> None:
    """A revision without a script here was made by a version that came later."""
    has = revision_of(connection)
    if has and not is_known(has):
        raise newer("the database", f"schema {has}", f"schema {known()}")


def _upgrade(url: str, to: str) -> None:
    opened = engine(url, connections=1)
    try:
        with opened.execution_options(**_waiting(opened)).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            config = _config(connection)
            _refuse_newer(connection)
            command.upgrade(config, to)
    finally:
        opened.dispose()


def _waiting(opened: sa.Engine) -> dict[str, Any]:
    """Options of a transaction that sees what was committed while it waited for its turn."""
    return {"writes": True} if opened.dialect.name == "sqlite" else {"isolation_level": "READ COMMITTED"}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one process at a time gets in. Turning WAL on does not wait for others, so SQLite's own lock won't do."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = os.open(lock, os.O_CREAT | os.O_RDONLY, 0o660)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
