"""One instance while this node holds it: its record, what is watched of it, and its cell; alike on every engine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.node import readiness
from spaces_runtime.node.cgroups import Usage
from spaces_runtime.node.deep import Deep
from spaces_runtime.node.logs import Log
from spaces_runtime.node.network import Sockets, table
from spaces_runtime.node.record import Record
from spaces_runtime.node.relay import Carried
from spaces_runtime.node.sockets import Table

if TYPE_CHECKING:
    from spaces_runtime.node.cell import Cell

ELSEWHERE_AFTER = 2.0  # seconds until a listener on another port is taken for a mistake
MIB = 2**20


def why_ended(status: int | None, *, killed_for_memory: int, memory: int) -> str:
    """What is known about an end. status: negative for a signal; None: PID 1 went before it could say."""
    how = "was ended from outside, with its sandbox"
    if status is not None:
        how = f"exited with status {status}" if status >= 0 else f"killed by signal {-status}"
    return f"out of memory: limit {memory // MIB} MiB ({how})" if killed_for_memory else how


class Living:
    """Handles are opened by hold(), let go by release(); the record alone stays for an instance that has ended."""

    def __init__(self, record: Record, folder: Path, changed: Callable[[Living], None]) -> None:
        self.record, self.folder = record, folder
        self.why = record.why
        self.connections: int | None = None  # at the last count
        self.gone = asyncio.Event()  # PID 1 has ended
        self.cell: Cell | None = None
        self.deep: Deep | None = None  # where its engine has rungs below frozen
        self.sockets: Sockets | None = None
        self._table: Table | None = None
        self._carried: Carried | None = None
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
        if self.deep and self.deep.phase:
            return self.deep.phase
        if self.record.frozen:
            return Phase.FROZEN
        return Phase.READY if self.record.ready else Phase.STARTING

    @property
    def since(self) -> float:
        """Unix seconds at which the phase began."""
        kept = self.record
        return kept.ended or kept.frozen or max(kept.ready, kept.thawed) or kept.started

    def hold(self, *, sockets: Sockets, carried: Carried | None, log: Log) -> None:
        """Watch over what runs in the cell: its end, its first answer. Raises: OSError."""
        self.sockets, self._carried, self._log = sockets, carried, log
        self._table = table(sockets, self.record.init)
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
        if self.cell:
            self._usage = self.cell.usage()
            self._peak = max(self._peak, self._usage.memory)
        self.connections = self._table.established(self.record.port) if self._table else None

    async def freeze(self) -> None:
        """Nothing of it runs afterwards. Raises: TimeoutError, OSError, BackendUnavailable, and then it runs on."""
        if self.cell and not self.record.frozen:
            await self.cell.freeze()
            self.stands()

    @property
    def asleep(self) -> bool:
        """On a rung below running, or on its way there."""
        return self.phase in ASLEEP or bool(self.deep and self.deep.busy)

    async def sink(self, rung: Phase) -> None:
        """Below frozen. Raises: OSError, TimeoutError, and then it runs on."""
        if self.deep is None:
            raise OSError("its engine has no such rung")
        before = self.phase
        try:
            await self.deep.sink(rung)
        except (OSError, TimeoutError):
            if self.cell and not self.deep.phase and not self.cell.is_frozen():
                self.runs()
            raise
        if self.phase is not before:
            self.stands()

    def cut(self) -> None:
        """End every connection to the app."""
        if self._table:
            self._table.cut(self.record.port)

    def lose(self, why: str) -> None:
        """What it was is on disk and cannot be had back: it is about to end."""
        self.why = f"could not be woken: {why}"
        self.note(f"===== Its memory on disk could not be used ({why}); it starts anew")

    def stands(self) -> None:
        """It sleeps, and that is written down."""
        self.record = self.record.grown(self.folder, frozen=time.time())

    def thaw(self) -> asyncio.Future[None] | None:
        """It runs when this returns None, else when the future is done: then `runs` is to be told."""
        if self.deep and (self.deep.on_disk or self.deep.busy):
            return self.deep.rise()
        thawing = self.cell.thaw() if self.cell and self.record.frozen else None
        if thawing is None:
            self.runs()
        return thawing

    def runs(self) -> None:
        """It is thawed. The record follows later: after a crash the cell is asked, not the record."""
        if self.deep:
            self.deep.phase = None
        if self.record.frozen:
            self.record = self.record.changed(frozen=0.0, thawed=time.time())

    async def terminate(self, grace: float) -> None:
        """Ask it to end, then end it, frozen or not. Raises: TimeoutError, BackendUnavailable."""
        if self.cell:
            await self.cell.terminate(grace if not self.record.frozen else 0.0, self.gone)

    async def finish(self) -> None:
        """The app has ended: read its last words, write down how it was, end what is left of it."""
        how = await self.cell.verdict() if self.cell else why_ended(None, killed_for_memory=0, memory=0)
        self.why = f"{self.why}; {how}" if self.why else how
        self.record = self.record.grown(self.folder, ended=time.time(), frozen=0.0, why=self.why)

    async def release(self) -> None:
        """Let go of every handle, so that the kernel can free what they keep alive."""
        if self._ready:
            self._ready.cancel()
            await asyncio.wait((self._ready,))
        if self._pidfd >= 0:
            self._end()
        if self._carried:
            self._carried.close()
        if self._table:
            self._table.close()
        if self.sockets:
            self.sockets.close()
        if self.cell:
            await self.cell.release()
        if self._log:
            self._log.close()
        self.cell = self.sockets = self._table = self._carried = self._log = self._ready = None
