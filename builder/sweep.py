"""What of the shared store nothing needs any more. By reference, never by age alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.artifact import Artifact
from builder.lock import Lock, load_file
from builder.wheels import remove

GONE: Final = ".gone-"  # before a name; a sweep that was killed leaves it to the next
YOUNG: Final = 6 * 3600.0  # seconds; a build may still be about to name what it has just made


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The shared folders, and `own`: of each Space, what was built from source."""

    envs: Path
    cache: Path
    wheels: Path
    bases: Path
    locks: Path
    own: Path

    def unused(self, artifacts: Iterable[Artifact], locks: Iterable[Lock], *, now: float) -> tuple[Path, ...]:
        """What may go. artifacts, locks: of every build that is kept. now: Unix seconds."""
        kept = {place for artifact in artifacts for place in (artifact.location, artifact.base, artifact.hub) if place}
        needed = tuple(locks)
        wheels = {wheel.sha256 for lock in needed for wheel in lock.wheels}
        own = _inside(self.own)
        envs = (self.envs, self.bases, *(space / "envs" for space in own))
        whole = [path for folder in envs for path in _inside(folder) if str(path) not in kept]
        houses = (self.wheels, *(space / "wheels" for space in own), *_inside(self.cache / "bytecode"))
        parts = [path for folder in houses for path in _by_digest(folder)]
        parts += _strangers(self.locks, {lock.digest for lock in needed})
        archives = [path for path in _inside(self.cache / "apt" / "archives") if path.suffix == ".deb"]
        found = (*whole, *(path for path in parts if path.name not in wheels), *archives)
        return tuple(path for path in found if now - path.lstat().st_mtime > YOUNG)


def sweep(unused: Iterable[Path]) -> int:
    """Remove these; bytes that no other folder holds, so that the disk has them back."""
    freed = 0
    for path in unused:
        freed += sum(size for size in _sizes(path))
        if path.is_dir():
            gone = path.with_name(f"{GONE}{path.name}")  # never half of something under its final name
            path.rename(gone)
            remove(gone)
        else:
            path.unlink(missing_ok=True)
    return freed


def kept_locks(builds: Path) -> Iterator[Path]:
    """Folders of builds that may hold a lock. builds: of all Spaces."""
    return builds.glob("*/*/made")


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _by_digest(folder: Path) -> list[Path]:
    return [path for part in _inside(folder) if part.is_dir() for path in _inside(part)]


def _strangers(folder: Path, digests: Container[str]) -> list[Path]:
    """Shared locks that no build holds any more: their wheels go too."""
    found = [(path, load_file(path)) for path in _inside(folder)]
    return [path for path, lock in found if lock is None or lock.digest not in digests]


def _sizes(path: Path) -> Iterator[int]:
    for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
        told = file.lstat()
        if told.st_nlink == 1 and not file.is_dir():
            yield told.st_blocks * 512
