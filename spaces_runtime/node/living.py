"""One instance while this node holds it: its record, and every handle on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.node import readiness
from spaces_runtime.node.cgroups import Usage
from spaces_runtime.node.logs import Log, Reader
from spaces_runtime.node.network import Sockets, table
from spaces_runtime.node.record import Record, exit_status
from spaces_runtime.node.relay import Carried
from spaces_runtime.node.sockets import Table
from spaces_runtime.node.tree import Processes

ELSEWHERE_AFTER = 2.0  # seconds until a listener on another port is taken for a mistake
LAST_WORDS = 5.0  # seconds to read the log to its end
MIB = 2**20


def why_ended(status: int | None, *, killed_for_memory: int, memory: int) -> str:
    """What is known about an end. status: negative for a signal; None: PID 1 went before it could say."""
    how = "was ended from outside, with its sandbox"
    if status is not None:
        how = f"exited with status {status}" if status >= 0 else f"killed by signal {-status}"
    return f"out of memory: limit {memory // MIB} MiB ({how})" if killed_for_memory else how


def buried(monitor: subprocess.Popen[bytes]) -> None:
    """Reap our child; it ends with the sandbox, or is ended. Blocks."""
    try:
        monitor.wait(LAST_WORDS)
    except subprocess.TimeoutExpired:
        monitor.kill()
        monitor.wait()


class Living:
    """Handles are opened by hold(), let go by release(); the record alone stays for an instance that has ended."""

    def __init__(self, record: Record, folder: Path, changed: Callable[[Living], None]) -> None:
        self.record, self.folder = record, folder
        self.why = record.why
        self.connections: int | None = None  # at the last count
        self.gone = asyncio.Event()  # PID 1 has ended
        self.monitor: subprocess.Popen[bytes] | None = None
        self.processes: Processes | None = None
        self.sockets: Sockets | None = None
        self._table: Table | None = None
        self._carried: Carried | None = None
        self._reader: Reader | None = None
        self._log: Log | None = None
        self._ready: asyncio.Task[None] | None = None
        self._pidfd = -1
        self._changed = changed
        self._usage = Usage(cpu=0.0, memory=0)
        self._peak = 0

    @property
    def id(self) -> InstanceId:
        return self.record.id

    @property
    def phase(self) -> Phase:
        if self.record.ended:
            return Phase.EXITED
        if self.record.frozen:
            return Phase.FROZEN
        return Phase.READY if self.record.ready else Phase.STARTING

    @property
    def since(self) -> float:
        """Unix seconds at which the phase began."""
        kept = self.record
        return kept.ended or kept.frozen or max(kept.ready, kept.thawed) or kept.started

    def hold(self, *, processes: Processes, sockets: Sockets, carried: Carried | None, log: Log, pipe: int) -> None:
        """Watch over a running sandbox: its end, its output, its first answer."""
        self.processes, self.sockets, self._carried = processes, sockets, carried
        self._table = table(sockets, self.record.init)
        self._log, self._reader = log, Reader(pipe, log)
        self._pidfd = os.pidfd_open(self.record.init)
        asyncio.get_running_loop().add_reader(self._pidfd, self._end)
        if not self.record.ready:
            self._ready = asyncio.create_task(self._until_ready(sockets, self._table))

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self.gone.set()

    async def _until_ready(self, sockets: Sockets, known: Table) -> None:
        looking = asyncio.create_task(self._look_elsewhere(known))
        try:
            answer = await readiness.up(sockets, self.record.port)
        finally:
            looking.cancel()
        self.why = ""
        self.record = self.record.grown(self.folder, ready=time.time())
        self._changed(self)
        if known.listening().get(self.record.port):
            self.note(f"The app listens on 127.0.0.1:{self.record.port} only; that is enough here, 0.0.0.0 is usual.")
        await readiness.take_leave(answer)

    async def _look_elsewhere(self, known: Table) -> None:
        """Say so when the app listens, but on another port than its Space declares."""
        while True:
            await asyncio.sleep(ELSEWHERE_AFTER)
            ports = known.listening()
            others = sorted(set(ports) - {self.record.port, self.record.relayed})
            why = ""
            if self.record.port in ports:
                why = f"listens on {self.record.port}, but has not answered HTTP yet"
            elif others:
                why = f"listens on {others[0]}, not {self.record.port}"
            if why != self.why:
                self.why = why
                self._changed(self)

    def note(self, text: str) -> None:
        """A line of the platform's own in the run log."""
        if self._log:
            self._log.write(text.encode())

    def shown(self, *, counted: bool = True) -> Instance:
        """As the scheduler sees it. counted: with new figures (1 ms), else with the last ones."""
        kept, alive = self.record, not self.record.ended
        if counted and alive:
            self.count()
        return Instance(
            id=kept.id,
            space=kept.space,
            build=kept.build,
            spec=kept.spec,
            phase=self.phase,
            since=self.since,
            answered=bool(kept.ready),
            connections=self.connections if alive else 0,
            cpu=self._usage.cpu,
            memory=self._usage.memory if alive else 0,
            peak=self._peak,
            hardware=kept.hardware,
            gpus=kept.gpus,
            why=self.why,
        )

    def count(self) -> None:
        """Ask the kernel how much it uses, and how many connections are established on the app's port."""
        if self.processes:
            self._usage = self.processes.usage()
            self._peak = max(self._peak, self._usage.memory)
        self.connections = self._table.established(self.record.port) if self._table else None

    async def freeze(self) -> None:
        """Nothing of it runs afterwards. Raises: TimeoutError, OSError, and then it runs on."""
        if self.processes and not self.record.frozen:
            await self.processes.freeze()
            self.record = self.record.grown(self.folder, frozen=time.time())

    def thaw(self) -> None:
        """It runs when this returns. The record follows later: after a crash the kernel is asked, not the record."""
        if self.processes and self.record.frozen:
            self.processes.thaw()
            self.record = self.record.changed(frozen=0.0, thawed=time.time())

    async def terminate(self, grace: float) -> None:
        """Ask it to end, then end it, frozen or not."""
        if not self.processes:
            return
        if not self.record.frozen and not self.gone.is_set():
            but = (self.record.init, self.monitor.pid if self.monitor else 0)
            self.processes.signal(signal.SIGTERM, but)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self.gone.wait()
        await self.processes.end()

    async def finish(self) -> None:
        """The app has ended: read its last words, write down how it was, end what is left of it."""
        await self._last_words()
        killed = self.processes.killed_for_memory() if self.processes else 0
        status = exit_status(self.folder)
        why = why_ended(status, killed_for_memory=killed, memory=self.record.memory)
        self.why = f"{self.why}; {why}" if self.why else why
        if self.processes:
            await self.processes.end()
        self.record = self.record.grown(self.folder, ended=time.time(), frozen=0.0, why=self.why)

    async def _last_words(self) -> None:
        if self._reader:
            self._reader.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if self.processes and self.processes.pids() else LAST_WORDS):
                    await self._reader.ended.wait()

    async def release(self) -> None:
        """Let go of every handle, so that the kernel can free what they keep alive."""
        if self._ready:
            self._ready.cancel()
            await asyncio.wait((self._ready,))
        if self._reader:
            self._reader.drain()
            self._reader.close()
        if self._pidfd >= 0:
            self._end()
        if self._carried:
            self._carried.close()
        if self._table:
            self._table.close()
        if self.sockets:
            self.sockets.close()
        if self._log:
            self._log.close()
        if self.monitor:
            await asyncio.to_thread(buried, self.monitor)
        self.monitor = self.processes = self.sockets = self._table = self._carried = self._reader = self._log = (
            self._ready
        ) = None
