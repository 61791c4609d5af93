"""Content by sha256, shared by LFS and Xet: the implementation of the port Blobs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from uuid import uuid4

from spaces_runtime.domain.errors import Invalid, Missing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.storage import Removed
from spaces_runtime.store.disk import remove, remove_older, room
from spaces_runtime.store.folder_lock import alone, sharing
from spaces_runtime.store.receiving import Batch, Writeback, received

BYTE = "[0-9a-f][0-9a-f]"
Held = Callable[[Collection[Sha256]], Awaitable[frozenset[Sha256]]]  # which of these any repo holds
# The gateways send blobs by themselves: their group may read one whose name it knows, and neither list nor change any.
FOLDER, KEPT = 0o710, 0o440


class Ledger(Protocol):
    """Which repo has proven to hold what; the port Index has both."""

    async def hold(self, repo: RepoId, sha256: Sha256, size: int) -> None: ...
    async def holds(self, repo: RepoId, sha256: Sha256) -> int | None: ...


class Incoming:
    """A file that is being received. It gets its name only when whole, right and on disk; else nothing stays."""

    def __init__(self, file: FileIO) -> None:
        self._file = file  # without a buffer: one that cannot be flushed to a full disk would fail once more
        self._hash = hashlib.sha256()
        self._writeback = Writeback()
        self.size = 0

    def write(self, content: bytes | memoryview) -> None:
        self._hash.update(content)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        self.size += len(content)

    def write_all(self, batch: Batch) -> None:
        """Pieces that came one after another."""
        for piece in batch:
            self.write(piece)
        self._writeback.written(self._file.fileno(), self.size)

    def keep(self, place: Path) -> None:
        """Move it to its place; equal content that is there already stays."""
        _keep(self._file, place)

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
        self._writers: Counter[str] = Counter()  # parts being written, by upload
        self._joining: set[str] = set()

    def path(self, sha256: Sha256) -> Path:
        return self._root / sha256[:2] / sha256[2:4] / sha256

    async def put(self, repo: RepoId, sha256: Sha256, size: int, content: AsyncIterator[bytes]) -> None:
        """Receive, prove, keep, and only then let the repo hold it. Known content is proven again: see Blobs.

        Raises: Invalid for another hash or size; nothing is left behind, also when the sender stops half-way.
        """
        with self.incoming(f"store {sha256}") as file:
            await received(content, file.write_all, at_most(size, f"store {sha256}"))
            if file.size != size:
                raise Invalid(what=f"store {sha256}", why=f"{size} bytes were announced, {file.size} came")
            if file.sha256 != sha256:
                raise Invalid(what=f"store {sha256}", why=f"the content that came has the sha256 {file.sha256}")
            await self.keep(repo, file)

    async def keep(self, repo: RepoId, file: Incoming) -> None:
        """Give content its place and let the repo hold it: a sweep finds both done, or neither."""
        await self._keep(repo, file.sha256, file.size, file.keep)

    async def _keep(self, repo: RepoId, sha256: Sha256, size: int, keep: Callable[[Path], None]) -> None:
        place = self.path(sha256)
        place.parent.parent.mkdir(FOLDER, exist_ok=True)
        async with sharing(place.parent.parent):
            await asyncio.to_thread(keep, place)
            await self._ledger.hold(repo, sha256, size)

    async def part(self, upload: str, start: int, size: int, content: AsyncIterator[bytes]) -> Sha256:
        """All parts lie in one file from the start, so that the whole need not be copied together.

        Raises: Invalid for another size, or when the whole is being proven: nobody may write to it any more.
        """
        told, what = hashlib.sha256(), "store a part of a file"
        at = start

        def write(batch: Batch) -> None:
            nonlocal at
            for piece in batch:
                told.update(piece)
                rest = memoryview(piece)
                while rest:
                    written = os.pwrite(file, rest, at)
                    rest, at = rest[written:], at + written

        if upload in self._joining:
            raise Invalid(what=what, why="its file is being put together")
        self._incoming.mkdir(0o700, parents=True, exist_ok=True)
        with room(what):
            file = os.open(self._parts(upload), os.O_WRONLY | os.O_CREAT, 0o600)
            self._writers[upload] += 1
            try:
                came = await received(content, write, at_most(size, what))
            finally:
                os.close(file)
                self._writers -= Counter((upload,))  # none is left at nought
        if came != size:
            raise Invalid(what=what, why=f"the part has {size} bytes, {came} came")
        return Sha256(told.hexdigest())

    async def join(self, repo: RepoId, sha256: Sha256, size: int, upload: str) -> None:
        """Raises: Invalid when a part is missing, wrong or still being sent; what came stays for a while."""
        what = f"store {sha256}"
        if await self.holds(repo, sha256):  # asked twice
            self._parts(upload).unlink(missing_ok=True)
            return
        if self._writers[upload] or upload in self._joining:  # who writes on would change what was proven
            raise Invalid(what=what, why="a part of it is still being sent", then="Wait for it, then ask again.")
        self._joining.add(upload)
        try:
            await self._join(repo, sha256, size, upload, what)
        finally:
            self._joining.discard(upload)

    async def _join(self, repo: RepoId, sha256: Sha256, size: int, upload: str, what: str) -> None:
        if size == 0:
            self._incoming.mkdir(0o700, parents=True, exist_ok=True)
            self._parts(upload).touch()
        try:
            file = self._parts(upload).open("rb", buffering=0)
        except FileNotFoundError:
            raise Invalid(what=what, why="none of its parts has arrived") from None
        with file:
            found = await asyncio.to_thread(lambda: hashlib.file_digest(file, "sha256").hexdigest())
            if found != sha256 or os.fstat(file.fileno()).st_size != size:
                raise Invalid(what=what, why=f"its parts together have the sha256 {found}", then="Send them again.")
            await self._keep(repo, sha256, size, lambda place: _keep(file, place))

    def _parts(self, upload: str) -> Path:
        return self._incoming / f"parts-{upload}"

    async def holds(self, repo: RepoId, sha256: Sha256) -> bool:
        return await self._ledger.holds(repo, sha256) is not None

    async def start(self, sha256: Sha256, length: int) -> bytes:
        """The first bytes. Raises: Missing."""

        def read() -> bytes:
            with self.path(sha256).open("rb") as file:
                return file.read(length)

        try:
            return await asyncio.to_thread(read)
        except FileNotFoundError:
            raise Missing(what=f"read {sha256}", why="its content is not here") from None

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
        self._incoming.mkdir(0o700, parents=True, exist_ok=True)
        path = self._incoming / uuid4().hex
        try:
            with room(what), path.open("x+b", buffering=0) as file:
                yield Incoming(file)
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Not among the machine's own temporary files: those of a killed hub nobody would remove."""
        self._incoming.mkdir(0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="folder-", dir=self._incoming) as made:
            yield Path(made)

    async def sweep(self, held: Held, before: float) -> Removed:
        """Remove what no repo holds, and what a killed process left half received. Safe beside any number of uploads.

        before: Unix seconds; what is younger may still be being received.
        """
        removed = await asyncio.to_thread(remove_older, self._incoming, "*", before, "half received files")
        removed = replace(removed, what="blobs that no repo holds, or half received")
        for folder in sorted(self._root.glob(BYTE)):
            there = await asyncio.to_thread(lambda at: {Sha256(path.name) for path in at.glob(f"{BYTE}/*")}, folder)
            if there - await held(there):
                removed = removed.plus(await self._sweep(folder, there, held))
        return removed

    async def _sweep(self, folder: Path, there: Collection[Sha256], held: Held) -> Removed:
        """Asked again once nobody is between keeping and holding: until the folder is let go, the answer stays true."""
        async with alone(folder) as got:
            loose = frozenset(there) - await held(there) if got else ()
            return await asyncio.to_thread(remove, [self.path(sha256) for sha256 in loose], "")


def at_most(size: int, what: str) -> Callable[[int], None]:
    """Refuses what is longer than was announced, before it fills the disk."""

    def check(came: int) -> None:
        if came > size:
            raise Invalid(what=what, why=f"more than the {size} bytes that were announced came")

    return check


def _keep(file: FileIO, place: Path) -> None:
    os.fchmod(file.fileno(), KEPT)
    os.fsync(file.fileno())
    for folder in (place.parent.parent, place.parent):
        folder.mkdir(FOLDER, exist_ok=True)
    Path(file.name).replace(place)
    for folder in (place.parent, place.parent.parent, place.parent.parent.parent):
        _fsync(folder)


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
