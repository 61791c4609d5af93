"""The processes of an instance by descent, where there are no control groups; the same verbs, fewer limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spaces_runtime.node.cgroups import CLEAR_WITHIN, FREEZE_WITHIN, Usage

TICKS = os.sysconf("SC_CLK_TCK")
STOPPED = frozenset("TtZX")  # states of /proc/PID/stat that use no CPU of their own


class Processes(Protocol):
    """All processes of one instance."""

    def pids(self) -> set[int]: ...
    def usage(self) -> Usage: ...
    def killed_for_memory(self) -> int: ...
    def is_frozen(self) -> bool: ...
    async def freeze(self) -> None: ...  # raises TimeoutError, OSError: it runs on
    def thaw(self) -> None: ...
    def signal(self, number: signal.Signals, but: Sequence[int] = ()) -> None: ...
    async def end(self) -> None: ...  # until none is left; raises TimeoutError


def _stats() -> dict[int, list[str]]:
    """pid → fields of its stat, from the state on."""
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 hundreds of names, no paths wanted
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry)] = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
    return found


@dataclass(frozen=True, slots=True)
class Tree:
    """init and all that descends from it; orphans in a sandbox become children of its PID 1."""

    init: int

    def _found(self) -> dict[int, list[str]]:
        stats = _stats()
        children: dict[int, list[int]] = {}
        for pid, fields in stats.items():
            children.setdefault(int(fields[1]), []).append(pid)
        mine, ahead = {}, [self.init] if self.init in stats else []
        while ahead:
            pid = ahead.pop()
            mine[pid] = stats[pid]
            ahead += children.get(pid, ())
        return mine

    def pids(self) -> set[int]:
        return {pid for pid, fields in self._found().items() if fields[0] not in "ZX"}

    def usage(self) -> Usage:
        """Shared pages are counted for each process that maps them: more than the truth, never less."""
        found = self._found().values()
        cpu = sum(int(part) for fields in found for part in fields[11:15]) / TICKS
        return Usage(cpu=cpu, memory=sum(int(fields[21]) for fields in found) * os.sysconf("SC_PAGE_SIZE"))

    def killed_for_memory(self) -> int:
        """Nobody counts it here."""
        return 0

    def is_frozen(self) -> bool:
        """Every process but init is stopped, and there is one."""
        states = [fields[0] for pid, fields in self._found().items() if pid != self.init]
        return bool(states) and all(state in STOPPED for state in states)

    async def freeze(self) -> None:
        """Stop all; repeated, because a process forked between the look and the signal escapes."""
        try:
            async with asyncio.timeout(FREEZE_WITHIN):
                while not self.is_frozen():
                    self.signal(signal.SIGSTOP, but=(self.init,))
                    await asyncio.sleep(0.002)
        except TimeoutError:
            self.thaw()
            raise

    def thaw(self) -> None:
        self.signal(signal.SIGCONT, but=(self.init,))

    def signal(self, number: signal.Signals, but: Sequence[int] = ()) -> None:
        for pid in self.pids() - set(but):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    async def end(self) -> None:
        """In a sandbox the kernel ends all others with PID 1; without one each is ended, init last."""
        async with asyncio.timeout(CLEAR_WITHIN):
            while others := self.pids() - {self.init}:
                for pid in others:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.002)
            while self.pids():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self.init, signal.SIGKILL)
                await asyncio.sleep(0.002)
