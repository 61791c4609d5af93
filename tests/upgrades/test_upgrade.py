"""This version over the data folder of every release before it, on both databases: everything is there, and goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from huggingface_hub import HfApi

from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store import dump, version
from spaces_runtime.store.database import create_file, engine, sqlite_url
from spaces_runtime.store.migrations import known, migrate, revision_of
from spaces_runtime.wiring.desk import migrate as bring_up
from tests.storage.conftest import NewSettings, hub
from tests.upgrades.freeze import HERE, LARGE, SECRET, name_of

RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "database.sql").exists())
CHANGED = (
    "the schema {revision} is not what it was when {release} was frozen. Before that release: "
    "`python -m tests.upgrades.freeze {release}`. After it: undo the change, and write a new migration."
)
BOTH = pytest.mark.parametrize("release", RELEASES)


def old_folder(release: str, settings: Settings, scratch: Path) -> str:
    """Put it together as it was; the token of its person."""
    frozen, layout = HERE / release, Layout(settings.data)
    prepare(layout)
    lite = scratch / "frozen.sqlite" if settings.database_url else layout.database
    create_file(lite)
    with sqlite3.connect(lite) as connection:
        connection.executescript((frozen / "database.sql").read_text())
    connection.close()
    if settings.database_url:
        _carry_over(lite, settings.database_url)
    for stream in (frozen / "repos").iterdir():
        repo = layout.repos / f"{stream.name}.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", repo], check=True)
        into = ["git", "-c", "safe.directory=*", "--git-dir", repo, "fast-import", "--quiet"]
        subprocess.run(into, check=True, input=stream.read_bytes())
    for blob in (frozen / "blobs").iterdir():
        place = layout.blobs / blob.name[:2] / blob.name[2:4] / blob.name
        place.parent.mkdir(parents=True)
        shutil.copyfile(blob, place)
    told = json.loads((frozen / "told.json").read_text())
    (layout.keys / "master").write_bytes(bytes.fromhex(told["master"]))
    kind = "postgresql" if settings.database_url else "sqlite"
    note = json.loads((frozen / "version.json").read_text()) | {"database": kind}
    (layout.database.parent / version.FILE).write_text(json.dumps(note))
    return f"hf_{told['token']}"


def _carry_over(lite: Path, url: str) -> None:
    """The same rows, in a PostgreSQL of the same revision."""
    source = engine(sqlite_url(lite), connections=1)
    with source.begin() as connection:
        migrate(url, to=revision_of(connection))
        tables = dump.reflected(connection).sorted_tables
        lines = {table.name: [dump.line(row) for row in dump.rows(connection, table)] for table in tables}
    source.dispose()
    target = engine(url, connections=1)
    with target.begin() as connection:
        dump.load(connection, lines)
    target.dispose()


@BOTH
def test_the_steps_to_a_released_schema_are_never_changed(release: str, tmp_path: Path) -> None:
    create_file(tmp_path / "frozen")
    with sqlite3.connect(tmp_path / "frozen") as connection:
        connection.executescript((HERE / release / "database.sql").read_text())
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    connection.close()
    migrate(sqlite_url(tmp_path / "made"), to=revision)
    frozen, made = (_shape(tmp_path / name) for name in ("frozen", "made"))
    assert frozen == made, CHANGED.format(revision=revision, release=release)


def _shape(path: Path) -> dict[str, list[str]]:
    opened = engine(sqlite_url(path), connections=1)
    with opened.begin() as connection:
        look = sa.inspect(connection)
        found = {name: sorted(map(str, look.get_columns(name))) for name in look.get_table_names()}
    opened.dispose()
    return found


@BOTH
def test_everything_of_an_older_release_is_there_and_goes_on(new: NewSettings, release: str, tmp_path: Path) -> None:
    settings = new("old")
    token = old_folder(release, settings, tmp_path)
    asyncio.run(bring_up(settings))
    opened = engine(settings.database_url or sqlite_url(Layout(settings.data).database), connections=1)
    with opened.begin() as connection:
        assert revision_of(connection) == known()
    opened.dispose()
    note = version.written(Layout(settings.data).database.parent)
    assert note == version.current("postgresql" if settings.database_url else "sqlite")
    with hub(settings) as here:
        api = HfApi(endpoint=here.url, token=token)
        assert api.whoami()["name"] == "ann"
        assert [model.id for model in api.list_models()] == ["ann/model"]
        got = api.hf_hub_download("ann/model", "weights.bin", revision="v1", cache_dir=tmp_path / "got")
        assert Path(got).read_text() == LARGE
        assert api.dataset_info("ann/data").private
        assert api.get_space_variables("ann/space")["COLOUR"].value == "red"
        assert api.get_space_runtime("ann/space").raw["internet"]
        assert here.do(_secrets) == SECRET
        assert "set variable COLOUR" in here.do(_changes)
        before = api.model_info("ann/model").sha
        api.upload_file(path_or_fileobj=LARGE.encode() * 2, path_in_repo="more.bin", repo_id="ann/model")
        assert [commit.commit_id for commit in api.list_repo_commits("ann/model")][1] == before
    assert (Layout(settings.data).blobs / name_of(LARGE)[:2]).exists()


async def _changes(desk) -> list[str]:
    found = await desk.index.find(Kind.SPACE, "ann", "space")
    return [each.why for each in await desk.timeline.of((await desk.spaces.of_repo(found.id)).space)]


async def _secrets(desk) -> dict[str, str]:
    found = await desk.index.find(Kind.SPACE, "ann", "space")
    return await desk.secrets.open_all((await desk.spaces.of_repo(found.id)).space)
