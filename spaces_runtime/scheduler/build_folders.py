"""The folders of a Space's builds: `builds/<space>/<revision>-<rebuild>/{code,made}`. Blocking."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from builder.lock import FILE as LOCK
from spaces_runtime.domain.ids import BuildKey, RevisionId, SpaceId

_NAME = re.compile(r"([0-9a-f]{40})-(\d+)")
ENTER, SHARED = 0o2755, 0o2775  # the gateways serve files from there; builders and control write together


@dataclass(frozen=True, slots=True)
class Folder:
    """One build's. code: the checkout; made: what the build leaves."""

    path: Path
    key: BuildKey

    @property
    def code(self) -> Path:
        return self.path / "code"

    @property
    def made(self) -> Path:
        return self.path / "made"


@dataclass(frozen=True, slots=True)
class Folders:
    """root: of all Spaces."""

    root: Path

    def begin(self, space: SpaceId, key: BuildKey, kept: Collection[BuildKey]) -> tuple[Folder, tuple[Folder, ...]]:
        """A new folder for this build, and those of earlier ones, newest first; all that is not kept goes.

        The newest with a lock stays too: a revision that never answered still settles what the next one installs.
        """
        home = self.root / space
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(ENTER)
        folder = Folder(home / f"{key.revision}-{key.rebuild}", key)
        shutil.rmtree(folder.path, ignore_errors=True)  # of a build that was killed
        earlier = self._there(home)
        locked = next((before for before in earlier if (before.made / LOCK).exists()), None)
        stays = tuple(before for before in earlier if before.key in kept or before == locked)
        for before in earlier:
            if before not in stays:
                shutil.rmtree(before.path, ignore_errors=True)
        folder.made.mkdir(parents=True)
        folder.path.chmod(ENTER)
        folder.made.chmod(SHARED)
        return folder, stays

    def remove_all(self, space: SpaceId) -> None:
        """Of a deleted Space."""
        shutil.rmtree(self.root / space, ignore_errors=True)

    def _there(self, home: Path) -> tuple[Folder, ...]:
        found: list[tuple[float, Folder]] = []
        for path in home.iterdir():
            named = _NAME.fullmatch(path.name)
            if named:
                key = BuildKey(RevisionId(named[1]), int(named[2]))
                found.append((path.stat().st_mtime, Folder(path, key)))
        return tuple(folder for _, folder in sorted(found, key=lambda pair: -pair[0]))
