"""Builds: trusted programs on untrusted input, confined to what they need."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.domain.layout import BUILDER, CONTROL, STUB
from spaces_runtime.domain.ports.engine import Job, JobEnd
from spaces_runtime.node import sandbox
from spaces_runtime.node.cgroups import Limits
from spaces_runtime.node.inside import init
from spaces_runtime.node.living import buried
from spaces_runtime.node.logs import Log, Reader
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import INIT, NAME
from spaces_runtime.node.record import EXIT, exit_status
from spaces_runtime.node.spawn import Command, Orders, Spawned, born, spawn
from spaces_runtime.node.tree import Processes, Tree

PROCESSES = 4096
FILES = 65536  # open at once; an installer links thousands
GROUP = "job-"  # before a job's id: its control group
INIT_FILE = "init"
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The handles on one build."""

    folder: Path
    spawned: Spawned
    processes: Processes
    reader: Reader
    log: Log


class JobRunner:
    """Runs builds for the scheduler. Cancelling run() ends the build and all its processes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._folder = machine.layout.node / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)

    async def run(self, job: Job) -> JobEnd:
        """Until its end. Raises: Invalid, OSError, TimeoutError when it could not be started."""
        self._check(job)
        running = await self._begin(job)
        late = False
        try:
            try:
                async with asyncio.timeout(job.seconds):
                    await running.reader.ended.wait()  # every process has let go of the output
            except TimeoutError:
                late = True
            killed = running.processes.killed_for_memory()
            status = exit_status(running.folder)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._clear(running)))
        return judged(job, status=status, killed=killed, late=late)

    def _check(self, job: Job) -> None:
        """A build writes below the data folder, and its log is a Space's. Raises: Invalid."""
        layout = self._machine.layout
        what = f"run the build {job.id}"
        if not NAME.fullmatch(job.id):
            raise Invalid(what=what, why="its id cannot be a file's name")
        if not Path(job.log).parent.resolve().is_relative_to(layout.logs.resolve()):
            raise Invalid(what=what, why=f"{job.log} is not in the folder of logs")
        for path in job.writes:
            if not Path(path).resolve().is_relative_to(layout.data.resolve()):
                raise Invalid(what=what, why=f"{path} is not in the data folder")

    async def _begin(self, job: Job) -> Running:
        folder = self._folder / job.id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        group = self._machine.group(GROUP + job.id)
        group.make(Limits(memory=job.memory, cpus=job.cpus, processes=PROCESSES, last=job.background))
        owner = BUILDER if self._machine.root else None
        command = Command(
            joins=group.joins,
            bwrap=(self._machine.bwrap, *sandbox.arguments(self._view(job, folder))) if self._machine.bwrap else (),
            seccomp=self._machine.seccomp,
            init=(sys.executable, "-I", "-S", INIT if self._machine.bwrap else init.__file__),
        )
        spawned = await spawn(command, exit_file=folder / EXIT, log_owner=owner)
        pid = spawned.init or spawned.monitor.pid
        (folder / INIT_FILE).write_text(f"{pid} {born(pid)}")
        log = Log(Path(job.log))
        running = Running(
            folder=folder,
            spawned=spawned,
            processes=self._machine.processes(GROUP + job.id, pid),
            reader=Reader(spawned.log, log),
            log=log,
        )
        if spawned.init:
            spawned.order(self._orders(job))
        else:
            spawned.call_off()
        return running

    def _orders(self, job: Job) -> Orders:
        root = self._machine.root
        return Orders(
            argv=job.argv,
            env=job.env,
            folder=job.writes[0] if job.writes and Path(job.writes[0]).is_dir() else "/",
            user=BUILDER if root else None,
            groups=(CONTROL,) if root else (),  # the group of what the scheduler made for it
            keeper=STUB if root else None,
            limits={"RLIMIT_CORE": 0, "RLIMIT_NOFILE": FILES},
        )

    def _view(self, job: Job, folder: Path) -> sandbox.View:
        """The system, this interpreter with the builder, and the folders it was given."""
        etc = folder / "etc"
        etc.mkdir()
        number = BUILDER if self._machine.root else 1000
        etc.joinpath("passwd").write_text(f"builder:x:{number}:{number}:builder:/tmp:/bin/sh\n")
        etc.joinpath("group").write_text(f"builder:x:{number}:\n")
        with contextlib.suppress(OSError):
            shutil.copy("/etc/hosts", etc / "hosts")
        ours = dict.fromkeys(path for path in (*interpreter(), *job.reads) if not path.startswith("/usr/"))
        return sandbox.View(
            root=self._machine.root,
            shown=(*((Path(path), path) for path in ours), (Path(init.__file__), INIT)),
            writable=tuple((Path(path), path) for path in job.writes),
            etc=etc,
            memory=job.memory,
            own_network=not job.network,
            names=job.network,
        )

    async def _clear(self, running: Running) -> None:
        """Nothing of the build is left but its result."""
        with contextlib.suppress(TimeoutError):
            await running.processes.end()
        running.reader.drain()
        running.reader.close()
        running.log.close()
        await asyncio.to_thread(buried, running.spawned.monitor)
        shutil.rmtree(running.folder, ignore_errors=True)

    async def end_all(self) -> None:
        """Builds of a node that was killed: nobody waits for them any more. Groups are ended with the instances'."""
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                pid, began = map(int, (folder / INIT_FILE).read_text().split())
                if born(pid) == began:
                    await Tree(pid).end()
            shutil.rmtree(folder, ignore_errors=True)


def interpreter() -> list[str]:
    """Folders of this Python, its packages, and the builder."""
    spec = importlib.util.find_spec("builder")
    found = spec.submodule_search_locations if spec else None
    return [sys.prefix, sys.base_prefix, str(Path(sys.base_prefix).resolve()), *(found or ())]


def judged(job: Job, *, status: int | None, killed: int, late: bool) -> JobEnd:
    """How it ended, and why, when a limit ended it. status None: it was ended from outside."""
    why = ""
    if late:
        why = f"out of time: limit {job.seconds:g} s"
    elif killed:
        why = f"out of memory: limit {job.memory // MIB} MiB"
    elif status is None:
        why = "it was ended from outside, or its sandbox could not be set up"
    return JobEnd(status=-9 if status is None or late else status, why=why)
