from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.store.database import Database, engine, sqlite_url
from spaces_runtime.store.migrations import migrate
from spaces_runtime.store.schema import metadata


def test_processes_that_start_at_once_all_find_the_schema(empty: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    starting = [spawn.Process(target=migrate, args=(empty,)) for _ in range(3)]
    for process in starting:
        process.start()
    for process in starting:
        process.join(60)
    assert [process.exitcode for process in starting] == [0, 0, 0]
    opened = engine(empty, connections=1)
    with opened.connect() as connection:
        assert set(metadata.tables) <= set(sa.inspect(connection).get_table_names())
        assert connection.execute(sa.text("SELECT count(*) FROM alembic_version")).scalar() == 1
    opened.dispose()


def test_the_steps_lead_to_the_schema_the_code_believes_in(url: str) -> None:
    opened = engine(url, connections=1)
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    opened.dispose()


def test_migrating_again_changes_nothing(url: str) -> None:
    migrate(url)


def test_the_file_is_for_owner_and_group_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "db" / "spaces.sqlite"
    migrate(sqlite_url(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o660
    opened = engine(sqlite_url(file), connections=1)
    with opened.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    opened.dispose()
    assert pragmas == ["wal", 2]


WRITER = """
import asyncio, sys
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex

async def write():
    index = SqlIndex(Database(sys.argv[1]))
    number = 0
    while True:
        await index.audit("writer", "count", str(number))
        print(number, flush=True)
        number += 1

asyncio.run(write())
"""


def test_a_writer_killed_at_any_moment_has_lost_nothing_it_acknowledged(url: str) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    seen = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    seen += [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait(10)
    opened = engine(url, connections=1)
    with opened.connect() as connection:
        kept = [int(about) for about in connection.execute(sa.text("SELECT about FROM audit ORDER BY id")).scalars()]
    opened.dispose()
    assert kept[: len(seen)] == seen
    assert len(kept) - len(seen) <= 1  # one may be written and not yet told


@pytest.mark.anyio
async def test_a_full_disk_is_a_clear_fault_and_breaks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "spaces.sqlite"
    migrate(sqlite_url(file))
    db = Database(sqlite_url(file))
    huge = "x" * 2**20

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # no larger than it is: to SQLite a full disk
        connection.execute(sa.text("INSERT INTO audit VALUES (1, 0, '', '', :text)"), {"text": huge})

    with pytest.raises(Unavailable, match="full"):
        await db.run(fill)
    assert await db.read(lambda c: c.execute(sa.text("SELECT count(*) FROM audit")).scalar()) == 0
    await db.close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.anyio
async def test_a_change_that_raises_is_undone_whole(db: Database) -> None:
    def change(connection: sa.Connection) -> None:
        connection.execute(sa.text("INSERT INTO audit (at, \"by\", what, about) VALUES (0, '', '', '')"))
        raise KeyError

    with pytest.raises(KeyError):
        await db.run(change)
    assert await db.read(lambda c: c.execute(sa.text("SELECT count(*) FROM audit")).scalar()) == 0
