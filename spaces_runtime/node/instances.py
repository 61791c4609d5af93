"""All instances of this machine: start, stop, freeze, thaw, observe; and find them again. Alike on every engine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog

from spaces_runtime.domain.errors import BackendUnavailable, Invalid, Missing, RungFailed
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.node import disk, network
from spaces_runtime.node.cell import Fate, Housing
from spaces_runtime.node.living import Living
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import NAME, scrub
from spaces_runtime.node.record import read
from spaces_runtime.node.volumes import Volumes

log = structlog.get_logger()
GRACE = 3.0  # seconds an app may take to end by itself
SEND_EVERY, SEND_SHARE = 5.0, 50  # least seconds between looks at what Spaces write into buckets; times a look's length
WATCH_EVERY = 0.25  # seconds between looks at connections that may have gone: a look takes 0.3 ms


class Instances:
    """Every operation may be repeated; those on one instance follow each other, those on different ones do not wait."""

    def __init__(self, machine: Machine, housing: Housing, changed: Callable[[Instance], None]) -> None:
        self._machine, self._housing, self._tell = machine, housing, changed
        self._living: dict[InstanceId, Living] = {}
        self._locks: defaultdict[InstanceId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._volumes = Volumes(machine)
        self._tasks: set[asyncio.Task[None]] = set()
        self._away: BackendUnavailable | None = None
        machine.instances.mkdir(parents=True, exist_ok=True)

    def observe(self) -> Sequence[Instance]:
        """All of them, with new figures. Raises: BackendUnavailable while the engine has never been looked at."""
        self._known()
        return [living.shown() for living in self._living.values()]

    @property
    def count(self) -> int:
        """How many there are, ended ones included."""
        return len(self._living)

    def _known(self) -> None:
        """Nothing is said, and nothing done, about instances before they could be found again."""
        if self._away:
            raise self._away

    async def start(self, spec: StartSpec) -> None:
        """Returns when the app's process is started. One that cannot be is EXITED, and says why.

        Raises: Invalid, BackendUnavailable.
        """
        self._known()
        async with self._locks[spec.id]:
            if spec.id in self._living:
                return
            _named(spec)
            self._housing.check(spec)
            living = Living(self._housing.record(spec), self._machine.instances / spec.id, self._changed)
            await asyncio.to_thread(self._make, living)
            self._living[spec.id] = living
            try:
                await self._begin(living, spec)
            except (OSError, TimeoutError, subprocess.SubprocessError) as error:
                await self._cannot(living, f"could not be started: {error}")
            except BackendUnavailable:
                await self._undo(living)
                raise
        self._changed(living)

    def _make(self, living: Living) -> None:
        scrub(self._machine, living.folder)  # a rest of a start that a crash cut off
        living.folder.mkdir(mode=0o711)

    async def _begin(self, living: Living, spec: StartSpec) -> None:
        async with self._volumes.opening(spec, alone=not self._others(living)):
            begin = await asyncio.to_thread(self._housing.prepare, living, spec)
        await begin()
        self._watch(living)

    def _watch(self, living: Living) -> None:
        task = asyncio.create_task(self._await_end(living))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cannot(self, living: Living, why: str) -> None:
        with contextlib.suppress(TimeoutError):
            if living.cell:
                await living.cell.end()
            await self._housing.forget(living.id)
        await living.release()
        living.why = why
        living.record = living.record.grown(living.folder, ended=time.time(), why=why)
        await self._clear(living)

    async def _undo(self, living: Living) -> None:
        """The engine went away in the middle: as if it had never been asked. What it may have made is a stray."""
        await living.release()
        await self._clear(living)
        await asyncio.to_thread(scrub, self._machine, living.folder)
        del self._living[living.id]

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
        await self._volumes.left(living.record.space, alone=not self._others(living))

    def _others(self, living: Living) -> bool:
        """Another instance of its Space runs."""
        running = (other for other in self._living.values() if other is not living and not other.record.ended)
        return any(other.record.space == living.record.space for other in running)

    async def stop(self, instance: InstanceId) -> None:
        """Until no process, mount, control group or file is left. Raises: BackendUnavailable when one would not go."""
        if not NAME.fullmatch(instance):
            return
        self._known()
        async with self._locks[instance]:
            living = self._living.get(instance)
            try:
                await (self._forget(instance) if living is None else self._stop(living))
            except TimeoutError as error:
                raise BackendUnavailable(what=f"stop {instance}", why="a process will not end") from error
        self._locks.pop(instance, None)

    async def _stop(self, living: Living) -> None:
        if not living.record.ended:
            await living.terminate(GRACE)
            await living.finish()
        await living.release()
        await self._clear(living)
        await self._forget(living.id)
        del self._living[living.id]
        log.info("instance stopped", space=living.record.space, instance=living.id)

    async def _forget(self, instance: InstanceId) -> None:
        await self._housing.forget(instance)
        await asyncio.to_thread(scrub, self._machine, self._machine.instances / instance)

    async def forget(self, space: SpaceId) -> None:
        """Delete a Space's /data for good. Raises: Invalid."""
        running = any(living.record.space == space for living in self._living.values())
        if running or not NAME.fullmatch(space):
            raise Invalid(what=f"delete the data of {space}", why="it has an instance" if running else "no such Space")
        await self._volumes.forget(space)

    async def stop_all(self) -> None:
        """Every instance, at once."""
        await asyncio.gather(*(self.stop(instance) for instance in tuple(self._living)))

    async def suspend(self, instance: InstanceId, rung: Phase) -> None:
        """Raises: RungFailed, Missing, BackendUnavailable."""
        async with self._locks[instance]:
            living = self._find(instance)
            if living.phase not in {Phase.READY, *ASLEEP} or (rung is Phase.FROZEN and living.phase in ASLEEP):
                return
            try:
                await (living.freeze() if rung is Phase.FROZEN else living.sink(rung))
            except (OSError, TimeoutError) as error:
                self._changed(living)
                why = str(error) or "it would not stand still"
                raise RungFailed(what=f"take {instance} down to {rung.value}", why=why) from error
        self._changed(living)

    def resume(self, instance: InstanceId) -> asyncio.Future[Instance | None]:
        """Done already where the engine thaws at once. What is to be told; None: it was awake.

        Raises, here or there: Missing, OSError, BackendUnavailable; RungFailed: it could not come back, and has ended.
        """
        done: asyncio.Future[Instance | None] = asyncio.get_running_loop().create_future()
        living = self._find(instance)
        if not living.asleep:
            done.set_result(None)
            return done
        thawing = living.thaw()
        if thawing is None:
            done.set_result(living.shown(counted=False))
            return done
        thawing.add_done_callback(lambda thawed: _pass_on(living, thawed, done))
        return done

    async def dial(self, instance: InstanceId) -> socket.socket:
        """A connection to the app. Raises: ConnectionRefusedError, OSError, TimeoutError."""
        living = self._living.get(instance)
        if living is None or living.sockets is None:
            raise ConnectionRefusedError
        return await network.connect(living.sockets, living.record.port)

    def _find(self, instance: InstanceId) -> Living:
        self._known()
        living = self._living.get(instance)
        if living is None:
            raise Missing(what=f"find instance {instance}", why="it does not run on this node")
        return living

    def _changed(self, living: Living) -> None:
        self._tell(living.shown())

    async def adopt(self) -> None:
        """Find again what runs, note what has ended, and remove every rest of what neither does.

        Raises: BackendUnavailable, which every operation then says until this is repeated and succeeds.
        """
        try:
            await self._housing.recall()
        except BackendUnavailable as away:
            self._away = away
            raise
        for folder in sorted(self._machine.instances.iterdir()):
            kept = read(folder)
            fate = Fate.NEVER if kept is None else Fate.ENDED if kept.ended else self._housing.fate(kept)
            if kept is None or fate is Fate.NEVER:
                with contextlib.suppress(TimeoutError):
                    await self._forget(InstanceId(folder.name))
                continue
            await self._found(Living(kept, folder, self._changed), fate)
        for name in self._housing.strays(set(self._living)):
            with contextlib.suppress(TimeoutError):
                await self._forget(name)
        await self._volumes.sweep(self._spaces())
        self._away = None

    async def _found(self, living: Living, fate: Fate) -> None:
        kept = living.record
        self._living[kept.id] = living
        if fate is Fate.RUNS:
            await self._adopt(living)
        elif not kept.ended:
            self._housing.bury(living)
            await living.finish()
            await living.release()
            await self._clear(living)

    async def _adopt(self, living: Living) -> None:
        kept = living.record
        try:
            await self._housing.adopt(living)
        except (OSError, TimeoutError) as error:  # it ended this moment, or was tampered with: no handle, no Space
            await self._cannot(living, f"could not be found again after a restart of the node: {error}")
            return
        self._watch(living)
        asleep = bool(living.deep and living.deep.phase) or (living.cell is not None and living.cell.is_frozen())
        if asleep != bool(kept.frozen):
            living.record = living.record.grown(living.folder, frozen=time.time() if asleep else 0.0)
        log.info("instance found again", space=kept.space, instance=kept.id, phase=living.phase.value)

    def _spaces(self) -> set[SpaceId]:
        """That have a running instance."""
        return {living.record.space for living in self._living.values() if not living.record.ended}

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
            for space in self._spaces():
                await self._volumes.send(space)
            took = time.monotonic() - begun

    async def attend(self) -> None:
        """Until cancelled: agree with an engine that others may use, too, and that may go away and come back."""
        there = self._away is None
        while True:
            try:
                if self._away:
                    await self.adopt()
                else:
                    await self._housing.look()
                    await self._agree()
            except BackendUnavailable as away:
                if there:
                    log.warning("the engine is away", why=away.why)
                there = False
            else:
                if not there:
                    log.info("the engine is back", instances=len(self._living))
                there = True
            await self._housing.news()

    async def _agree(self) -> None:
        for living in tuple(self._living.values()):
            if living.cell and living.phase in (Phase.READY, Phase.FROZEN):
                await self._agree_on(living)
        running = {living.id for living in self._living.values() if not living.record.ended}
        for name in self._housing.strays(running):
            async with self._locks[name]:
                known = self._living.get(name)
                if known is None or known.record.ended:  # what it left stays to be shown; the rest goes
                    with contextlib.suppress(TimeoutError):
                        await (self._housing.forget(name) if known else self._forget(name))

    async def _agree_on(self, living: Living) -> None:
        """Somebody else may have frozen it, or thawed it."""
        async with self._locks[living.id]:
            if living.cell is None or living.cell.is_frozen() == (living.phase is Phase.FROZEN):
                return
            if living.phase is Phase.FROZEN:
                living.runs()
            else:
                living.stands()
        self._changed(living)

    async def let_go(self) -> None:
        """The node ends, the Spaces run on."""
        for task in tuple(self._tasks):
            task.cancel()
        for living in self._living.values():
            await living.release()


def _named(spec: StartSpec) -> None:
    """Names are safe as file names. Raises: Invalid."""
    for name in (spec.id, spec.space):
        if not NAME.fullmatch(name):
            raise Invalid(what="start an instance", why=f"{name!r} cannot be a file's name")


def _pass_on(living: Living, thawed: asyncio.Future[None], done: asyncio.Future[Instance | None]) -> None:
    if done.cancelled():
        return
    if thawed.cancelled() or (error := thawed.exception()) is None:
        living.runs()
        done.set_result(living.shown(counted=False))
    else:
        done.set_exception(error)
