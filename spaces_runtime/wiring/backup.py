"""`spaces backup`: a copy of the hub, taken while it runs.

The order makes it whole. First the database, in one look. Then each repo that it knows, refs before objects: whatever
the database says of a repo is in its copy, and at most a little more. Then which large files the repos hold by now,
which is never less than what their commits name; and last those files. Nothing is removed meanwhile: see quiet().
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
import structlog

from builder.lock import FILE as LOCK
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store import dump, git_copy
from spaces_runtime.store.archive import Writer
from spaces_runtime.store.database import engine, parsed
from spaces_runtime.store.migrations import revision_of
from spaces_runtime.store.version import current
from spaces_runtime.wiring.desk import database_url

FORMAT: Final = 1  # of a backup
MANIFEST: Final = "manifest.json"
REMADE: Final = ("builds", "left_out")  # tables of what is built again where the backup is restored
HOLDINGS: Final = "holdings"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself; written last, so that it is there only when all else is.

    schema: revision of the database's. state: the folder of what changes from one backup to the next. gone: repos that
    were deleted meanwhile. lost: large files that a repo should have and has not. size: bytes that were new.
    """

    format: int
    made_at: str
    platform: str
    database: str
    schema: str
    state: str
    with_key: bool
    repos: int
    blobs: int
    size: int
    gone: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def save(settings: Settings, writer: Writer, *, with_key: bool) -> Manifest:
    """Write all of it. with_key: also the key that opens the secrets. Blocking."""
    layout, url = Layout(settings.data), database_url(settings)
    now = datetime.now(UTC)
    state = f"state-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}"
    with _connected(url) as connection:
        schema = revision_of(connection)
        holdings = _save_database(connection, writer, state)
        repos = _repos(connection)
    size, gone = _save_repos(layout, writer, state, repos)
    with _connected(url) as connection:
        holdings |= {(row["repo"], row["sha256"]): row for row in _rows(connection, HOLDINGS) if row["repo"] in repos}
    _write_rows(writer, state, HOLDINGS, list(holdings.values()))
    blobs = {Sha256(sha256) for _, sha256 in holdings}
    more, lost = _save_blobs(layout, writer, blobs)
    _save_rest(layout, writer, state, with_key=with_key)
    manifest = Manifest(
        format=FORMAT,
        made_at=now.isoformat(timespec="seconds"),
        platform=current("").platform,
        database=parsed(url).get_backend_name(),
        schema=schema,
        state=state,
        with_key=with_key,
        repos=len(repos) - len(gone),
        blobs=len(blobs) - len(lost),
        size=size + more,
        gone=tuple(gone),
        lost=tuple(sorted(lost)),
    )
    writer.write(MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    _tidy(writer, manifest, repos, blobs)
    return manifest


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    """One transaction: everything read in it is of one moment, on either database."""
    opened = engine(url, connections=1)
    try:
        with opened.begin() as connection:
            yield connection
    finally:
        opened.dispose()


def _save_database(connection: sa.Connection, writer: Writer, state: str) -> dict[tuple[str, str], dump.Row]:
    """All tables but that of what repos hold; that one is given back, for more may come to it."""
    holdings: dict[tuple[str, str], dump.Row] = {}
    for table in dump.reflected(connection).sorted_tables:
        if table.name == HOLDINGS:
            holdings = {(row["repo"], row["sha256"]): row for row in dump.rows(connection, table)}
        elif table.name not in REMADE:
            _write_rows(writer, state, table.name, dump.rows(connection, table))
    return holdings


def _write_rows(writer: Writer, state: str, name: str, rows: Any) -> None:  # noqa: ANN401 - any iterable of rows
    writer.write(f"{state}/tables/{name}.jsonl", "".join(f"{dump.line(row)}\n" for row in rows).encode())


def _rows(connection: sa.Connection, name: str) -> Iterator[dump.Row]:
    return dump.rows(connection, dump.reflected(connection).tables[name])


def _repos(connection: sa.Connection) -> dict[str, Kind]:
    return {row["id"]: Kind(row["kind"]) for row in _rows(connection, "repos")}


def _save_repos(layout: Layout, writer: Writer, state: str, repos: dict[str, Kind]) -> tuple[int, list[str]]:
    """Bytes, and which were deleted in the meantime."""
    size, gone = 0, []
    for repo, kind in repos.items():
        if kind is Kind.BUCKET:  # its files are rows and blobs
            continue
        try:
            folder = layout.repos / f"{RepoId(repo)}.git"
            size += git_copy.save(writer, folder, f"repos/{repo}.git", f"{state}/refs/{repo}")
        except FileNotFoundError:
            gone.append(repo)
    return size, gone


def _save_blobs(layout: Layout, writer: Writer, blobs: set[Sha256]) -> tuple[int, list[Sha256]]:
    """Bytes, and which are not there although they should."""
    size, lost = 0, list[Sha256]()
    for sha256 in sorted(blobs):
        try:
            size += writer.copy(f"blobs/{sha256[:2]}/{sha256}", layout.blobs / sha256[:2] / sha256[2:4] / sha256)
        except FileNotFoundError:
            lost.append(sha256)
            log.warning("a large file of the hub is missing", sha256=sha256)
    return size, lost


def _save_rest(layout: Layout, writer: Writer, state: str, *, with_key: bool) -> None:
    for name, path in (("spaces.toml", layout.data / "spaces.toml"), ("keys/master", layout.keys / "master")):
        if path.exists() and (with_key or not name.startswith("keys")):
            writer.write(f"{state}/{name}", path.read_bytes())
    for space in layout.builds.glob("*"):  # the versions that a Space's next build keeps to
        newest = max(space.glob(f"*/made/{LOCK}"), key=lambda lock: lock.stat().st_mtime, default=None)
        if newest is not None:
            writer.write(f"{state}/builds/{space.name}/{LOCK}", newest.read_bytes())


def _tidy(writer: Writer, manifest: Manifest, repos: dict[str, Kind], blobs: set[Sha256]) -> None:
    """Out of an earlier backup in the same folder goes what is not in this one."""
    writer.drop_others("", {MANIFEST, manifest.state, "repos", "blobs"})
    writer.drop_others("repos", {f"{repo}.git" for repo in repos if repo not in manifest.gone})
    for first in {f"{number:02x}" for number in range(256)}:
        writer.drop_others(f"blobs/{first}", blobs)
