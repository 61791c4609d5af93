"""The steps of a Dockerfile while BuildKit runs them: which of them are one build's, and what they may use.

BuildKit takes no limits: each RUN becomes a container of its own in a control group of the engine's, beside those of
everybody else who builds there. A build is known by the mark in its /etc/hosts, which the node alone can put there.
Where memory is counted by version 1, its processes are moved into one group of ours, and held together. In version 2
the devices that a process may make are bound to the engine's group: they stay there, and each step is held by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spaces_runtime.node.cgroups import Group, Limits, mounts
from spaces_runtime.node.job_disk import written

FOLDERS: Final = ("docker/buildkit/*", "system.slice/docker-*.scope")  # as the engine's two drivers name them
HOSTS: Final = "/buildkit/executor/"  # below the engine's folder: files it shows as /etc/hosts
CORE: Final = "core"


@dataclass(slots=True)
class Steps:
    """Of one build. mark: a name in its /etc/hosts. engine: the engine's folder. group: of ours, for all of them."""

    mark: str
    engine: Path
    group: Group
    limits: Limits
    killed: int = 0
    _others: set[Path] = field(default_factory=set)
    _ours: set[Path] = field(default_factory=set)
    _gone: int = 0  # bytes written by steps that have ended
    _now: int = 0

    def look(self) -> None:
        """Find new steps, and hold them. What BuildKit began since the last look has run free until now."""
        at, version = _memory()
        there = {folder for pattern in FOLDERS for folder in at.glob(pattern)}
        self._others &= there
        self._ours &= there
        for folder in there - self._others - self._ours:
            mine = _marked(_pids(folder), self.mark, self.engine)
            if mine is not None:
                (self._ours if mine else self._others).add(folder)
        if version == 1:
            self._gather()
        else:
            self._bind()
        now = written(self.group.pids() if version == 1 else [pid for each in self._ours for pid in _pids(each)])
        self._gone += max(0, self._now - now)  # what a step has written is told only while it runs
        self._now = now

    @property
    def written(self) -> int:
        """Bytes that all steps so far have written to disks."""
        return self._gone + self._now

    @property
    def starved(self) -> bool:
        """The kernel ended a process at the limit of memory."""
        return bool(self.killed or self.group.killed_for_memory())

    async def end(self) -> None:
        """No process of it is left, and no group of ours. Raises: TimeoutError."""
        self.look()
        for folder in self._ours:
            with contextlib.suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
        await self.group.end()

    def _gather(self) -> None:
        """Into our group, until none is left behind: a process forked meanwhile is where its parent was."""
        for folder in self._ours:
            for pid in _pids(folder):
                for join in self.group.joins:
                    with contextlib.suppress(OSError):  # it has ended
                        join.write_text(str(pid))

    def _bind(self) -> None:
        """Each by itself."""
        for folder in self._ours:
            self.killed = max(self.killed, _group(folder).killed_for_memory())
            _group(folder).make(self.limits)


def _memory() -> tuple[Path, int]:
    """Where memory is limited, and the version that does it."""
    found = mounts(Path("/proc/self/mountinfo").read_text())
    return found.get("memory") or found.get(CORE) or (Path("/nonexistent"), 2)


def _group(folder: Path) -> Group:
    return Group(folders=dict.fromkeys(("memory", "pids", "cpu"), (folder, 2)))


def _pids(folder: Path) -> list[int]:
    try:
        return [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
    except (OSError, ValueError):
        return []


def _marked(pids: Iterable[int], mark: str, engine: Path) -> bool | None:
    """Whether these are a step of the build with this mark; None: it cannot be told yet.

    By what the kernel says is mounted, and by the engine's own file: nothing that a step could change.
    """
    for shown in _hosts(pids):
        with contextlib.suppress(OSError):
            return mark in (engine / HOSTS.strip("/") / shown).read_text().split()
    return None


def _hosts(pids: Iterable[int]) -> Iterator[str]:
    """Names of the engine's files that are mounted as /etc/hosts."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
                source = line.split()[3]
                if f"{HOSTS}hosts" in source:
                    yield source.rpartition("/")[2]
