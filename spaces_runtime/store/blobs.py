"""Content by sha256, shared by LFS and Xet: the implementation of the port Blobs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from spaces_runtime.domain.errors import Invalid, Missing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.store.disk import room

BATCH = 2**20  # bytes gathered before a thread hashes and writes them


class Ledger(Protocol):
    """Which repo has proven to hold what; the port Index has both."""

    async def hold(self, repo: RepoId, sha256: Sha256, size: int) -> None: ...
    async def holds(self, repo: RepoId, sha256: Sha256) -> int | None: ...


class Incoming:
    """A file that is being received. It gets its name only when whole, right and on disk; else nothing stays."""

    def __init__(self, file: FileIO) -> None:
        self._file = file  # without a buffer: one that cannot be flushed to a full disk would fail once more
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes | memoryview) -> None:
        self._hash.update(content)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        self.size += len(content)

    def keep(self, place: Path) -> None:
        """Move it to its place; equal content that is there already stays."""
        os.fsync(self._file.fileno())
        place.parent.mkdir(parents=True, exist_ok=True)
        Path(self._file.name).replace(place)
        for folder in (place.parent, place.parent.parent, place.parent.parent.parent):
            _fsync(folder)

    @property
    def reader(self) -> FileIO:
        """What came so far, to be read before it is kept."""
        return self._file

    @property
    def sha256(self) -> Sha256:
        return Sha256(self._hash.hexdigest())


class FileBlobs:
    """See the port Blobs. root: the folder of the blobs; incoming files lie on the same mount, so a move is atomic."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self._root = root
        self._ledger = ledger
        self._incoming = root / "incoming"

    def path(self, sha256: Sha256) -> Path:
        return self._root / sha256[:2] / sha256[2:4] / sha256

    async def put(self, repo: RepoId, sha256: Sha256, size: int, content: AsyncIterator[bytes]) -> None:
        """Receive, prove, keep, and only then let the repo hold it. Known content is proven again: see Blobs.

        Raises: Invalid for another hash or size; nothing is left behind, also when the sender stops half-way.
        """
        with self.incoming(f"store {sha256}") as file:
            async for batch in in_batches(content):
                if file.size + len(batch) > size:
                    raise Invalid(what=f"store {sha256}", why=f"more than the {size} bytes that were announced came")
                await asyncio.to_thread(file.write, batch)
            if file.size != size:
                raise Invalid(what=f"store {sha256}", why=f"{size} bytes were announced, {file.size} came")
            if file.sha256 != sha256:
                raise Invalid(what=f"store {sha256}", why=f"the content that came has the sha256 {file.sha256}")
            await asyncio.to_thread(file.keep, self.path(sha256))
        await self._ledger.hold(repo, sha256, size)

    async def holds(self, repo: RepoId, sha256: Sha256) -> bool:
        return await self._ledger.holds(repo, sha256) is not None

    async def size(self, sha256: Sha256) -> int:
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError as error:
            raise Missing(what=f"read {sha256}", why="no such content is stored") from error

    @contextmanager
    def incoming(self, what: str) -> Iterator[Incoming]:
        """A file without a name in the store; on the way out it is gone unless it was kept. what: said on a full disk.

        Raises: Full.
        """
        self._incoming.mkdir(parents=True, exist_ok=True)
        path = self._incoming / uuid4().hex
        try:
            with room(what), path.open("x+b", buffering=0) as file:
                yield Incoming(file)
        finally:
            path.unlink(missing_ok=True)

    def sweep(self, held: Collection[Sha256], before: float) -> int:
        """Remove what no repo holds, and what a killed process left half received; gives the bytes that are free again.

        before: Unix seconds; younger files may be about to be held, or are still being received.
        """
        received = self._incoming.iterdir() if self._incoming.is_dir() else ()
        kept = (path for path in self._root.glob("??/??/*") if path.name not in held)
        freed = 0
        for path in (*received, *kept):
            told = path.stat()
            if told.st_mtime < before:
                path.unlink(missing_ok=True)
                freed += told.st_size
        return freed


async def in_batches(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces worth a thread."""
    gathered = bytearray()
    async for piece in content:
        gathered += piece
        if len(gathered) >= BATCH:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
