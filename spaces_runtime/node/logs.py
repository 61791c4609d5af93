"""From an app's output to the kept log; the form stands in domain.logs."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import time
from pathlib import Path

from spaces_runtime.domain.logs import LIMIT, LONGEST, written

CHUNK = 65536
PIPE = 2**20  # bytes an app may print while nobody reads
SET_PIPE_SIZE = 1031  # include/uapi/linux/fcntl.h


class Log:
    """One log file, appended to, rotated when full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)  # two threads may come with a Space's first lines
            path.parent.chmod(0o2770)  # hub and scheduler share its group, given by the folder above
        self._file = self._open()

    def _open(self) -> int:
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
        with contextlib.suppress(PermissionError):
            os.fchmod(number, 0o660)
        return number

    def write(self, *lines: bytes) -> None:
        """Whole lines, stamped with now. A full disk loses lines, never the app."""
        self.append(b"".join(written(time.time(), line) for line in lines))

    def append(self, text: bytes) -> None:
        """Lines as they shall stand in the file."""
        with contextlib.suppress(OSError):
            mine = os.fstat(self._file)
            if not self._is_at_path(mine):
                self._reopen()
            elif mine.st_size + len(text) > LIMIT:
                self._rotate()
            os.write(self._file, text)

    def _is_at_path(self, mine: os.stat_result) -> bool:
        """Else another instance of the Space has rotated it: our lines would go to the old one, and end it early."""
        try:
            return os.path.samestat(mine, os.stat(self._path))  # noqa: PTH116 pathlib's takes three times as long
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._reopen()

    def _reopen(self) -> None:
        """The new one first: where there can be none, because the Space is deleted, the old one stays ours to close."""
        new = self._open()
        os.close(self._file)
        self._file = new

    def close(self) -> None:
        os.close(self._file)


class Reader:
    """Copies a pipe into a log, line by line, until all writers are gone."""

    def __init__(self, pipe: int, log: Log) -> None:
        os.set_blocking(pipe, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, SET_PIPE_SIZE, PIPE)
        self._pipe, self._log = pipe, log
        self._rest = b""
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.close()
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._log.write(*lines)

    def drain(self) -> None:
        """Take what is in the pipe now."""
        while not self.ended.is_set() and _waiting(self._pipe):
            self._read()

    def close(self) -> None:
        """Write the unfinished line and let go of the pipe."""
        if self.ended.is_set():
            return
        if self._rest:
            self._log.write(self._rest)
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self.ended.set()


def _waiting(pipe: int) -> bool:
    return bool(select.select((pipe,), (), (), 0)[0])
