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

from spaces_runtime.store.database import create_file, engine, parsed

LOCK = 7_800_001  # our number among PostgreSQL's advisory locks


def migrate(url: str) -> None:
    """Create or upgrade all tables, in one transaction: a kill in the middle leaves the old schema.

    Whoever comes second waits, and then finds nothing to do.
    """
    path = parsed(url).database if parsed(url).get_backend_name() == "sqlite" else None
    if path is None:
        _upgrade(url)
        return
    with _alone(Path(f"{path}.migrating")):
        create_file(Path(path))
        _upgrade(url)


def _upgrade(url: str) -> None:
    opened = engine(url, connections=1)
    try:
        with opened.execution_options(**_waiting(opened)).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            command.upgrade(config, "head")
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
