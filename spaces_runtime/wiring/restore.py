"""`spaces restore`: a hub from a backup, on either database. The database comes last: until it is there, nothing is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from builder.lock import FILE as LOCK
from spaces_runtime.domain.errors import Fault, Unavailable
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.scheduler.build_folders import ENTER, SHARED
from spaces_runtime.store import dump, git_copy, version
from spaces_runtime.store.archive import Reader, incomplete
from spaces_runtime.store.database import engine, parsed
from spaces_runtime.store.migrations import is_known, migrate
from spaces_runtime.store.seal import Sealed, master_key
from spaces_runtime.wiring.backup import FORMAT, MANIFEST, Manifest
from spaces_runtime.wiring.desk import database_url

EARLIER: Final = "0" * 40  # a revision that there is not
PIECE: Final = 2**20  # bytes
PEOPLE: Final = ("users", "repos", "spaces")  # an empty database has no rows in them
OF_THE_MOMENT: Final = {  # columns of Spaces that speak of builds and instances, which are made anew
    "good_revision": None,
    "good_rebuild": 0,
    "failed": None,
    "crashed": None,
    "hush": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """closed: secrets that the key here does not open, as `ann/space: NAME`."""

    manifest: Manifest
    closed: tuple[str, ...]


def restore(settings: Settings, reader: Reader, key: bytes | None) -> Restored:
    """Put everything in place. key: opens the secrets; None: what the backup has, if it has one. Blocking.

    Raises: Fault; nothing of the hub is there then, and it may be tried again.
    """
    layout, url = Layout(settings.data), database_url(settings)
    manifest = manifest_of(reader)
    _check(settings, url, manifest)
    tables = {Path(name).stem: name for name in reader.names(f"{manifest.state}/tables/") if name.endswith(".jsonl")}
    for text in _lines(reader, tables["repos"]):
        row = dump.parsed(text)
        if row["kind"] != "bucket" and row["id"] not in manifest.gone:
            state = f"{manifest.state}/refs/{row['id']}"
            git_copy.restore(reader, f"repos/{row['id']}.git", state, layout.repos / f"{row['id']}.git")
    _blobs(reader, layout, {dump.parsed(text)["sha256"] for text in _lines(reader, tables["holdings"])}, manifest)
    _rest(reader, layout, manifest, key)
    _database(url, manifest, {name: _lines(reader, file) for name, file in tables.items()})
    version.stamp(layout.database.parent, parsed(url).get_backend_name())
    return Restored(manifest=manifest, closed=_closed(url, layout))


def manifest_of(reader: Reader) -> Manifest:
    """What the backup says of itself.

    Raises: Fault, also for one that a newer version made.
    """
    with reader.open(MANIFEST) as file:
        try:
            told: dict[str, Any] = json.load(file)
            if told["format"] > FORMAT:
                raise version.newer("the backup", f"format {told['format']}", f"{FORMAT}", told.get("platform", ""))
            manifest = Manifest(**told | {"gone": tuple(told["gone"]), "lost": tuple(told["lost"])})
        except (ValueError, KeyError, TypeError) as error:
            raise incomplete(MANIFEST) from error
    if not is_known(manifest.schema):
        raise version.newer("the backup", f"schema {manifest.schema}", "older ones", manifest.platform)
    return manifest


def _check(settings: Settings, url: str, manifest: Manifest) -> None:
    what = f"restore the backup of {manifest.made_at}"
    file = Path(parsed(url).database or "") if parsed(url).get_backend_name() == "sqlite" else None
    if file is not None and not file.exists():
        return
    opened = engine(url, connections=1)
    try:
        with opened.begin() as connection:
            empty = dump.is_empty(connection, PEOPLE)
    except sa.exc.OperationalError as error:
        raise Unavailable(what=what, why=str(error.orig).strip(), then="See that the database runs.") from error
    finally:
        opened.dispose()
    if not empty:
        why = f"there is a hub already, in {settings.data} and its database"
        raise Fault(what=what, why=why, then="Name a new --data, and an empty database if it is PostgreSQL.")


def _lines(reader: Reader, name: str) -> Iterator[str]:
    with reader.open(name) as file:
        for line in file:
            yield line.decode()


def _blobs(reader: Reader, layout: Layout, held: Iterable[str], manifest: Manifest) -> None:
    for sha256 in sorted(set(held) - set(manifest.lost)):
        place = layout.blobs / sha256[:2] / sha256[2:4] / sha256
        for folder in (place.parent.parent, place.parent):
            folder.mkdir(0o710, parents=True, exist_ok=True)
        hashed = hashlib.sha256()
        beside = place.with_name(f".{sha256}.part")
        with reader.open(f"blobs/{sha256[:2]}/{sha256}") as source, beside.open("wb") as target:
            while piece := source.read(PIECE):
                hashed.update(piece)
                target.write(piece)
        if hashed.hexdigest() != sha256:
            beside.unlink()
            why = f"the content of {sha256} in the backup is not what it was"
            raise Fault(what="restore", why=why, then="Take another backup.")
        beside.chmod(0o440)
        beside.replace(place)


def _rest(reader: Reader, layout: Layout, manifest: Manifest, key: bytes | None) -> None:
    state = manifest.state
    if key is None and manifest.with_key:
        with reader.open(f"{state}/keys/master") as file:
            key = file.read()
    if key is not None:
        place = layout.keys / "master"
        place.unlink(missing_ok=True)
        place.write_bytes(key)
        place.chmod(0o640)
    own = layout.data / "spaces.toml"
    if not own.exists():
        with suppress(Fault), reader.open(f"{state}/spaces.toml") as file:  # not every hub has one
            own.write_bytes(file.read())
    for name in reader.names(f"{state}/builds/"):
        _lock(reader, name, layout.builds / Path(name).parent.name)
    # Clients remember what they sent to a store of this name, and would not send it again.
    (layout.blobs / "installation").unlink(missing_ok=True)


def _lock(reader: Reader, name: str, home: Path) -> None:
    """As if an earlier build had left it; that of the head is about to be made, and would clear its own folder."""
    made = home / f"{EARLIER}-0" / "made"
    for folder, mode in ((home, ENTER), (made.parent, ENTER), (made, SHARED)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)  # builders read it as users of their own
    with reader.open(name) as file:
        (made / LOCK).write_bytes(file.read())
    (made / LOCK).chmod(0o644)


def _database(url: str, manifest: Manifest, lines: Mapping[str, Iterable[str]]) -> None:
    migrate(url, to=manifest.schema)
    opened = engine(url, connections=1)
    try:
        with opened.execution_options(writes=True).begin() as connection:
            dump.load(connection, lines)
            tables = dump.reflected(connection).tables
            connection.execute(tables["repos"].delete().where(tables["repos"].c.id.in_(manifest.gone)))
            connection.execute(tables["spaces"].update().values(OF_THE_MOMENT))
    finally:
        opened.dispose()
    migrate(url)


def _closed(url: str, layout: Layout) -> tuple[str, ...]:
    """Which secrets do not open, by Space."""
    seal, closed = master_key(layout.keys / "master"), []
    opened = engine(url, connections=1)
    try:
        with opened.begin() as connection:
            tables = dump.reflected(connection).tables
            secrets, spaces, repos = tables["secrets"], tables["spaces"], tables["repos"]
            where = secrets.join(spaces, spaces.c.id == secrets.c.space).join(repos, repos.c.id == spaces.c.repo)
            columns = (*secrets.c, repos.c.namespace, repos.c.name.label("repo"))
            for row in connection.execute(sa.select(*columns).select_from(where).order_by(repos.c.folded)):
                try:
                    seal.open(Sealed(row.key, row.value), f"{row.space}/{row.name}")
                except Unavailable:
                    closed.append(f"{row.namespace}/{row.repo}: {row.name}")
    finally:
        opened.dispose()
    return tuple(closed)
