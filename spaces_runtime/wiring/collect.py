"""`spaces gc`: what no Space needs to start is removed. An environment is kept while one Space names it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from builder.artifact import Artifact
from builder.lock import load
from builder.sweep import Store, kept_locks, sweep
from spaces_runtime.backends.process import NodeImages
from spaces_runtime.domain.errors import BackendUnavailable, Unavailable
from spaces_runtime.domain.layout import MOUNTS, Layout
from spaces_runtime.domain.observed import complete
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.settings import Settings
from spaces_runtime.domain.space import Revision, Space
from spaces_runtime.domain.storage import Removed
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.database import Database
from spaces_runtime.store.disk import remove
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.sweep import Content
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_names import SqlXetNames
from spaces_runtime.wiring.desk import database_url

RECENT = 16  # builds of a Space of which nobody has told what it runs
NOISE = 2**20  # bytes by which a disk changes all the time
YOUNG = 3600.0  # seconds; a build may be about to name what it has just made


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What Spaces start from: artifacts, builds by folder name, all of Spaces that there are."""

    artifacts: tuple[Artifact, ...]
    builds: frozenset[tuple[str, str]]
    spaces: frozenset[str]


async def needed(desk: Desk, *, running: bool) -> Needed:
    """Ask every Space: its head, its last good revision, and whatever runs. running: whether the platform does.

    Raises: Unavailable when it does, and what runs cannot be told: then nothing may be removed.
    """
    spaces = await desk.spaces.snapshot(None)
    seen = await desk.observations.latest([space.id for space in spaces]) if running else {}
    whole = [complete(space, seen.get(space.id)) for space in spaces]
    kept = [(space.id, revision) for space in whole for revision in await _kept(desk, space)]
    # The live store may be young, and know nothing yet of one that runs: then all it could be running counts.
    unseen = [space.id for space in whole if running and space.id not in seen]
    kept += [(space, revision) for space in unseen for revision in await desk.builds.newest(space, RECENT)]
    return Needed(
        artifacts=tuple(revision.artifact for _, revision in kept if revision.artifact is not None),
        builds=frozenset((space, f"{revision.key.revision}-{revision.key.rebuild}") for space, revision in kept),
        spaces=frozenset(space.id for space in whole),
    )


def collect(layout: Layout, kept: Needed, now: float) -> tuple[Removed, ...]:
    """Remove the rest, and say what went. now: Unix seconds. Environments are the builders' own: as root."""
    builds = [path for path in _old(layout.builds, now) if path.name not in kept.spaces]
    builds += [
        path for space in kept.spaces for path in _old(layout.builds / space, now)
        if (space, path.name) not in kept.builds
    ]  # fmt: skip
    logs = [path for path in _old(layout.logs, now) if path.is_dir() and path.name not in kept.spaces]
    mounts = [path for path in _old(layout.mounts, now) if path.name not in _mounted(layout)]
    removed = [remove(builds, "builds"), remove(logs, "logs of deleted Spaces"), remove(mounts, "volumes not mounted")]
    shared = {name: getattr(layout, name) for name in ("envs", "cache", "wheels", "bases", "locks", "own")}
    store = Store(**shared)
    locks = [lock for lock in map(load, kept_locks(layout.builds)) if lock is not None]
    unused = store.unused(kept.artifacts, locks, now=now)
    groups = {"environments": layout.envs, "sets of Debian packages": layout.bases, "wheels": layout.wheels}
    for what, folder in (*groups.items(), ("cached files", layout.cache)):
        mine = [path for path in unused if path.is_relative_to(folder)]
        count = sum(path.is_dir() for path in mine) or len(mine)  # beside an environment lies its lock
        removed.append(Removed(what=what, count=count, size=sweep(mine)))
    return (*removed, _pruned(layout))


def _mounted(layout: Layout) -> frozenset[str]:
    """What below Layout.mounts some instance shows."""
    told = (json.loads(path.read_text()) for path in (layout.node / "instances").glob(f"*/{MOUNTS}"))
    return frozenset(name for names in told for name in names)


def _pruned(layout: Layout) -> Removed:
    """What uv itself says that nothing uses."""
    before = shutil.disk_usage(layout.data).free
    prune = [find_uv_bin(), "cache", "prune", "-q", "--cache-dir", str(layout.cache / "uv")]
    subprocess.run(prune, check=False, capture_output=True)  # noqa: S603 - our own wheel's program
    freed = max(0, shutil.disk_usage(layout.data).free - before)
    return Removed(what="uv's cache, pruned", count=int(freed > NOISE), size=freed if freed > NOISE else 0)


async def sweep_images(settings: Settings, kept: Needed) -> tuple[Removed, ...]:
    """Images of Spaces that nothing starts from, and what builds of images left; nothing while the platform is down.

    The node alone may ask the engine.
    """
    if settings.engine != "docker":
        return ()
    wanted = [image for artifact in kept.artifacts for image in (artifact.image, artifact.location) if image]
    try:
        return (await NodeImages(Layout(settings.data).node_socket).sweep(wanted),)
    except (BackendUnavailable, Unavailable):
        return ()


async def sweep_content(desk: Desk, now: float) -> tuple[Removed, ...]:
    """Remove what no repo holds, and pack the repos; says what went. As the hub's user: content is its."""
    database, layout = Database(database_url(desk.settings)), desk.layout
    index = SqlIndex(database)
    blobs = FileBlobs(layout.blobs, index)
    xorbs = FileXorbs(layout.blobs, "", blobs, index, SqlXetNames(database))
    try:
        storage = SqlStorage(database, desk.settings.storage)
        return await Content(
            index=index, storage=storage, repos=GitRepos(layout.repos, blobs), blobs=blobs, xorbs=xorbs
        ).sweep(now)
    finally:
        await database.close()


async def _kept(desk: Desk, space: Space) -> Sequence[Revision]:
    """What a Space may start from, and what it runs: an older build while it is rolled."""
    kept = {revision.key: revision for revision in (space.head, space.last_good) if revision is not None}
    for key in {instance.build for instance in space.instances} - set(kept):
        older = await desk.builds.find(space.id, key)
        kept[key] = older or Revision(key=key)
    return list(kept.values())


def _old(folder: Path, now: float) -> list[Path]:
    """What lies there for a while."""
    return [path for path in folder.iterdir() if now - path.stat().st_mtime > YOUNG] if folder.is_dir() else []
