"""A full disk, said in words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaces_runtime.domain.errors import Full

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


def full(what: str) -> Full:
    """The one sentence."""
    return Full(what=what, why="the disk of this hub is full", then="Its operator can free some: spaces gc.")
