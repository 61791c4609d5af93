"""What the builds of an engine may use. BuildKit itself takes no limits, so they are set around it.

Memory, processors and processes: on the control group in which the engine runs all its builds at once, as far as this
process may write there. Disk: by what the engine's disk loses while a build runs.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
BUILDS: Final = "docker/buildkit"
PERIOD: Final = 100_000  # microseconds
PROCESSES: Final = 4096
SLACK: Final = 2**24  # bytes of swap; some kernels do not count how often the limit of memory and swap was met
LOOK: Final = 0.5  # seconds between looks at the disk
GIB: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """memory, disk: bytes. seconds: wall clock. Zero: not limited, but for the time."""

    seconds: float = 3600.0
    memory: int = 0
    cpus: float = 0.0
    disk: int = 0


@dataclass(slots=True)
class Ceiling:
    """Over one build. root: the engine's folder. groups: where control groups are mounted."""

    limits: Limits
    root: str
    groups: Path = GROUPS
    lacks: list[str] = field(default_factory=list)  # what cannot be limited here
    _free: int = 0
    _before: int = 0
    _looked: float = 0.0

    def begin(self) -> None:
        """Set what can be set, and remember how things stand."""
        self._free = _free(self.root) if self.limits.disk else 0
        if self.limits.disk and not self._free:
            self.lacks.append("disk")
        if self.limits.memory and not self._memory():
            self.lacks.append("memory")
        if self.limits.cpus and not self._cpus():
            self.lacks.append("processors")
        self._set("pids", "pids.max", "pids.max", str(PROCESSES))
        self._before = self._hits()

    def crossed(self) -> str:
        """Why the build has to end; empty: it may go on."""
        now = time.monotonic()
        if not self._free or now - self._looked < LOOK:
            return ""
        self._looked = now
        lost = self._free - _free(self.root)
        return f"it wrote more than {self.limits.disk / GIB:.3g} GiB to the disk" if lost > self.limits.disk else ""

    @property
    def starved(self) -> bool:
        """Builds have met the ceiling of memory since begin()."""
        return self._hits() > self._before

    def _memory(self) -> bool:
        limit, with_swap = str(self.limits.memory), str(self.limits.memory + SLACK)
        done = False
        for _ in range(2):  # whichever grows, the other stands in its way at first
            self._set("memory", "memory.memsw.limit_in_bytes", "memory.swap.max", with_swap if self._is_old else "0")
            done = self._set("memory", "memory.limit_in_bytes", "memory.max", limit)
        return done

    def _cpus(self) -> bool:
        quota = str(round(self.limits.cpus * PERIOD))
        return self._set("cpu", "cpu.cfs_quota_us", "cpu.max", quota)

    @property
    def _is_old(self) -> bool:
        """Version 1 of control groups counts memory."""
        return (self.groups / "memory").is_dir()

    def _set(self, controller: str, first: str, second: str, value: str) -> bool:
        """first, second: the file's name in version 1 and 2."""
        own = self.groups / controller
        folder, name = (own / BUILDS, first) if own.is_dir() else (self.groups / BUILDS, second)
        told = f"{value} {PERIOD}" if name == "cpu.max" else value
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(told)
        except OSError:
            return False
        return True

    def _hits(self) -> int:
        """How often builds met the ceiling."""
        if self._is_old:
            return _number(self.groups / "memory" / BUILDS / "memory.failcnt")
        try:
            events = (self.groups / BUILDS / "memory.events").read_text().split()
            return int(events[events.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            return 0


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _free(root: str) -> int:
    """Bytes; 0: it cannot be seen from here."""
    try:
        told = os.statvfs(root)
    except OSError:
        return 0
    return told.f_bavail * told.f_frsize
