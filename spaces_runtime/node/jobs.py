"""Builds: trusted programs on untrusted input, confined to what they need."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.errors import Invalid, Unavailable
from spaces_runtime.domain.layout import BUILDER, CONTROL, STUB
from spaces_runtime.domain.ports.engine import Job, JobEnd
from spaces_runtime.node import sandbox
from spaces_runtime.node.cgroups import Limits
from spaces_runtime.node.disk import detach
from spaces_runtime.node.inside import init
from spaces_runtime.node.job_disk import Scratch, filled, scratch_of
from spaces_runtime.node.logs import Log, Reader
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import INIT, NAME
from spaces_runtime.node.record import EXIT, exit_status
from spaces_runtime.node.spawn import Command, Orders, Spawned, born, buried, spawn
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
    scratch: Scratch | None


class JobRunner:
    """Runs builds for the scheduler. Cancelling run() ends the build and all its processes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._folder = machine.layout.node / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)

    async def run(self, job: Job, *, opens: Path | None = None) -> JobEnd:
        """Until its end. opens: a socket that it may open, and no order from outside can name.

        Raises: Invalid, Unavailable, OSError, TimeoutError when it could not be started.
        """
        self._check(job)
        running = await self._begin(job, opens)
        end = JobEnd(status=-9, why="it was called off")
        try:
            late = full = False
            try:
                async with asyncio.timeout(job.seconds):
                    full = await _until_end_or_full(running, job.disk)
            except TimeoutError:
                late = True
            killed, status = running.processes.killed_for_memory(), exit_status(running.folder)
            if status and running.scratch:
                full = full or await asyncio.to_thread(running.scratch.used) >= job.disk > 0
            end = judged(job, status=status, killed=killed, late=late, full=full)
        finally:
            lost = await asyncio.shield(asyncio.ensure_future(self._clear(running, keep=not end.why)))
        return lost or end

    def _check(self, job: Job) -> None:
        """A build writes below the data folder, and its log is a Space's. Raises: Invalid, Unavailable."""
        layout = self._machine.layout
        what = f"run the build {job.id}"
        if not NAME.fullmatch(job.id):
            raise Invalid(what=what, why="its id cannot be a file's name")
        if job.scratch and not self._machine.bwrap and not self._machine.trusting:
            why = f"no sandbox can be made here ({self._machine.refused}), and it would run somebody else's code"
            raise Unavailable(what=what, why=why, then=f"To permit sandboxes: {self._machine.permit}")
        if not Path(job.log).parent.resolve().is_relative_to(layout.logs.resolve()):
            raise Invalid(what=what, why=f"{job.log} is not in the folder of logs")
        for path in (*job.writes, *filter(None, (job.scratch, job.base))):
            if not Path(path).resolve().is_relative_to(layout.data.resolve()):
                raise Invalid(what=what, why=f"{path} is not in the data folder")

    async def _begin(self, job: Job, opens: Path | None) -> Running:
        folder = self._folder / job.id
        await asyncio.to_thread(detach, folder / "disk")  # of one that a killed node ran
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        scratch = scratch_of(self._machine, folder, job.scratch, job.disk)
        try:
            return await self._spawned(job, folder, scratch, opens)
        except BaseException:
            if scratch:
                await asyncio.to_thread(scratch.give_back, whole=False)
            raise

    async def _spawned(self, job: Job, folder: Path, scratch: Scratch | None, opens: Path | None) -> Running:
        lent = await asyncio.to_thread(scratch.lend) if scratch else None
        group = self._machine.group(GROUP + job.id)
        group.make(Limits(memory=job.memory, cpus=job.cpus, processes=PROCESSES, last=job.background))
        owner = BUILDER if self._machine.root else None
        view = self._view(job, folder, lent, opens)
        command = Command(
            joins=group.joins,
            bwrap=(self._machine.bwrap, *sandbox.arguments(view)) if self._machine.bwrap else (),
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
            scratch=scratch,
        )
        if spawned.init:
            spawned.order(self._orders(job, opens))
        else:
            spawned.call_off()
        return running

    def _orders(self, job: Job, opens: Path | None) -> Orders:
        root = self._machine.root
        groups = (CONTROL, *((opens.stat().st_gid,) if opens else ()))  # CONTROL: of what the scheduler made for it
        return Orders(
            argv=job.argv,
            env=job.env,
            folder=job.writes[0] if job.writes and Path(job.writes[0]).is_dir() else "/",
            user=BUILDER if root else None,
            groups=groups if root else (),
            keeper=STUB if root else None,
            limits={"RLIMIT_CORE": 0, "RLIMIT_NOFILE": FILES},
        )

    def _view(self, job: Job, folder: Path, lent: Path | None, opens: Path | None) -> sandbox.View:
        """The system, this interpreter with the builder, and what it was given. lent: the scratch folder."""
        etc = folder / "etc"
        etc.mkdir()
        number = BUILDER if self._machine.root else 1000
        etc.joinpath("passwd").write_text(f"builder:x:{number}:{number}:builder:/tmp:/bin/sh\n")
        etc.joinpath("group").write_text(f"builder:x:{number}:\n")
        with contextlib.suppress(OSError):
            shutil.copy("/etc/hosts", etc / "hosts")
        ours = dict.fromkeys(path for path in (*interpreter(), *job.reads) if not path.startswith("/usr/"))
        writable = [(lent if lent and path == job.scratch else Path(path), path) for path in job.writes]
        return sandbox.View(
            root=self._machine.root,
            shown=(*((Path(path), path) for path in ours), (Path(init.__file__), INIT)),
            writable=(*writable, *([(opens, str(opens))] if opens else [])),
            etc=etc,
            memory=job.memory,
            own_network=not job.network,
            names=job.network,
            base=Path(job.base) if job.base else None,
        )

    async def _clear(self, running: Running, *, keep: bool) -> JobEnd | None:
        """Nothing of the build is left but its result, when that is to be kept; why it could not be."""
        lost = None
        with contextlib.suppress(TimeoutError):
            await running.processes.end()
        running.reader.drain()
        running.reader.close()
        running.log.close()
        await asyncio.to_thread(buried, running.spawned.monitor)
        try:
            if running.scratch:
                await asyncio.to_thread(running.scratch.give_back, whole=keep)
        except OSError as error:
            lost = JobEnd(status=1, why=f"what it made cannot be kept: {error}")
        shutil.rmtree(running.folder, ignore_errors=True)
        return lost

    async def end_all(self) -> None:
        """Builds of a node that was killed: nobody waits for them any more. Groups are ended with the instances'."""
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                pid, began = map(int, (folder / INIT_FILE).read_text().split())
                if born(pid) == began:
                    await Tree(pid).end()
            await asyncio.to_thread(detach, folder / "disk")
            shutil.rmtree(folder, ignore_errors=True)


def interpreter() -> list[str]:
    """Folders of this Python, its packages, and the builder."""
    spec = importlib.util.find_spec("builder")
    found = spec.submodule_search_locations if spec else None
    return [sys.prefix, sys.base_prefix, str(Path(sys.base_prefix).resolve()), *(found or ())]


async def _until_end_or_full(running: Running, most: int) -> bool:
    """True: it wrote more than it may; else every process has let go of the output."""
    ended = asyncio.ensure_future(running.reader.ended.wait())
    full = asyncio.ensure_future(filled(running.processes, running.scratch, most))
    try:
        await asyncio.wait((ended, full), return_when=asyncio.FIRST_COMPLETED)
        return full.done()
    finally:
        ended.cancel()
        full.cancel()


def judged(job: Job, *, status: int | None, killed: int, late: bool, full: bool) -> JobEnd:
    """How it ended, and why, when a limit ended it. status None: it was ended from outside."""
    why = ""
    if late:
        why = f"out of time: limit {job.seconds:g} s"
    elif killed:
        why = f"out of memory: limit {job.memory // MIB} MiB"
    elif full:
        why = f"out of disk: limit {job.disk // MIB} MiB"
    elif status is None:
        why = "it was ended from outside, or its sandbox could not be set up"
    return JobEnd(status=-9 if status is None or late or full else status, why=why)
