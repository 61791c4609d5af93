"""The kept logs of a Space, as files; their form is in domain.logs. Written by the node and here, read only here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.logs import LIMIT, Line, Source, parsed, written

LOOK = 0.15  # seconds between looks for new lines
PIECE = 256 * 1024  # bytes read at once


class LogFiles:
    """The port Logs. root: Layout.logs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(
        self, space: SpaceId, source: Source, *, follow: bool, tail: int | None = None
    ) -> AsyncGenerator[Line, None]:
        """Oldest first. follow: goes on with what is written later, through rotations; also before there is a file.

        tail: begin with so many of the last lines. A line that is still being written is held back until it ends.
        """
        reading = Reading(self._path(space, source))
        try:
            if tail is not None:
                await asyncio.to_thread(reading.skip_to, tail)
            while True:
                lines = await asyncio.to_thread(reading.lines)
                for line in lines:
                    yield line
                if not lines and not follow:
                    return
                while not lines and not reading.grew:  # noqa: ASYNC110 - another process writes; nobody tells us
                    await asyncio.sleep(LOOK)
        finally:
            reading.close()

    async def append(self, space: SpaceId, source: Source, text: str) -> None:
        """Add what the platform has to say; each line of the text is one."""
        await asyncio.to_thread(self._append, self._path(space, source), text)

    async def forget(self, space: SpaceId) -> None:
        """Delete all logs of a Space that is no more. Raises: OSError. May be repeated."""
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, self._root / space)

    async def last(self, space: SpaceId, source: Source, count: int) -> list[Line]:
        """The newest lines, oldest of them first."""
        async with aclosing(self.read(space, source, follow=False, tail=count)) as lines:
            return [line async for line in lines]

    def _path(self, space: SpaceId, source: Source) -> Path:
        return self._root / space / f"{source.value}.log"

    def _append(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        now = time.time()
        told = b"".join(written(now, line.encode()) for line in text.splitlines() or [""])
        # One write at the end of the file: lines of two writers are never mixed.
        opened = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o660)
        try:
            os.write(opened, told)
            # Not a second time when another writer was faster: that would lose the rotated half.
            if os.fstat(opened).st_size > LIMIT and os.fstat(opened).st_ino == _inode(path):
                path.replace(older(path))
        finally:
            os.close(opened)


def older(path: Path) -> Path:
    """The file before this one."""
    return path.with_name(f"{path.name}.1")


class Reading:
    """A place in a log: `.log.1`, then `.log`, then whatever follows it. Not for two threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""  # of a line that is not complete

    def lines(self) -> list[Line]:
        """The next complete lines, some thousand at most; none: nothing more for now."""
        while True:
            if self._file is None and not self._open_first():
                return []
            assert self._file is not None  # noqa: S101 - just opened
            piece = self._file.read(PIECE)
            if piece:
                *whole, self._rest = (self._rest + piece).split(b"\n")
                if whole:
                    return [parsed(line) for line in whole]
            elif not self._open_next():
                return []

    @property
    def grew(self) -> bool:
        """Whether it is worth to read on. Cheap: two looks at the folder's entries."""
        if self._file is None:
            return self._path.exists()
        here = os.fstat(self._file.fileno())
        return here.st_size > self._file.tell() or _inode(self._path) not in (here.st_ino, None)

    def skip_to(self, tail: int) -> None:
        """Begin with the last `tail` lines there are."""
        self.close()
        left = tail
        for path in (self._path, older(self._path)):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            found, offset = _lines_back(file, left)
            file.seek(offset)
            self.close()
            self._file, left = file, left - found
            if left <= 0:
                return

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _open_first(self) -> bool:
        for path in (older(self._path), self._path):
            try:
                self._file = path.open("rb")
            except FileNotFoundError:
                continue
            return True
        return False

    def _open_next(self) -> bool:
        """After the end of a file that was rotated away: the one that came after it."""
        assert self._file is not None  # noqa: S101 - the caller reads it
        here = os.fstat(self._file.fileno()).st_ino
        newest, before = _inode(self._path), _inode(older(self._path))
        if newest in (here, None):
            return False
        if self._file.read(1):  # written between our last look and the rotation
            self._file.seek(-1, os.SEEK_CUR)
            return True
        # Rotated once: `.log` is next. Twice or more: ours is gone, and what is left begins with `.log.1`.
        follower = self._path if before in (here, None) else older(self._path)
        try:
            file = follower.open("rb")
        except FileNotFoundError:
            return False
        self.close()
        self._file = file
        return True


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _lines_back(file: BinaryIO, count: int) -> tuple[int, int]:
    """How many of the last `count` complete lines this file has, and the offset at which they begin."""
    position = file.seek(0, os.SEEK_END)
    begins: list[int] = []  # offsets after each newline, from the back; the first one is the end of the last line
    while position > 0 and len(begins) <= count:
        size = min(PIECE, position)
        position -= size
        file.seek(position)
        piece = file.read(size)
        at = len(piece)
        while (at := piece.rfind(b"\n", 0, at)) >= 0 and len(begins) <= count:
            begins.append(position + at + 1)
    if len(begins) > count:
        return count, begins[count]
    return len(begins), 0
