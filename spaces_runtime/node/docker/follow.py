"""From the engine's log of a container to the Space's run log: every line once, also when the node or engine restarts.

The engine keeps the lines with the time of each; so do we. Where to go on is written down after what was written, and
what was written since is compared line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker.errors
import requests.exceptions

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.logs import stamped
from spaces_runtime.node.docker.engine import Absent, Engine
from spaces_runtime.node.logs import Log
from spaces_runtime.node.record import write_whole

POSITION = "read-to"  # in the instance's folder: the stamp of a line, all before which are written
NOTE_EVERY = 1.0  # seconds
AGAIN_AFTER = 0.5  # seconds between tries to reach an engine that is away
STAMP = 26  # characters of `2026-01-02T03:04:05.123456`; the engine goes on with three more digits and a Z
TAIL = 2**20  # bytes
TROUBLE = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)


class Follower:
    """One container's log, on a thread of its own. The thread ends with the log, or with close()."""

    def __init__(self, engine: Engine, name: str, folder: Path, log: Path) -> None:
        self._engine, self._name, self._folder, self._path = engine, name, folder, log
        self._stream: Any = None
        self._closed = threading.Event()
        self._over = threading.Event()  # the container has ended: the log has an end, too
        self._loop = asyncio.get_running_loop()
        self._noted = 0.0
        self.ended = asyncio.Event()
        threading.Thread(target=self._run, name=f"log of {name}", daemon=True).start()

    def over(self) -> None:
        """The container has ended; when the engine says no more, there is no more."""
        self._over.set()

    def close(self) -> None:
        """Stop in the middle; another follower goes on from there."""
        self._closed.set()
        if self._stream is not None:
            with contextlib.suppress(*TROUBLE):
                self._stream.close()

    def _run(self) -> None:
        log = Log(self._path)
        try:
            while not self._closed.is_set():
                last = self._over.is_set()
                try:
                    self._follow(log)
                    if last or self._closed.is_set():
                        break
                except Absent:
                    break
                except (BackendUnavailable, *TROUBLE):  # the engine is away
                    if self._over.is_set():
                        break
                # A stream that was open when the container ended may lack its last words: they are asked for again.
                self._over.wait(AGAIN_AFTER)
        finally:
            log.close()
            with contextlib.suppress(RuntimeError):  # the node has ended
                self._loop.call_soon_threadsafe(self.ended.set)

    def _follow(self, log: Log) -> None:
        """Until the engine closes the stream. Raises: BackendUnavailable, and what a broken stream raises."""
        since = self._since()
        written = Counter(_lines_from(self._path, since)) if since else Counter[bytes]()
        begin = datetime.strptime(since, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC).timestamp() if since else 0.0
        self._stream = self._engine.ask(
            f"read the log of {self._name}",
            lambda client: client.logs(
                self._name, stream=True, follow=True, timestamps=True, since=max(0.0, begin - 0.001) or None
            ),
        )
        if self._closed.is_set():
            self.close()
        at = since
        for message in self._stream:
            for part in message.rstrip(b"\n").split(b"\n"):
                at, text = part[:STAMP].decode(errors="replace"), part.partition(b" ")[2]
                if at < since:
                    continue
                line = stamped(f"{at}Z", text)
                if written[line]:
                    written[line] -= 1
                else:
                    log.append(line)
            self._note(at)
        self._note(at, now=True)

    def _note(self, at: str, *, now: bool = False) -> None:
        """Write down how far we are; not after each line."""
        if at and (now or time.monotonic() - self._noted > NOTE_EVERY):
            self._noted = time.monotonic()
            with contextlib.suppress(OSError):  # its folder has gone with its instance
                write_whole(self._folder / POSITION, at.encode(), synced=False)

    def _since(self) -> str:
        with contextlib.suppress(OSError):
            return (self._folder / POSITION).read_text()[:STAMP]
        return ""


def _lines_from(path: Path, since: str) -> list[bytes]:
    """The kept lines at or after a stamp."""
    found: list[bytes] = []
    for file in (path.with_name(f"{path.name}.1"), path):
        with contextlib.suppress(OSError):
            found += [line for line in _tail(file, since) if line[:STAMP].decode(errors="replace") >= since]
    return found


def _tail(file: Path, since: str) -> list[bytes]:
    """Enough of a log's end to have all lines from a stamp on."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        if size > TAIL:
            opened.seek(size - TAIL)
            lines = opened.readlines()[1:]
            if lines and lines[0][:STAMP].decode(errors="replace") < since:
                return lines
            opened.seek(0)
        return opened.readlines()
