"""Who adds to a folder shares its lock, who removes from it has it alone. Among all processes; gone with a killed one.

The lock is on the folder itself. Nobody waits in a thread, so whoever is cancelled leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

AGAIN: Final = 0.004  # seconds between two tries; the lock is held for about as long
PATIENCE: Final = 10.0  # seconds that who removes waits for who adds


@asynccontextmanager
async def sharing(folder: Path) -> AsyncIterator[int]:
    """While the block runs nothing is removed from the folder; nor while a process has the descriptor."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while not _taken(held, fcntl.LOCK_SH):  # noqa: ASYNC110 - other processes tell no event
            await asyncio.sleep(AGAIN)
        yield held
    finally:
        os.close(held)


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[bool]:
    """While the block runs nobody adds to the folder. False: they went on adding for too long; leave it alone."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = asyncio.get_running_loop().time() + PATIENCE
        while not (got := _taken(held, fcntl.LOCK_EX)) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(AGAIN)
        yield got
    finally:
        os.close(held)


def _taken(held: int, how: int) -> bool:
    try:
        fcntl.flock(held, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
