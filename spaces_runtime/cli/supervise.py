"""Keeps the platform's processes running: starts, restarts, replaces and ends them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from spaces_runtime.domain.errors import Unavailable

STOP_WITHIN = 4.0  # seconds from SIGTERM to SIGKILL for one process
CALM = 30.0  # seconds of life after which an earlier death no longer counts
LONGEST_WAIT = 10.0
OVERLAP = 1.0  # seconds for which an old and a new gateway both accept

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the platform. name: unique; role: what `spaces serve --role` is told."""

    name: str
    role: str
    number: int = 0


@dataclass(slots=True)
class Kept:
    """A part and its process now; deaths: quick ones in a row."""

    part: Part
    process: asyncio.subprocess.Process | None = None
    deaths: int = 0


def parts(gateways: int, *, own_live_store: bool, own_node: bool, watch: bool = False) -> tuple[Part, ...]:
    """In the order of starting; ended in reverse."""
    live = (Part(name="live", role="live"),) if own_live_store else ()
    node = (Part(name="node", role="node"),) if own_node else ()
    middle = (Part(name="hub", role="hub"), Part(name="scheduler", role="scheduler"))
    last = (Part(name="watch", role="watch"),) if watch else ()
    visited = (Part(name=f"gateway-{n}", role="gateway", number=n) for n in range(gateways))
    return (*live, *node, *middle, *visited, *last)


def backoff(deaths: int) -> float:
    """Seconds before the next start after so many quick deaths in a row; the first restart is at once."""
    return 0.0 if deaths <= 1 else min(LONGEST_WAIT, 0.25 * 2.0 ** (deaths - 2))


class Supervisor:
    """Children are started from the main thread: their parent-death signal is bound to it.

    doors: listening sockets by part. They are kept here, so that a visitor who comes while their process is dead, or is
    being replaced, waits instead of being refused.
    """

    def __init__(
        self,
        wanted: Sequence[Part],
        data: str,
        environ: Mapping[str, str],
        doors: Mapping[str, Sequence[socket.socket]],
    ) -> None:
        self._kept = {part.name: Kept(part) for part in wanted}
        self._data = data
        self._environ = {**environ, "SPACES_SUPERVISED": "1"}
        self._doors = doors
        self._ending = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start every part; each is kept running from now on."""
        for kept in self._kept.values():
            await self._start(kept)

    async def replace(self) -> None:
        """Start every process anew, gateways last and one after the other; Spaces go on running."""
        for kept in self._kept.values():
            old, kept.deaths = kept.process, 0
            if old is None or kept.part.role == "live":
                continue  # replacing the live store would lose what is live, for nothing
            if kept.part.role == "gateway":
                await self._start(kept)
                await asyncio.sleep(OVERLAP)  # the new one is there, or nearly, when the old one stops
                await _stopped(old)
            else:
                kept.process = None
                await _stopped(old)
                await self._start(kept)

    async def end(self, roles: Sequence[str]) -> None:
        """End these roles, all at once."""
        self._ending = True
        async with asyncio.TaskGroup() as group:
            for kept in self._kept.values():
                if kept.part.role in roles:
                    group.create_task(self._end(kept))
        for kept in self._kept.values():
            if kept.part.role in roles:
                for door in self._doors.get(kept.part.name, ()):
                    door.close()

    async def _watch(self, kept: Kept, process: asyncio.subprocess.Process) -> None:
        """Wait for its end; start it again unless that was asked for, or another has its place."""
        began = time.monotonic()
        status = await process.wait()
        if self._ending or kept.process is not process:
            return
        kept.deaths = 1 if time.monotonic() - began > CALM else kept.deaths + 1
        wait = backoff(kept.deaths)
        log.warning("process ended, starting it again", process=kept.part.name, status=status, after=wait)
        await asyncio.sleep(wait)
        if kept.process is process:
            await self._start(kept)

    async def _start(self, kept: Kept) -> None:
        if self._ending:
            return
        part = kept.part
        listening = [door.fileno() for door in self._doors.get(part.name, ())]
        kept.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "spaces_runtime.cli.serve",
            "--data", self._data, "--role", part.role, "--number", str(part.number),
            "--listening", *map(str, listening), pass_fds=listening,
            stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr.fileno(), env=self._environ, start_new_session=True,
        )  # fmt: skip
        log.info("process started", process=part.name, pid=kept.process.pid)
        task = asyncio.create_task(self._watch(kept, kept.process), name=f"watch {part.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, kept: Kept) -> None:
        if kept.process is not None:
            await _stopped(kept.process)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            process.send_signal(number)
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            continue
        except ProcessLookupError:
            pass
        return
    raise Unavailable(what=f"end process {process.pid}", why="it does not even answer SIGKILL")


def gateways(asked: int) -> int:
    """How many gateway processes: what the settings say, else one per core up to 4."""
    return asked or min(4, os.cpu_count() or 1)
