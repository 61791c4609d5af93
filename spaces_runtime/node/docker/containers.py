"""Apps in containers: the Docker engine. What is what stands in labels, so that nothing has to be remembered."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from builder.artifact import ArtifactKind
from spaces_runtime.domain.errors import BackendUnavailable, Invalid
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import DockerSettings
from spaces_runtime.node import network
from spaces_runtime.node.cell import Begin, Fate
from spaces_runtime.node.docker import health
from spaces_runtime.node.docker.cell import Container, remove
from spaces_runtime.node.docker.engine import Absent, Declined, Engine
from spaces_runtime.node.docker.follow import Follower
from spaces_runtime.node.docker.furnish import furnish
from spaces_runtime.node.docker.hints import Hints
from spaces_runtime.node.docker.network import NONE, Network
from spaces_runtime.node.docker.recipe import PLATFORM, Shape, create, labels_of, name_of, record_of
from spaces_runtime.node.firewall import NOTHING, Reach
from spaces_runtime.node.living import Living
from spaces_runtime.node.logs import Log
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.record import Record, read, this_boot
from spaces_runtime.node.relay import Relay
from spaces_runtime.node.spawn import born
from spaces_runtime.node.users import Users

Json = dict[str, Any]
IMAGE_USER = 1000  # of every image, whatever it says itself
NEVER_BEGAN = ("created",)  # states, as the engine calls them
ALIVE = ("running", "paused", "restarting")
UNSEEN = "its process cannot be seen here; the node has to run beside the engine, and in a container with pid: host"
LOOK_EVERY = 10.0  # seconds
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A container of ours when the engine was last asked. pid: of its PID 1; 0: it does not run."""

    name: str
    state: str
    pid: int
    paused: bool


class Containers:
    """One container for each instance. internet: Spaces may have it."""

    def __init__(
        self,
        machine: Machine,
        relay: Relay,
        engine: Engine,
        settings: DockerSettings,
        *,
        internet: bool,
        reach: Reach = NOTHING,
    ) -> None:
        self._machine, self._relay, self._engine, self._settings = machine, relay, engine, settings
        self._key, self._internet, self._reach = machine.key, internet, reach
        self._users = Users(machine.layout.node / "users.json")
        self._seen: dict[InstanceId, Seen] = {}
        self._network: Network | None = None
        self._way = ""  # to GPUs
        self._hints = Hints(engine, machine.key)

    def check(self, spec: StartSpec) -> None:
        if not self._machine.root:
            why = "containers are reached through their network namespaces, which needs root"
            raise BackendUnavailable(what="start a Space", why=why, then="Start the platform as root.")
        if spec.artifact.kind is ArtifactKind.STATIC:
            raise Invalid(what="start a Space", why="its files are served without an engine")

    def record(self, spec: StartSpec) -> Record:
        image = spec.artifact.kind is ArtifactKind.IMAGE
        return Record(
            id=spec.id,
            space=spec.space,
            build=spec.build,
            spec=spec.spec,
            user=IMAGE_USER if image else self._users.of(spec.space),
            memory=spec.setup.hardware.memory,
            port=spec.artifact.port,
            relayed=self._relay.port,
            boot=this_boot(),
            hardware=spec.setup.hardware.name,
            gpus=tuple(gpu.id for gpu in spec.gpus),
            started=time.time(),
        )

    def prepare(self, living: Living, spec: StartSpec) -> Begin:
        image = spec.artifact.location if spec.artifact.kind is ArtifactKind.IMAGE else self._base(spec)
        volumes = self._engine.ask("start a Space", lambda client: client.inspect_image(image))["Config"].get("Volumes")
        shape = furnish(
            self._machine,
            spec,
            living.folder,
            living.record.user,
            image=image,
            volumes=tuple(volumes or ()),
            network=self._network.name(internet=self._internet and spec.setup.internet) if self._network else NONE,
            resolvers=self._network.resolvers if self._network else (),
            labels=labels_of(self._key, living.record),
            cdi=self._way == "cdi",
        )
        return lambda: self._begin(living, shape)

    def _base(self, spec: StartSpec) -> str:
        """The image below a Space without a Dockerfile. Raises: Declined."""
        image = spec.artifact.image or self._settings.base
        if not image:
            raise Declined("there is no base image; make one: spaces base build")
        return image

    async def _begin(self, living: Living, shape: Shape) -> None:
        name = name_of(self._key, living.id)
        call = create(shape)
        await self._engine.call("start a Space", lambda client: client.create_container_from_config(call, name))
        living.cell = Container(living, self._engine, name, None)
        await self._engine.call("start a Space", lambda client: client.start(name))
        living.record = living.record.keep(living.folder)
        state = await self._engine.call("start a Space", lambda client: client.inspect_container(name)["State"])
        try:
            self._hold(living, name, state["Pid"])
        except (FileNotFoundError, ProcessLookupError):  # it ended this moment; the engine knows how
            if await self._engine.call(
                "start a Space", lambda client: client.inspect_container(name)["State"]["Running"]
            ):
                raise OSError(UNSEEN) from None
            await living.release()
            self.bury(living)
            living.gone.set()

    def _hold(self, living: Living, name: str, pid: int) -> None:
        """Take every handle on a container that runs, new or found again. Raises: OSError, also when it has ended."""
        living.record = living.record.grown(living.folder, init=pid, born=born(pid), boot=this_boot(), ordered=True)
        sockets = network.Entered(pid)
        living.sockets = sockets
        living.cell = Container(living, self._engine, name, self._follower(living))
        carried = self._relay.serve(network.listen(sockets, self._relay.port))
        living.hold(sockets=sockets, carried=carried, log=Log(self._run_log(living)))

    def _follower(self, living: Living) -> Follower:
        return Follower(self._engine, name_of(self._key, living.id), living.folder, self._run_log(living))

    def _run_log(self, living: Living) -> Path:
        return self._machine.layout.logs / living.record.space / "run.log"

    async def news(self) -> None:
        await self._hints.next(within=LOOK_EVERY)

    async def look(self) -> None:
        listed = await self._engine.call("see the containers", self._ours)
        self._seen = {
            InstanceId(told["Labels"]["spaces.instance"]): Seen(
                name=told["Names"][0].lstrip("/"), state=told["State"], pid=0, paused=told["State"] == "paused"
            )
            for told in listed
            if "spaces.instance" in told["Labels"]
        }

    async def recall(self) -> None:
        """Ask the engine for all that carries our label."""
        self._seen = {}
        await self._end_sandboxes()
        await self._engine.call("find Spaces again", self._open)
        for told in await self._engine.call("find Spaces again", self._ours):
            with contextlib.suppress(Absent):
                await self._recall(told["Id"])

    def able(self, findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], str]:
        """What Spaces can have here, from what the machine has; and why no GPU can be given. Blocks.

        Raises: BackendUnavailable, and then nobody knows.
        """
        told = health.ask(self._engine, self._settings.base)
        self._way, why_not = health.way_to_gpus(told)
        refused = self._network.refused if self._network else ""
        own = health.findings(
            told,
            base=self._settings.base,
            no_network=refused,
            internet=self._internet,
            resolvers=self._network.resolvers if self._network else (),
        )
        return (*health.beside(findings), *own), why_not

    def _open(self, _: object) -> None:
        """The network of Spaces; where it cannot be had they have none, and that is said."""
        if self._network is None:
            self._network = Network(self._engine, self._key, reach=self._reach)
        if why := self._network.open():
            log.warning("Spaces in containers reach nothing but this platform", why=why)

    async def _end_sandboxes(self) -> None:
        """Of a platform that was killed, and was started again with this engine: nobody else would."""
        for name in self._machine.cgroups.names() & {folder.name for folder in self._machine.instances.iterdir()}:
            with contextlib.suppress(TimeoutError):
                await self._machine.group(name).end()

    def _ours(self, client: Any) -> list[Json]:  # noqa: ANN401 as the engine's JSON
        return list(client.containers(all=True, filters={"label": f"{PLATFORM}={self._key}"}))

    async def _recall(self, identity: str) -> None:
        told = await self._engine.call("find Spaces again", lambda client: client.inspect_container(identity))
        state, labels = told["State"], told["Config"]["Labels"]
        if "spaces.instance" not in labels:
            return  # of ours, but no Space: a build's
        instance = InstanceId(labels["spaces.instance"])
        self._seen[instance] = Seen(
            name=told["Name"].lstrip("/"), state=state["Status"], pid=int(state["Pid"]), paused=bool(state["Paused"])
        )
        folder = self._machine.instances / instance
        if state["Status"] in ALIVE and read(folder) is None:
            folder.mkdir(mode=0o711, exist_ok=True)
            started = datetime.fromisoformat(f"{state['StartedAt'][:19]}+00:00").timestamp()
            record_of(labels, boot=this_boot(), started=started).keep(folder)

    def fate(self, kept: Record) -> Fate:
        seen = self._seen.get(kept.id)
        if seen is None:
            return Fate.ENDED if kept.ordered else Fate.NEVER
        if seen.state in NEVER_BEGAN:
            return Fate.NEVER
        return Fate.RUNS if seen.state in ALIVE else Fate.ENDED

    async def adopt(self, living: Living) -> None:
        seen = self._seen[living.id]
        self._hold(living, seen.name, seen.pid)
        if isinstance(living.cell, Container):
            living.cell.paused(is_so=seen.paused)

    def bury(self, living: Living) -> None:
        living.cell = Container(living, self._engine, name_of(self._key, living.id), self._follower(living))

    def strays(self, known: set[InstanceId]) -> set[InstanceId]:
        return set(self._seen) - known

    def guard(self) -> None:
        if self._network:
            self._network.mend()

    def remove(self) -> None:
        self._machine.remove()
        if self._network:
            with contextlib.suppress(BackendUnavailable, Declined):  # the next platform on this folder takes it over
                self._network.close()

    async def forget(self, instance: InstanceId) -> None:
        await remove(self._engine, name_of(self._key, instance))
