"""`spaces gc`: what no Space needs to start is removed. An environment is kept while one Space names it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from builder.artifact import Artifact
from builder.lock import load
from builder.sweep import Store, kept_locks, sweep
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.observed import complete
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.space import Space
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.database import Database
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.sweep import Content
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_names import SqlXetNames
from spaces_runtime.wiring.desk import database_url

YOUNG = 3600.0  # seconds; a build may be about to name what it has just made


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What Spaces start from: artifacts, builds by folder name, all of Spaces that there are."""

    artifacts: tuple[Artifact, ...]
    builds: frozenset[tuple[str, str]]
    spaces: frozenset[str]


async def needed(desk: Desk) -> Needed:
    """Ask every Space: its head, its last good revision, and whatever runs."""
    spaces = await desk.spaces.snapshot(None)
    seen = await desk.observations.latest([space.id for space in spaces])
    whole = [complete(space, seen.get(space.id)) for space in spaces]
    return Needed(
        artifacts=tuple(artifact for space in whole for artifact in _artifacts(space)),
        builds=frozenset((space.id, name) for space in whole for name in _builds(space)),
        spaces=frozenset(space.id for space in whole),
    )


def collect(layout: Layout, kept: Needed, now: float) -> str:
    """Remove the rest, and say what that gave back. now: Unix seconds. Environments are the builders' own: as root."""
    before = shutil.disk_usage(layout.data).free
    gone = [path for path in _old(layout.builds, now) if path.name not in kept.spaces]
    gone += [
        path for space in kept.spaces for path in _old(layout.builds / space, now)
        if (space, path.name) not in kept.builds
    ]  # fmt: skip
    gone += [path for path in _old(layout.logs, now) if path.name not in kept.spaces]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    store = Store(envs=layout.envs, cache=layout.cache, wheels=layout.wheels, bases=layout.bases)
    locks = [lock for lock in map(load, kept_locks(layout.builds)) if lock is not None]
    unused = store.unused(kept.artifacts, locks, now=now)
    sweep(unused)
    prune = [find_uv_bin(), "cache", "prune", "-q", "--cache-dir", str(layout.cache / "uv")]
    subprocess.run(prune, check=False, capture_output=True)  # noqa: S603 - our own wheel's program
    freed = max(0, shutil.disk_usage(layout.data).free - before)
    many = len(gone) + len(unused)
    return f"removed {many} files and folders that no Space needs; {freed / 1e6:.0f} MB more are free"


async def sweep_content(desk: Desk, now: float) -> int:
    """Remove what no repo holds, and pack the repos; bytes that are free again. As the hub's user: content is its."""
    database, layout = Database(database_url(desk.settings)), desk.layout
    index = SqlIndex(database)
    blobs = FileBlobs(layout.blobs, index)
    xorbs = FileXorbs(layout.blobs, "", blobs, index, SqlXetNames(database))
    try:
        return await Content(index=index, repos=GitRepos(layout.repos, blobs), blobs=blobs, xorbs=xorbs).sweep(now)
    finally:
        await database.close()


def _artifacts(space: Space) -> Iterable[Artifact]:
    for revision in (space.head, space.last_good):
        if revision is not None and revision.artifact is not None:
            yield revision.artifact


def _builds(space: Space) -> Collection[str]:
    keys = [revision.key for revision in (space.head, space.last_good) if revision is not None]
    keys += [instance.build for instance in space.instances]
    return {f"{key.revision}-{key.rebuild}" for key in keys}


def _old(folder: Path, now: float) -> list[Path]:
    """What lies there for a while."""
    return [path for path in folder.iterdir() if now - path.stat().st_mtime > YOUNG] if folder.is_dir() else []
