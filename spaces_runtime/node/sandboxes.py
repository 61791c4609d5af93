"""Apps in sandboxes of bubblewrap, or as plain processes where Spaces are trusted: the process engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Coroutine
from typing import Any

from builder.artifact import ArtifactKind
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.node import network
from spaces_runtime.node.cell import Begin, Fate
from spaces_runtime.node.cgroups import Usage
from spaces_runtime.node.checkpoint import Checkpoint
from spaces_runtime.node.criu import Target
from spaces_runtime.node.deep import Deep, Depths
from spaces_runtime.node.firewall import Kept, guard
from spaces_runtime.node.internet import MOST
from spaces_runtime.node.living import Living, why_ended
from spaces_runtime.node.logs import Log, Reader
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import Prepared, checked, limits, prepare
from spaces_runtime.node.record import Record, exit_status, read, this_boot
from spaces_runtime.node.relay import Relay
from spaces_runtime.node.spawn import Spawned, born, buried, spawn
from spaces_runtime.node.tree import Processes
from spaces_runtime.node.trial import trial_name
from spaces_runtime.node.users import Users

LAST_WORDS = 5.0  # seconds to read the log to its end


class Sandbox:
    """One, from outside. monitor: bubblewrap, while it is our child."""

    def __init__(self, living: Living, processes: Processes, monitor: subprocess.Popen[bytes] | None = None) -> None:
        self._living, self._processes, self._monitor = living, processes, monitor
        self._reader: Reader | None = None

    def read(self, pipe: int, log: Log) -> None:
        """What it prints goes to its log from now on."""
        self._reader = Reader(pipe, log)

    def usage(self) -> Usage:
        return self._processes.usage()

    def is_frozen(self) -> bool:
        return self._processes.is_frozen()

    async def freeze(self) -> None:
        await self._processes.freeze()

    def thaw(self) -> None:
        self._processes.thaw()

    async def terminate(self, grace: float, gone: asyncio.Event) -> None:
        if grace and not gone.is_set():
            but = (self._living.record.init, self._monitor.pid if self._monitor else 0)
            self._processes.signal(signal.SIGTERM, but)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await gone.wait()
        await self._processes.end()

    async def verdict(self) -> str:
        await self._last_words()
        killed = self._processes.killed_for_memory()
        memory = self._living.record.memory
        why = why_ended(exit_status(self._living.folder), killed_for_memory=killed, memory=memory)
        await self.end()
        return why

    async def _last_words(self) -> None:
        if self._reader:
            self._reader.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if self._processes.pids() else LAST_WORDS):
                    await self._reader.ended.wait()

    async def end(self) -> None:
        """Every process of it, and our child. Raises: TimeoutError."""
        await self._processes.end()
        if self._monitor:
            await asyncio.to_thread(buried, self._monitor)
            self._monitor = None

    async def release(self) -> None:
        if self._reader:
            self._reader.drain()
            self._reader.close()


class Sandboxes:
    """A process, with all its privilege, that starts a sandbox for each app."""

    def __init__(self, machine: Machine, relay: Relay, depths: Depths) -> None:
        self._machine, self._relay, self._depths = machine, relay, depths
        self._users = Users(machine.layout.node / "users.json")
        way_out = machine.internet
        self._kept = Kept(lambda: (way_out.firewall(),)) if way_out else None
        self._links: dict[InstanceId, int] = {}  # of those that run
        self._joins: set[asyncio.Task[None]] = set()

    def check(self, spec: StartSpec) -> None:
        checked(self._machine)

    def record(self, spec: StartSpec) -> Record:
        user = self._users.of(spec.space) if self._machine.root else os.getuid()
        return Record(
            id=spec.id,
            space=spec.space,
            build=spec.build,
            spec=spec.spec,
            user=user,
            memory=spec.setup.hardware.memory,
            port=spec.artifact.port,
            relayed=self._relay.port,
            boot=this_boot(),
            hardware=spec.setup.hardware.name,
            gpus=tuple(gpu.id for gpu in spec.gpus),
            link=self._link(spec),
            started=time.time(),
        )

    def _link(self, spec: StartSpec) -> int:
        """A number for a pair of interfaces that no instance has; -1: it has no internet."""
        if not (self._machine.internet and spec.setup.internet):
            return -1
        taken = set(self._links.values())
        link = next((n for n in range(MOST) if n not in taken), -1)
        self._links[spec.id] = link
        return link

    def prepare(self, living: Living, spec: StartSpec) -> Begin:
        if spec.artifact.kind is ArtifactKind.IMAGE:
            raise OSError("it is a container image, which needs the engine of containers: spaces up --engine docker")
        prepared = prepare(self._machine, spec, living.folder, living.record.user if self._machine.root else None)
        return lambda: self._begin(living, spec, prepared)

    async def _begin(self, living: Living, spec: StartSpec, prepared: Prepared) -> None:
        self._machine.group(spec.id).make(limits(spec))
        user = living.record.user if self._machine.root else None
        spawned = await spawn(prepared.command, exit_file=prepared.exit_file, log_owner=user)
        cell = Sandbox(living, self._machine.processes(spec.id, spawned.init), spawned.monitor)
        living.cell = cell
        if not spawned.init:
            self._failed(living, spawned)
        living.record = living.record.grown(
            living.folder, init=spawned.init, born=born(spawned.init), log=spawned.inside_log, port=prepared.port
        )
        try:
            await self._hold(living, cell, spawned.log)
        except BaseException:
            spawned.call_off()
            raise
        spawned.order(prepared.orders)
        living.record = living.record.grown(living.folder, ordered=True)
        if living.record.link >= 0:
            self._keep(self._join(living))

    def _failed(self, living: Living, spawned: Spawned) -> None:
        """bubblewrap ended before there was a sandbox; its words are the reason. Raises: OSError."""
        spawned.call_off()
        said = (spawned.words() or b"no reason was given").strip().splitlines()
        kept = self._log(living)
        kept.write(*said)
        kept.close()
        raise OSError(f"the sandbox could not be set up: {said[-1].decode(errors='replace')}")

    async def _join(self, living: Living) -> None:
        """Beside the app's first moments: it would cost every start 20 ms, and no app is that fast."""
        try:
            if self._machine.internet:
                await self._machine.internet.join(living.record.init, living.record.link)
        except (OSError, subprocess.SubprocessError) as error:
            living.note(f"The public internet cannot be reached from here: {error}")

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._joins.add(task)
        task.add_done_callback(self._joins.discard)

    async def _hold(self, living: Living, cell: Sandbox, pipe: int) -> None:
        """Take every handle on a sandbox that runs, new or found again."""
        sockets = await self._sockets(living.record.init)
        listeners = network.listen(sockets, self._relay.port) if self._machine.bwrap else ()
        kept = self._log(living)
        living.cell = cell
        cell.read(pipe, kept)
        living.hold(sockets=sockets, carried=self._relay.serve(listeners), log=kept)
        if self._machine.checkpoints:
            target = Target(init=living.record.init, user=living.record.user)
            checkpoint = Checkpoint(folder=living.folder, target=target)
            living.deep = Deep(self._depths, self._machine.group(living.id), checkpoint, living.cut, living.lose)

    async def _sockets(self, init: int) -> network.Sockets:
        if not self._machine.bwrap:
            return network.Outside()
        return network.Entered(init) if self._machine.root else await network.ask(init)

    def _log(self, living: Living) -> Log:
        return Log(self._machine.layout.logs / living.record.space / "run.log")

    async def recall(self) -> None:
        """Folders and control groups are all there is to look at, and are looked at one by one."""

    def fate(self, kept: Record) -> Fate:
        if not kept.ordered:
            return Fate.NEVER
        return Fate.RUNS if _runs(kept) else Fate.ENDED

    async def adopt(self, living: Living) -> None:
        kept = living.record
        living.cell = cell = Sandbox(living, self._machine.processes(living.id, kept.init))
        await self._hold(living, cell, os.open(f"/proc/{kept.init}/fd/{kept.log}", os.O_RDONLY))
        if living.deep:
            await living.deep.recall()
        if kept.link >= 0:
            self._links[kept.id] = kept.link

    def bury(self, living: Living) -> None:
        living.cell = Sandbox(living, self._machine.processes(living.id, living.record.init))

    def strays(self, known: set[InstanceId]) -> set[InstanceId]:
        return {InstanceId(name) for name in self._machine.cgroups.names() - {trial_name()}} - known

    async def news(self) -> None:
        await asyncio.Event().wait()  # the kernel tells each end by itself, and nobody else interferes

    async def look(self) -> None:
        """As recall()."""

    def guard(self) -> None:
        if self._kept:
            guard(self._kept)

    def remove(self) -> None:
        self._machine.remove()

    async def forget(self, instance: InstanceId) -> None:
        self._links.pop(instance, None)
        kept = read(self._machine.instances / instance)
        if kept and _runs(kept):
            await self._machine.processes(instance, kept.init).end()
        await self._machine.group(instance).end()


def _runs(kept: Record) -> bool:
    """The very process that was written down is there."""
    return bool(kept.init) and kept.boot == this_boot() and born(kept.init) == kept.born
