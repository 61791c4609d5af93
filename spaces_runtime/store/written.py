"""What Spaces wrote into the buckets they mount, as the node left it in Layout.written: read, and taken away."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from spaces_runtime.domain.kept import CHANGES, About, Sent, Written

PIECE = 2**20  # bytes
DONE = ".done-"


class WrittenFolder:
    """The port Outbox. root: Layout.written."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def waiting(self) -> list[str]:
        """Names of what is there, in the order in which it was written."""
        if not self._root.is_dir():
            return []
        for left in self._root.glob(f"{DONE}*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        names = (path.name for path in self._root.iterdir() if not path.name.startswith("."))
        return sorted(names, key=lambda name: name.rpartition("@")[2])

    def read(self, name: str) -> Written:
        """What is in it. Raises: OSError, ValueError, KeyError."""
        told = json.loads((self._root / name / CHANGES).read_text())
        sent = tuple(Sent(**each) for each in told["sent"])
        return Written(about=About(**told["about"]), sent=sent, removed=told["removed"])

    def size(self, name: str, file: str) -> int:
        """Bytes of one of its files."""
        return (self._root / name / file).stat().st_size

    async def content(self, name: str, file: str) -> AsyncIterator[bytes]:
        """One of its files."""
        with (self._root / name / file).open("rb") as content:
            while piece := await asyncio.to_thread(content.read, PIECE):
                yield piece

    async def done(self, name: str) -> None:
        """It is in the bucket."""
        gone = self._root / f"{DONE}{name}"
        (self._root / name).rename(gone)  # at once: what is half removed could not be read again
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
