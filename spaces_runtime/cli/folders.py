"""Makes the data folder: who owns what, so that each process reads only what it needs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.layout import BUILDER, CONTROL, GROUP, HUB, SCHEDULER, Layout

SET_GROUP = 0o2000  # what is created inside belongs to the folder's group


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its owner (numeric user and group) and mode."""

    path: Path
    user: int
    group: int
    mode: int


def folders(layout: Layout) -> Iterable[Folder]:
    """All of them, parents first."""
    yield Folder(layout.data, 0, 0, 0o711)
    yield Folder(layout.run, 0, GROUP, 0o1771)
    for path in (layout.database.parent, layout.repos):
        yield Folder(path, HUB, CONTROL, SET_GROUP | 0o770)
    yield Folder(layout.blobs, HUB, GROUP, SET_GROUP | 0o710)  # see store.blobs
    yield Folder(layout.keys, HUB, CONTROL, SET_GROUP | 0o771)
    yield Folder(layout.builds, SCHEDULER, CONTROL, SET_GROUP | 0o775)
    yield Folder(layout.logs, SCHEDULER, CONTROL, SET_GROUP | 0o770)
    yield Folder(layout.store, 0, 0, 0o711)
    yield Folder(layout.store, BUILDER, BUILDER, 0o755)
    yield Folder(layout.envs, BUILDER, BUILDER, 0o755)
    yield Folder(layout.bases, BUILDER, BUILDER, 0o755)
    yield Folder(layout.locks, BUILDER, BUILDER, 0o755)
    yield Folder(layout.own, BUILDER, BUILDER, 0o755)
    yield Folder(layout.cache, BUILDER, BUILDER, 0o700)
    yield Folder(layout.wheels, BUILDER, BUILDER, 0o700)
    yield Folder(layout.volumes, 0, 0, 0o711)
    yield Folder(layout.mounts, SCHEDULER, GROUP, 0o711)
    yield Folder(layout.written, HUB, GROUP, 0o750)
    yield Folder(layout.node, 0, 0, 0o700)


def prepare(layout: Layout) -> None:
    """Create what is missing; as root also set owners and modes. May be repeated."""
    root = os.geteuid() == 0
    for folder in folders(layout):
        folder.path.mkdir(parents=True, exist_ok=True)
        if root:
            os.chown(folder.path, folder.user, folder.group)
            folder.path.chmod(folder.mode)
        elif folder.path != layout.data:
            folder.path.chmod(0o700)
