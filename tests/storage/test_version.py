"""A data folder says which version wrote it; what a newer one wrote is refused in words, and left as it is."""

from __future__ import annotations

import asyncio
import json

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store.database import engine
from spaces_runtime.store.version import FORMAT
from spaces_runtime.wiring.desk import database_url, migrate
from tests.storage.conftest import NewSettings


def version_of(settings: Settings) -> dict[str, object]:
    return json.loads((Layout(settings.data).database.parent / "version.json").read_text())


def test_a_data_folder_carries_its_version(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(settings))
    told = version_of(settings)
    assert told["format"] == FORMAT
    assert told["database"] == ("postgresql" if settings.database_url else "sqlite")
    assert told["platform"]


def test_a_folder_of_a_newer_version_is_refused_with_the_way_out(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(settings))
    file = Layout(settings.data).database.parent / "version.json"
    file.write_text(json.dumps({**version_of(settings), "format": FORMAT + 1, "platform": "9.0"}))
    before = file.read_bytes()
    with pytest.raises(Fault, match=r"newer version of the platform \(9\.0\).*Install that version again"):
        asyncio.run(migrate(settings))
    assert file.read_bytes() == before


def test_a_database_of_a_newer_schema_is_refused_and_left_alone(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(settings))
    opened = engine(database_url(settings), connections=1)
    with opened.execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Fault, match=r"the database: it was written by a newer version.*schema 9999"):
        asyncio.run(migrate(settings))
    with opened.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    opened.dispose()


@pytest.mark.parametrize("new", ["postgresql"], indirect=True)
def test_a_command_that_does_not_know_of_the_other_database_is_stopped(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(settings))
    with pytest.raises(Fault, match="Set DATABASE_URL as for `spaces up`"):
        asyncio.run(migrate(Settings(data=settings.data)))
    assert not Layout(settings.data).database.exists()


@pytest.mark.parametrize("new", ["postgresql"], indirect=True)
def test_a_hub_on_sqlite_is_not_abandoned_by_naming_postgresql(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(Settings(data=settings.data)))
    with pytest.raises(Fault, match=r"its database is sqlite.*spaces backup DIR"):
        asyncio.run(migrate(settings))


def test_a_damaged_note_is_no_reason_to_guess(new: NewSettings) -> None:
    settings = new("hub")
    asyncio.run(migrate(settings))
    (Layout(settings.data).database.parent / "version.json").write_text("{")
    with pytest.raises(Fault, match="damaged"):
        asyncio.run(migrate(settings))
