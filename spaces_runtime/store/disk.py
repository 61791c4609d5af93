"""A full disk, said in words."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from spaces_runtime.domain.errors import Full
from spaces_runtime.domain.storage import Removed

log = structlog.get_logger()
SLACK = 64 * 1024  # bytes


@contextmanager
def room(what: str) -> Iterator[None]:
    """Whatever is written inside either fits, or fails with a sentence for the person who sent it.

    Raises: Full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full(what) from None


def require(folder: Path, size: int, what: str) -> None:
    """Before a write that could not say why it failed. size: bytes.

    Raises: Full.
    """
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < size + SLACK:
        raise full(what)


def remove(paths: Iterable[Path], what: str) -> Removed:
    """Files and whole folders; one that is gone already is fine. What others share is not counted as freed."""
    count = freed = 0
    for path in paths:
        try:
            size = sum(map(_own_size, (path, *path.rglob("*")) if path.is_dir() else (path,)))
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("could not be removed", path=str(path), why=str(error))
            continue
        count, freed = count + 1, freed + size
    return Removed(what=what, count=count, size=freed)


def remove_older(folder: Path, pattern: str, before: float, what: str) -> Removed:
    """Files that nobody has changed since. before: Unix seconds.

    Each is moved aside first, and looked at there: one that is used at this very moment goes back.
    """
    old = []
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                aside = path.with_name(f".{path.name}")
                path.rename(aside)
                if aside.stat().st_mtime < before:
                    old.append(aside)
                else:
                    aside.rename(path)
    return remove(old, what)


def _own_size(path: Path) -> int:
    told = path.lstat()
    return 0 if path.is_dir() or told.st_nlink > 1 else told.st_size


def full(what: str) -> Full:
    """The one sentence."""
    return Full(what=what, why="the disk of this hub is full", then="Its operator can free some: spaces gc.")
