"""All instances of this machine: start, stop, freeze, thaw, observe; and find them again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import structlog

from spaces_runtime.domain.errors import BackendUnavailable, Invalid, Missing, RungFailed
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.node import buckets, disk, network
from spaces_runtime.node.internet import MOST
from spaces_runtime.node.living import Living
from spaces_runtime.node.logs import Log
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import NAME, checked, limits, prepare, scrub
from spaces_runtime.node.record import Record, read, this_boot
from spaces_runtime.node.relay import Relay
from spaces_runtime.node.spawn import Spawned, born, spawn
from spaces_runtime.node.users import Users

log = structlog.get_logger()
GRACE = 3.0  # seconds an app may take to end by itself
SEND_EVERY, SEND_SHARE = 5.0, 50  # least seconds between looks at what Spaces write into buckets; times a look's length
WATCH_EVERY = 0.25  # seconds between looks at connections that may have gone: a look takes 0.3 ms


class Instances:
    """Every operation may be repeated; those on one instance follow each other, those on different ones do not wait."""

    def __init__(self, machine: Machine, relay: Relay, changed: Callable[[Instance], None]) -> None:
        self._machine, self._relay, self._tell = machine, relay, changed
        self._living: dict[InstanceId, Living] = {}
        self._locks: defaultdict[InstanceId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._volumes: defaultdict[SpaceId, asyncio.Lock] = defaultdict(asyncio.Lock)  # while /data comes or goes
        self._tasks: set[asyncio.Task[None]] = set()
        for folder in (machine.instances, machine.volumes):
            folder.mkdir(parents=True, exist_ok=True)
        self._users = Users(machine.layout.node / "users.json")

    def observe(self) -> Sequence[Instance]:
        """All of them, with new figures."""
        return [living.shown() for living in self._living.values()]

    async def start(self, spec: StartSpec) -> None:
        """Returns when the app's process is started. One that cannot be is EXITED, and says why. Raises: Invalid."""
        async with self._locks[spec.id]:
            if spec.id in self._living:
                return
            checked(self._machine, spec)
            folder = self._machine.instances / spec.id
            await asyncio.to_thread(self._make, folder)
            user = self._users.of(spec.space) if self._machine.root else None
            kept = Record(
                id=spec.id,
                space=spec.space,
                build=spec.build,
                spec=spec.spec,
                user=user or os.getuid(),
                memory=spec.setup.hardware.memory,
                port=spec.artifact.port,
                relayed=self._relay.port,
                boot=this_boot(),
                hardware=spec.setup.hardware.name,
                gpus=tuple(gpu.id for gpu in spec.gpus),
                link=self._free_link(),
                started=time.time(),
            )
            living = self._living[spec.id] = Living(kept, folder, self._changed)
            try:
                await self._begin(living, spec, user)
            except (OSError, TimeoutError, subprocess.SubprocessError) as error:
                await self._cannot(living, f"could not be started: {error}")
        self._changed(living)

    def _make(self, folder: Path) -> None:
        scrub(self._machine, folder)  # a rest of a start that a crash cut off
        folder.mkdir(mode=0o711)

    async def _begin(self, living: Living, spec: StartSpec, user: int | None) -> None:
        async with self._volumes[spec.space]:
            if not self._others(living):
                await asyncio.to_thread(self._tidy, spec)
            prepared = await asyncio.to_thread(prepare, self._machine, spec, living.folder, user)
        group = self._machine.group(spec.id)
        group.make(limits(spec))
        spawned = await spawn(prepared.command, exit_file=prepared.exit_file, log_owner=user)
        living.monitor = spawned.monitor
        kept = self._log(spec.space)
        if not spawned.init:
            await self._failed(living, spawned, kept)
            return
        living.record = living.record.grown(
            living.folder, init=spawned.init, born=born(spawned.init), log=spawned.inside_log, port=prepared.port
        )
        try:
            await self._hold(living, kept, spawned.log)
        except BaseException:
            spawned.call_off()
            raise
        spawned.order(prepared.orders)
        living.record = living.record.grown(living.folder, ordered=True)
        if living.record.link >= 0:
            self._keep(self._join(living))

    def _free_link(self) -> int:
        """A number for a pair of interfaces that no instance has; -1: there is no internet here."""
        taken = {living.record.link for living in self._living.values() if not living.record.ended}
        return next((n for n in range(MOST) if n not in taken), -1) if self._machine.internet else -1

    async def _join(self, living: Living) -> None:
        """Beside the app's first moments: it would cost every start 20 ms, and no app is that fast."""
        try:
            if self._machine.internet:
                await self._machine.internet.join(living.record.init, living.record.link)
        except (OSError, subprocess.SubprocessError) as error:
            living.note(f"The public internet cannot be reached from here: {error}")

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _failed(self, living: Living, spawned: Spawned, kept: Log) -> None:
        """bubblewrap ended before there was a sandbox; its words are the reason."""
        spawned.call_off()
        said = (spawned.words() or b"no reason was given").strip().splitlines()
        kept.write(*said)
        kept.close()
        await self._cannot(living, f"the sandbox could not be set up: {said[-1].decode(errors='replace')}")

    async def _cannot(self, living: Living, why: str) -> None:
        with contextlib.suppress(TimeoutError):
            await self._machine.processes(living.id, living.record.init).end()
        await living.release()
        with contextlib.suppress(TimeoutError):
            await self._machine.group(living.id).end()
        living.why = why
        living.record = living.record.grown(living.folder, ended=time.time(), why=why)
        await self._clear(living)

    async def _hold(self, living: Living, kept: Log, pipe: int) -> None:
        """Take every handle on a sandbox that runs, new or found again."""
        init = living.record.init
        sockets = await self._sockets(init)
        listeners = network.listen(sockets, self._relay.port) if self._machine.bwrap else ()
        living.hold(
            processes=self._machine.processes(living.id, init),
            sockets=sockets,
            carried=self._relay.serve(listeners),
            log=kept,
            pipe=pipe,
        )
        self._keep(self._await_end(living))

    async def _sockets(self, init: int) -> network.Sockets:
        if not self._machine.bwrap:
            return network.Outside()
        return network.Entered(init) if self._machine.root else await network.ask(init)

    async def _await_end(self, living: Living) -> None:
        await living.gone.wait()
        async with self._locks[living.id]:
            if self._living.get(living.id) is not living or living.record.ended:
                return
            await living.finish()
            await living.release()
            await self._clear(living)
        log.info("instance ended", space=living.record.space, instance=living.id, why=living.why)
        self._changed(living)

    async def _clear(self, living: Living) -> None:
        """Free what an ended instance holds on disk; its record stays until it is stopped."""
        await asyncio.to_thread(disk.detach, living.folder / "disk")
        (living.folder / "disk.img").unlink(missing_ok=True)
        space = living.record.space
        async with self._volumes[space]:
            alone = not self._others(living)
            await asyncio.to_thread(self._send, space, ended=alone)
            if alone:
                await asyncio.to_thread(self._detach_volume, space)

    def _others(self, living: Living) -> bool:
        """Another instance of its Space runs."""
        running = (other for other in self._living.values() if other is not living and not other.record.ended)
        return any(other.record.space == living.record.space for other in running)

    def _tidy(self, spec: StartSpec) -> None:
        """Buckets that the Space mounts no longer; what it wrote there was sent when it ended."""
        for place in buckets.places(self._machine, spec.space):
            if place.key not in {mount.key for mount in spec.mounts}:
                buckets.drop(place)

    def _send(self, space: SpaceId, *, ended: bool) -> None:
        """What it wrote into its buckets; what cannot be sent now stays there, and is sent another time."""
        for place in buckets.places(self._machine, space):
            try:
                buckets.send(place, ended=ended)
            except (OSError, ValueError, KeyError) as error:  # a full disk, or a damaged note of ours
                log.warning("what a Space wrote could not be sent", space=space, why=str(error))

    def _detach_volume(self, space: SpaceId) -> None:
        for place in buckets.places(self._machine, space):
            buckets.detach(place)
        target = self._machine.volumes / space
        disk.detach(target)
        with contextlib.suppress(OSError):
            target.rmdir()

    async def stop(self, instance: InstanceId) -> None:
        """Until no process, mount, control group or file is left. Raises: BackendUnavailable when one would not go."""
        if not NAME.fullmatch(instance):
            return
        async with self._locks[instance]:
            living = self._living.get(instance)
            if living is None:
                await asyncio.to_thread(scrub, self._machine, self._machine.instances / instance)
            else:
                try:
                    await self._stop(living)
                except TimeoutError as error:
                    raise BackendUnavailable(what=f"stop {instance}", why="a process will not end") from error
        self._locks.pop(instance, None)

    async def _stop(self, living: Living) -> None:
        if not living.record.ended:
            await living.terminate(GRACE)
            await living.finish()
        await living.release()
        await self._clear(living)
        await asyncio.to_thread(scrub, self._machine, living.folder)
        del self._living[living.id]
        log.info("instance stopped", space=living.record.space, instance=living.id)

    async def forget(self, space: SpaceId) -> None:
        """Delete a Space's /data for good. Raises: Invalid."""
        running = any(living.record.space == space for living in self._living.values())
        if running or not NAME.fullmatch(space):
            raise Invalid(what=f"delete the data of {space}", why="it has an instance" if running else "no such Space")
        async with self._volumes[space]:
            await asyncio.to_thread(self._detach_volume, space)
            await asyncio.to_thread(shutil.rmtree, self._machine.layout.volumes / space, ignore_errors=True)

    async def stop_all(self) -> None:
        """Every instance, at once."""
        await asyncio.gather(*(self.stop(instance) for instance in tuple(self._living)))

    async def suspend(self, instance: InstanceId, rung: Phase) -> None:
        """Raises: RungFailed, Missing."""
        async with self._locks[instance]:
            living = self._find(instance)
            if rung is not Phase.FROZEN:
                raise RungFailed(what=f"take {instance} down to {rung.value}", why="this node has no such rung")
            if living.phase is not Phase.READY:
                return
            try:
                await living.freeze()
            except (OSError, TimeoutError) as error:
                raise RungFailed(what=f"freeze {instance}", why=str(error) or "it would not stand still") from error
        self._changed(living)

    def resume(self, instance: InstanceId) -> Instance | None:
        """At once. Returns what is to be told, None: it was awake. Raises: Missing."""
        living = self._find(instance)
        if living.phase is not Phase.FROZEN:
            return None
        living.thaw()
        return living.shown(counted=False)

    async def dial(self, instance: InstanceId) -> socket.socket:
        """A connection to the app. Raises: ConnectionRefusedError, OSError, TimeoutError."""
        living = self._living.get(instance)
        if living is None or living.sockets is None:
            raise ConnectionRefusedError
        return await network.connect(living.sockets, living.record.port)

    def _find(self, instance: InstanceId) -> Living:
        living = self._living.get(instance)
        if living is None:
            raise Missing(what=f"find instance {instance}", why="it does not run on this node")
        return living

    def _changed(self, living: Living) -> None:
        self._tell(living.shown())

    def _log(self, space: SpaceId) -> Log:
        return Log(self._machine.layout.logs / space / "run.log")

    async def adopt(self) -> None:
        """Find again what runs, note what has ended, and remove every rest of what neither does."""
        for folder in sorted(self._machine.instances.iterdir()):
            kept = read(folder)
            if kept is None or not (kept.ordered or kept.ended):
                await self._forget(folder.name, kept)  # a start that a crash cut off: it never was
                continue
            living = self._living[kept.id] = Living(kept, folder, self._changed)
            if kept.ended:
                continue
            if _runs(kept):
                await self._adopt(living)
            else:
                await self._ended_meanwhile(living)
        for name in self._machine.cgroups.names() - set(self._living):
            await self._forget(name, None)
        used = {living.record.space for living in self._living.values() if not living.record.ended}
        for space in {SpaceId(target.name.partition("@")[0]) for target in self._machine.volumes.iterdir()} - used:
            await asyncio.to_thread(self._send, space, ended=True)
            await asyncio.to_thread(self._detach_volume, space)

    async def _adopt(self, living: Living) -> None:
        kept = living.record
        try:
            pipe = os.open(f"/proc/{kept.init}/fd/{kept.log}", os.O_RDONLY)
            await self._hold(living, self._log(kept.space), pipe)
        except (OSError, TimeoutError) as error:  # it ended this moment, or was tampered with: no handle, no Space
            await self._cannot(living, f"could not be found again after a restart of the node: {error}")
            return
        frozen = living.processes is not None and living.processes.is_frozen()
        if frozen != bool(kept.frozen):
            living.record = kept.grown(living.folder, frozen=time.time() if frozen else 0.0)
        log.info("instance found again", space=kept.space, instance=kept.id, phase=living.phase.value)

    async def _ended_meanwhile(self, living: Living) -> None:
        living.processes = self._machine.processes(living.id, living.record.init)
        await living.finish()
        await living.release()
        await self._clear(living)

    async def _forget(self, name: str, kept: Record | None) -> None:
        with contextlib.suppress(TimeoutError):
            if kept and _runs(kept):
                await self._machine.processes(name, kept.init).end()
            await self._machine.group(name).end()
        await asyncio.to_thread(scrub, self._machine, self._machine.instances / name)

    async def watch_connections(self) -> None:
        """Tell when the last connection to an app has gone: a closing gate may wait for that."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            for living in tuple(self._living.values()):
                if living.phase is Phase.READY and living.connections:
                    living.count()
                    if not living.connections:
                        self._tell(living.shown(counted=False))

    async def send_written(self) -> None:
        """What running Spaces write into their buckets, by and by."""
        took = 0.0
        while True:
            await asyncio.sleep(max(SEND_EVERY, SEND_SHARE * took))
            begun = time.monotonic()
            for space in {living.record.space for living in self._living.values() if not living.record.ended}:
                async with self._volumes[space]:
                    await asyncio.to_thread(self._send, space, ended=False)
            took = time.monotonic() - begun

    async def let_go(self) -> None:
        """The node ends, the Spaces run on."""
        for task in tuple(self._tasks):
            task.cancel()
        for living in self._living.values():
            living.monitor = None
            await living.release()


def _runs(kept: Record) -> bool:
    """The very process that was written down is there."""
    return bool(kept.init) and kept.boot == this_boot() and born(kept.init) == kept.born
