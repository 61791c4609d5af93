"""Limits, figures, freezing and ending, by control group; version 1, version 2, or both on one machine.

A controller is where the kernel says it is, never where a version number suggests. Where a tree is absent or
read-only the group does without, and `missing` names what is not enforced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

V1_WANTED = ("memory", "pids", "cpu", "cpuacct", "freezer")
V2_WANTED = ("memory", "pids", "cpu")
CORE = "core"  # version 2 without any controller: freezing, ending, CPU time
PERIOD = 100_000  # microseconds; the kernel's default
FREEZE_WITHIN = 5.0  # seconds
CLEAR_WITHIN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """memory: bytes; cpus: cores; processes: threads included. last: other groups come first where cores are short."""

    memory: int
    cpus: float
    processes: int
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """cpu: seconds used so far; memory: bytes of processes, in RAM or swapped out, without page cache."""

    cpu: float
    memory: int


def mounts(mountinfo: str) -> Mapping[str, tuple[Path, int]]:
    """Where each controller is mounted, and its version; from the text of /proc/self/mountinfo."""
    found: dict[str, tuple[Path, int]] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        path = Path(before.split()[4])
        if kind == "cgroup2":
            found.setdefault(CORE, (path, 2))
        elif kind == "cgroup":
            found.update({name: (path, 1) for name in V1_WANTED if name in options.split(",")})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    """Our folders in the trees of this machine. at: controller → (our folder there, version)."""

    at: Mapping[str, tuple[Path, int]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def group(self, name: str) -> Group:
        """The group of one instance; nothing is made yet."""
        return Group(folders={controller: (path / name, version) for controller, (path, version) in self.at.items()})

    def names(self) -> set[str]:
        """Of all groups that exist."""
        return {entry.name for path, _ in self.at.values() for entry in path.iterdir() if entry.is_dir()}

    def remove(self) -> None:
        """Our own folders, when the last group is gone."""
        for path, _ in self.at.values():
            with contextlib.suppress(OSError):
                path.rmdir()


def detect(key: str) -> Cgroups:
    """Make our folders, named by the platform's key, wherever the kernel lets us."""
    at: dict[str, tuple[Path, int]] = {}
    for controller, (mount, version) in mounts(Path("/proc/self/mountinfo").read_text()).items():
        path = mount / f"spaces-{key}"
        if _usable(path):
            at[controller] = (path, version)
    if CORE in at:
        at |= dict.fromkeys(_delegated(at[CORE][0]), at[CORE])
    missing = tuple(name for name in ("memory", "pids", "cpu") if name not in at)
    return Cgroups(at=at, missing=missing if "freezer" in at or CORE in at else (*missing, "freezer"))


def group_of(pid: int) -> Group:
    """The group that somebody else made for a process and its children; without what cannot be seen from here.

    Where version 1 freezes, whoever made the group does it there, and the folder of version 2 says nothing.
    """
    try:
        said = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
        mounted = mounts(Path("/proc/self/mountinfo").read_text())
    except OSError:
        return Group(folders={})
    folders: dict[str, tuple[Path, int]] = {}
    for _, names, path in said:
        for controller in names.split(",") if names else [CORE]:
            if controller in mounted:
                mount, version = mounted[controller]
                folders[controller] = (mount / path.lstrip("/"), version)
    if CORE in folders:
        with contextlib.suppress(OSError):
            given = (folders[CORE][0] / "cgroup.controllers").read_text().split()
            folders |= {name: folders[CORE] for name in V2_WANTED if name in given}
    if "freezer" in folders:
        folders.pop(CORE, None)
    return Group(folders={name: at for name, at in folders.items() if _holds(at[0], pid)})


def _holds(folder: Path, pid: int) -> bool:
    with contextlib.suppress(OSError):
        return str(pid) in (folder / "cgroup.procs").read_text().split()
    return False


def _usable(path: Path) -> bool:
    """Our folder exists and can be filled."""
    try:
        path.mkdir(exist_ok=True)
        probe = path / f"probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _delegated(path: Path) -> list[str]:
    """The version 2 controllers that groups in our folder get; switched on from the top where they are not."""
    for folder in (path.parent, path):
        for name in V2_WANTED:
            with contextlib.suppress(OSError):
                (folder / "cgroup.subtree_control").write_text(f"+{name}")
    given = (path / "cgroup.subtree_control").read_text().split()
    return [name for name in V2_WANTED if name in given]


def _number(path: Path) -> int:
    """A file that holds one number; 0 when it is not there."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _table(path: Path) -> dict[str, int]:
    """A file of `name number` lines; empty when it is not there."""
    try:
        return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}
    except (OSError, ValueError):
        return {}


def _tell(path: str, what: bytes) -> None:
    """Write to a file of the kernel's. Raises: OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(number, what)
    finally:
        os.close(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The folders of one instance."""

    folders: Mapping[str, tuple[Path, int]]

    def make(self, limits: Limits) -> None:
        """Create and limit it."""
        for path, _ in self.folders.values():
            path.mkdir(parents=True, exist_ok=True)
        for controller, name, value in self._settings(limits):
            with contextlib.suppress(OSError):  # memsw and swap are absent where the kernel does not count swap
                (self.folders[controller][0] / name).write_text(value)

    def _settings(self, limits: Limits) -> Iterator[tuple[str, str, str]]:
        quota = int(limits.cpus * PERIOD)
        memory, shares = str(limits.memory), 2 if limits.last else max(2, int(1024 * limits.cpus))
        by_version: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {
            ("memory", 1): (("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)),
            ("memory", 2): (("memory.max", memory), ("memory.swap.max", "0")),  # no limit for the sum of both
            ("pids", 1): (("pids.max", str(limits.processes)),),
            ("pids", 2): (("pids.max", str(limits.processes)),),
            ("cpu", 1): (("cpu.cfs_quota_us", str(quota)), ("cpu.shares", str(shares))),
            ("cpu", 2): (("cpu.max", f"{quota} {PERIOD}"), ("cpu.weight", str(min(10_000, max(1, shares // 10))))),
        }
        for controller, (_, version) in self.folders.items():
            for name, value in by_version.get((controller, version), ()):
                yield controller, name, value

    @property
    def joins(self) -> tuple[Path, ...]:
        """Files to which a process writes its pid to belong to the group."""
        return tuple(dict.fromkeys(path / "cgroup.procs" for path, _ in self.folders.values()))

    @property
    def exists(self) -> bool:
        return any(path.is_dir() for path, _ in self.folders.values())

    def pids(self) -> set[int]:
        """All processes of the group, as seen from outside."""
        found: set[int] = set()
        for join in self.joins:
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in join.read_text().split())
        return found

    def usage(self) -> Usage:
        """What it uses; zeros for what is not counted here."""
        cpu = 0.0
        if CORE in self.folders:
            cpu = _table(self.folders[CORE][0] / "cpu.stat").get("usage_usec", 0) / 1e6
        elif "cpuacct" in self.folders:
            cpu = _number(self.folders["cpuacct"][0] / "cpuacct.usage") / 1e9
        path, version = self.folders.get("memory", (Path("/nonexistent"), 1))
        stat = _table(path / "memory.stat")
        if version == 1:
            return Usage(cpu=cpu, memory=stat.get("rss", 0) + stat.get("shmem", 0) + stat.get("swap", 0))
        swapped = _number(path / "memory.swap.current")
        return Usage(cpu=cpu, memory=stat.get("anon", 0) + stat.get("shmem", 0) + swapped)

    def killed_for_memory(self) -> int:
        """How many of its processes the kernel ended at the memory limit."""
        path, version = self.folders.get("memory", (Path("/nonexistent"), 1))
        return _table(path / ("memory.oom_control" if version == 1 else "memory.events")).get("oom_kill", 0)

    def swaps(self, most: int) -> None:
        """Bytes of it that may be swapped out from now on. Version 1 has one limit for both, which holds already."""
        path, version = self.folders.get("memory", (Path("/nonexistent"), 1))
        if version != 1:
            with contextlib.suppress(OSError):
                (path / "memory.swap.max").write_text(str(most))

    @property
    def can_freeze(self) -> bool:
        return CORE in self.folders or "freezer" in self.folders

    def is_frozen(self) -> bool:
        """Asked to freeze, by the kernel's own word."""
        with contextlib.suppress(OSError):
            if CORE in self.folders:
                return (self.folders[CORE][0] / "cgroup.freeze").read_text().strip() == "1"
            if "freezer" in self.folders:
                return (self.folders["freezer"][0] / "freezer.state").read_text().strip() != "THAWED"
        return False

    async def freeze(self) -> None:
        """Until nothing of it runs. Raises: TimeoutError, and then it runs on; OSError."""
        try:
            async with asyncio.timeout(FREEZE_WITHIN):
                self._ask_to_freeze()
                while not self._stands():  # noqa: ASYNC110 the kernel tells nobody
                    await asyncio.sleep(0.001)
        except (TimeoutError, OSError):
            self.thaw()
            raise

    def _ask_to_freeze(self) -> None:
        if CORE in self.folders:
            (self.folders[CORE][0] / "cgroup.freeze").write_text("1")
        else:
            (self.folders["freezer"][0] / "freezer.state").write_text("FROZEN")

    def _stands(self) -> bool:
        """Every process is frozen."""
        if CORE in self.folders:
            return bool(_table(self.folders[CORE][0] / "cgroup.events").get("frozen"))
        return (self.folders["freezer"][0] / "freezer.state").read_text().strip() == "FROZEN"

    def thaw(self) -> None:
        """Run again; a few microseconds, as a visitor waits: pathlib's way to write takes three times as long."""
        if CORE in self.folders:
            _tell(f"{self.folders[CORE][0]}/cgroup.freeze", b"0")
        elif "freezer" in self.folders:
            _tell(f"{self.folders['freezer'][0]}/freezer.state", b"THAWED")

    def signal(self, number: signal.Signals, but: Sequence[int] = ()) -> None:
        """To every process of the group."""
        for pid in self.pids() - set(but):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def end(self) -> None:
        """Kill everything, frozen or not, and remove the group. Raises: TimeoutError when a process will not go."""
        async with asyncio.timeout(CLEAR_WITHIN):
            while self.pids():
                self._kill()
                await asyncio.sleep(0.002)
            while self.exists:
                self._remove()
                if self.exists:
                    await asyncio.sleep(0.002)

    def _kill(self) -> None:
        if CORE in self.folders:
            with contextlib.suppress(OSError):  # cgroup.kill came with Linux 5.14
                (self.folders[CORE][0] / "cgroup.kill").write_text("1")
        self.signal(signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.thaw()  # version 1: a frozen process takes no signal

    def _remove(self) -> None:
        for path, _ in self.folders.values():
            with contextlib.suppress(OSError):
                path.rmdir()
