"""Random values that are made once and stay with the data."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from uuid import uuid4


def kept(path: Path, size: int = 32) -> bytes:
    """Read it, or make it: `size` random bytes, on disk before anything can be signed or sealed with them.

    Two processes get the same. Only its owner reads it, and the group where the folder hands its group down.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    shared = path.parent.stat().st_mode & stat.S_ISGID
    making = path.with_name(f".{path.name}-{uuid4().hex}")
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640 if shared else 0o600)
    try:
        os.write(handle, secrets.token_bytes(size))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        path.hardlink_to(making)  # fails where another process was first: its value counts
    except FileExistsError:
        pass
    finally:
        making.unlink()
    _sync(path.parent)
    return path.read_bytes()


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
