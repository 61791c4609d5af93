"""`spaces gc`: what no Space needs to start is removed. An environment is kept while one Space names it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.observed import complete
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.space import Space

YOUNG = 3600.0  # seconds; a build may be about to name what it has just made


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What Spaces start from: environments and bases by path, builds by folder name, all of Spaces that there are."""

    paths: frozenset[str]
    builds: frozenset[tuple[str, str]]
    spaces: frozenset[str]


async def needed(desk: Desk) -> Needed:
    """Ask every Space: its head, its last good revision, and whatever runs."""
    spaces = await desk.spaces.snapshot(None)
    seen = await desk.observations.latest([space.id for space in spaces])
    whole = [complete(space, seen.get(space.id)) for space in spaces]
    return Needed(
        paths=frozenset(path for space in whole for path in _paths(space)),
        builds=frozenset((space.id, name) for space in whole for name in _builds(space)),
        spaces=frozenset(space.id for space in whole),
    )


def collect(layout: Layout, kept: Needed, now: float) -> str:
    """Remove the rest, and say what that gave back. now: Unix seconds."""
    before = shutil.disk_usage(layout.data).free
    gone = [path for folder in (layout.envs, layout.bases) for path in _old(folder, now) if str(path) not in kept.paths]
    gone += [path for path in _old(layout.builds, now) if path.name not in kept.spaces]
    gone += [
        path for space in kept.spaces for path in _old(layout.builds / space, now)
        if (space, path.name) not in kept.builds
    ]  # fmt: skip
    gone += [path for path in _old(layout.logs, now) if path.name not in kept.spaces]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    prune = [find_uv_bin(), "cache", "prune", "-q", "--cache-dir", str(layout.cache / "uv")]
    subprocess.run(prune, check=False, capture_output=True)  # noqa: S603 - our own wheel's program
    freed = max(0, shutil.disk_usage(layout.data).free - before)
    return f"removed {len(gone)} folders that no Space needs; {freed / 1e6:.0f} MB more are free"


def _paths(space: Space) -> Iterable[str]:
    for revision in (space.head, space.last_good):
        if revision is not None and revision.artifact is not None:
            yield from (revision.artifact.location, revision.artifact.base)


def _builds(space: Space) -> Collection[str]:
    keys = [revision.key for revision in (space.head, space.last_good) if revision is not None]
    keys += [instance.build for instance in space.instances]
    return {f"{key.revision}-{key.rebuild}" for key in keys}


def _old(folder: Path, now: float) -> list[Path]:
    """What lies there for a while."""
    return [path for path in folder.iterdir() if now - path.stat().st_mtime > YOUNG] if folder.is_dir() else []
