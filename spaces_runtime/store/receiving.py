"""Bytes that come from the network and go to a disk: in large batches, the next received while one is written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final

BATCH: Final = 2**21  # bytes gathered before a thread hashes and writes them
BEHIND: Final = 2**25  # bytes after which the kernel is told to write them out, so that the last sync has little to do

Batch = Sequence[bytes]


async def received(content: AsyncIterator[bytes], write: Callable[[Batch], None], check: Callable[[int], None]) -> int:
    """Hand all of it to `write`, batch by batch in order, each in a thread; gives the number of bytes.

    check: told how many bytes have come, before they are written; raises when that is too much. Nothing is being
    written any more when this returns or raises.
    """
    size, writing = 0, asyncio.create_task(asyncio.sleep(0))
    try:
        async for batch in _batches(content):
            size += sum(map(len, batch))
            check(size)
            await writing
            writing = asyncio.create_task(asyncio.to_thread(write, batch))
        await writing
    finally:
        while not writing.done():
            with suppress(asyncio.CancelledError):  # of a second time; the first goes on when the thread is done
                await asyncio.wait([writing])
    return size


async def _batches(content: AsyncIterator[bytes]) -> AsyncIterator[Batch]:
    """The same pieces, as many at a time as are worth a thread; none is copied."""
    gathered, size = list[bytes](), 0
    async for piece in content:
        gathered.append(piece)
        size += len(piece)
        if size >= BATCH:
            yield gathered
            gathered, size = [], 0
    if size:
        yield gathered


class Writeback:
    """Has the kernel write out what was written to a file long enough ago, while more of it comes."""

    def __init__(self) -> None:
        self._told = 0

    def written(self, file: int, end: int) -> None:
        """end: up to where the file was written."""
        if end - self._told >= 2 * BEHIND:
            os.posix_fadvise(file, self._told, BEHIND, os.POSIX_FADV_DONTNEED)
            self._told += BEHIND
