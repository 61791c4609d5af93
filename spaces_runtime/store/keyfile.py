"""Random values that are made once and stay with the data."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from uuid import uuid4


def kept(path: Path, size: int = 32) -> bytes:
    """Read it, or make it: `size` random bytes, readable by owner and group. Two processes get the same."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}-{uuid4().hex}")
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
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
    return path.read_bytes()
