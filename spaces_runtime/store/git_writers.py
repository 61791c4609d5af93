"""Who writes to a git folder, and what writers left that were killed.

Git guards each ref by a lock file. One whose owner was killed would stay, and nobody could ever move that ref again.
So whoever writes shares a lock on the folder itself, which the kernel takes back from the dead; git's processes
inherit it. Who finds nobody else there removes what is left. Blocking, for the moment that this takes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK: Final = "spaces.lock"
# Of git and libgit2; a .keep is how a push guards its pack until the refs lead to it.
GARBAGE: Final = (
    "tmp_*",
    "incoming-*",
    "??/tmp_*",
    "pack/tmp_*",
    "pack/.tmp-*",
    "pack/*.lock",
    "pack/*.keep",
    "info/*.lock",
)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The one of ours who commits, among all processes; pushes may go on beside."""
    lock, held = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o660), _opened(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_alone(held):
            _free(folder)
        fcntl.flock(held, fcntl.LOCK_SH)
        yield
    finally:
        os.close(held)
        os.close(lock)


def free(folder: Path) -> None:
    """Before one writes: remove the locks of dead writers, unless others write just now. Raises: FileNotFoundError."""
    held = _opened(folder)
    try:
        if _is_alone(held):
            _free(folder)
    finally:
        os.close(held)


def tidy(folder: Path) -> None:
    """Remove also what is in nobody's way, unless somebody writes just now."""
    held = _opened(folder)
    try:
        if _is_alone(held):
            _free(folder)
            for path in (path for pattern in GARBAGE for path in (folder / "objects").glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(held)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _is_alone(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free(folder: Path) -> None:
    """A few hundredths of a millisecond where there are few loose refs."""
    left = [path for path in folder.glob("*.lock") if path.name != LOCK]
    for at, _, names in os.walk(folder / "refs"):
        left += [Path(at, name) for name in names if name.endswith(".lock")]
    for path in left:
        path.unlink()
