"""The scheduler with everything real around it: node, live store, database, git, gateway; visitors speak HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from builder.artifact import Artifact, ArtifactKind
from builder.sources import Sources
from spaces_runtime.domain.allowance import Allowance
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.figures import Source
from spaces_runtime.domain.hardware import Gpu, Stock
from spaces_runtime.domain.hosts import names
from spaces_runtime.domain.ids import BuildKey, GatewayId, RepoId, RevisionId, SpaceId, UserId
from spaces_runtime.domain.instance import Instance, Mount, Phase
from spaces_runtime.domain.observed import complete
from spaces_runtime.domain.ports.engine import Engine
from spaces_runtime.domain.repo import AddFile, Kind, Repo, Visibility
from spaces_runtime.domain.settings import BuildSettings, GatewaySettings, SleepSettings
from spaces_runtime.domain.space import BuildState, Hush, Revision, Space
from spaces_runtime.domain.stage import Shown, derive_stage
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.gateway.serve import GatewayParts, listen, serve
from spaces_runtime.scheduler.builds import BuildQueue, Ports
from spaces_runtime.scheduler.chronicle import Chronicle
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.tick import run
from spaces_runtime.store.allowances import SqlAllowances
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.live import (
    LiveActivity,
    LiveEvents,
    LiveGates,
    LiveObservations,
    LiveRoutes,
    LiveStocks,
    LiveWakes,
)
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.logs import LogFiles
from spaces_runtime.store.migrations import migrate
from spaces_runtime.store.seal import master_key
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces
from spaces_runtime.store.timeline import SqlTimeline
from tests.node.place import HELLO, Place, until

GIB = 2**30
README = b"---\ntitle: Hello there\nemoji: X\nsdk: gradio\n---\n"


class Heard:
    """Passes everything on to a real part, and notes what was said."""

    def __init__(self, part: Any, said: list[tuple[str, Any]], *words: str) -> None:
        self._part, self._said, self._words = part, said, words

    def __getattr__(self, name: str) -> Any:
        passed_on = getattr(self._part, name)
        if name not in self._words:
            return passed_on

        async def noted(*what: Any) -> Any:
            self._said.append((name, what[-1]))
            return await passed_on(*what)

        return noted


class House:
    """Made in a folder; live(): the store's address."""

    def __init__(self, place: Place, url: str, *, memory: int = 8 * GIB, sleep: SleepSettings | None = None) -> None:
        self.place, self.layout = place, place.layout
        for folder in (self.layout.repos, self.layout.keys, self.layout.blobs):
            folder.mkdir(exist_ok=True)
        migrate(sqlite_url(self.layout.database))
        self.database, self.live = Database(sqlite_url(self.layout.database)), Live(url)
        self.index = SqlIndex(self.database)
        self.repos = GitRepos(self.layout.repos, FileBlobs(self.layout.blobs, self.index))
        self.spaces = SqlSpaces(
            self.database, tiers=TIERS, default_tier="cpu-basic", sleep=sleep or SleepSettings(frozen=900, cold=9000)
        )
        self.builds, self.logs = SqlBuilds(self.database), LogFiles(self.layout.logs)
        self.secrets = SqlSecrets(self.database, master_key(self.layout.keys / "master"))
        self.allowances = SqlAllowances(self.database, Allowance())
        self.timeline, self.figures = SqlTimeline(self.database), tuple[Source, ...]()
        self.wakes, self.observations = LiveWakes(self.live), LiveObservations(self.live)
        self.stock, self.gpus = Stock(memory=memory, cpus=2, room=memory), tuple[Gpu, ...]()
        self.stocks = LiveStocks(self.live)
        self.stop, self.tasks = asyncio.Event(), list[asyncio.Task[None]]()
        self.port, self.gateway = 0, GatewaySettings()
        self.said: list[tuple[str, Any]] = []  # routes, orders and resumes, as the scheduler gave them

    def parts(self) -> Parts:
        ports = Ports(
            repos=self.repos, jobs=self.place.jobs, logs=self.logs, builds=self.builds, spaces=self.spaces,
            wakes=self.wakes, secrets=self.secrets,
        )  # fmt: skip
        node = self.place.backend
        return Parts(
            spaces=self.spaces, builds=self.builds, secrets=self.secrets, index=self.index, repos=self.repos,
            allowances=self.allowances,
            queue=BuildQueue(ports, layout=self.layout, settings=BuildSettings(), sources=Sources(), network={}),
            engine=Engine(run=node, suspends=Heard(node, self.said, "resume"), watches=node),
            routes=Heard(LiveRoutes(self.live), self.said, "publish"),
            gates=Heard(LiveGates(self.live), self.said, "order", "state"), wakes=self.wakes,
            activity=LiveActivity(self.live), observations=self.observations, events=LiveEvents(self.live),
            logs=self.logs, names=self.names, stocks=self.stocks, stock=self.stock, devices=self.devices,
            rescan=_nothing, mounts=self.mounts, clear=node.forget, clock=time.time,
            chronicle=Chronicle(self.timeline, time.time), telling=self.telling,
        )  # fmt: skip

    def telling(self, sources: Sequence[Source]) -> AbstractAsyncContextManager[None]:
        """What the scheduler counts can be read here."""
        self.figures = sources
        return nullcontext()

    async def mounts(self, space: Space) -> tuple[Mount, ...]:
        """Each volume is an empty folder, unless its source is gone."""
        made = []
        for volume in space.setup.volumes:
            if volume.source == "gone":
                raise Missing(what=f"mount {volume.name}", why="the model is gone")
            folder = self.layout.mounts / volume.source
            folder.mkdir(parents=True, exist_ok=True)
            made.append(Mount(folder=str(folder), inside=volume.mount))
        return tuple(made)

    async def devices(self) -> tuple[tuple[Gpu, ...], str]:
        """No GPU is at hand: names of some stand for them, which scheduler and node pass on as any other."""
        return self.gpus, ""

    async def begin(self) -> None:
        """The scheduler and one gateway."""
        sockets = listen(0, public=False)
        self.port = sockets[0].getsockname()[1]
        self.names = names(port=self.port, public_url="", spaces_domain="", resolves=False)
        gateway = GatewayParts(
            gateway=GatewayId("g"), sockets=sockets[:1], hub_socket=self.layout.hub_socket, names=self.names,
            settings=self.gateway, key=b"k" * 32, routes=LiveRoutes(self.live), gates=LiveGates(self.live),
            wakes=self.wakes, activity=LiveActivity(self.live), events=LiveEvents(self.live),
            dialer=self.place.dialer,
        )  # fmt: skip
        self.tasks = [asyncio.create_task(serve(gateway, self.stop)), asyncio.create_task(run(self.parts(), self.stop))]

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait(self.tasks, timeout=20)
        await self.live.close()
        await self.database.close()

    # What people do

    async def create(self, name: str) -> SpaceId:
        repo, space = RepoId(f"r-{name}"), SpaceId(f"s-{name}")
        await self.index.create(
            Repo(
                id=repo, kind=Kind.SPACE, namespace="ann", name=name, visibility=Visibility.PUBLIC,
                creator=UserId("u1"), created_at=time.time(), updated_at=time.time(),
            )
        )  # fmt: skip
        await self.repos.create(repo, {"README.md": README}, "ann")
        await self.spaces.create(space, repo, f"ann-{name}", "cpu-basic")
        return space

    async def push(self, space: SpaceId, app: str = HELLO, *, built: BuildState = BuildState.DONE) -> RevisionId:
        """A commit whose build is recorded: what builds is tested elsewhere."""
        repo = RepoId("r" + space[1:])
        content = f"{app}\n# {time.time()}\n".encode()  # so that each push is a commit
        change = AddFile(path="app.py", content=content)
        head = await self.repos.commit(repo, "main", [change], author="ann", message="push", parent=None)
        artifact = self.artifact(head, app) if built is BuildState.DONE else None
        await self.builds.record(space, Revision(key=BuildKey(head), build=built, artifact=artifact, why="Wrong."))
        await self.index.set_head(repo, head)
        await self.spaces.set_head(space, head)
        await self.wakes.look(space)
        return head

    def artifact(self, head: RevisionId, app: str) -> Artifact:
        code = self.layout.builds / "code" / head
        code.mkdir(parents=True)
        (code / "app.py").write_text(app)
        command = ("/env/bin/python", "/launch.py", "app.py")
        return Artifact(
            kind=ArtifactKind.ENVIRONMENT, digest=head, location=str(self.place.env), code=str(code), command=command,
            port=7860, start_deadline=20.0,
        )  # fmt: skip

    async def change(self, space: SpaceId, what: object) -> None:
        """Something durable, and the nudge that follows it."""
        await what  # type: ignore[misc]
        await self.wakes.look(space)

    async def hush(self, space: SpaceId, phase: Phase | None) -> None:
        await self.change(space, self.spaces.hush(space, Hush(at=time.time(), phase=phase)))

    # What there is to see

    async def snapshot(self, space: SpaceId) -> Space | None:
        """As hub and pages see it."""
        found = await self.spaces.snapshot([space])
        seen = await self.observations.latest([space])
        return complete(found[0], seen.get(space)) if found else None

    async def shown(self, space: SpaceId) -> Shown:
        found = await self.snapshot(space)
        assert found is not None
        return derive_stage(found, time.time())

    async def instances(self, space: SpaceId) -> tuple[Instance, ...]:
        """As published. To ask the node would count connections anew, and keep the change from the scheduler."""
        found = await self.snapshot(space)
        return found.instances if found is not None else ()

    async def phases(self, space: SpaceId, *wanted: Phase) -> None:
        """Until its instances stand there."""

        async def there() -> bool:
            return tuple(i.phase for i in await self.instances(space)) == wanted

        await until(there)
        assert bool(self.place.processes()) or not wanted

    async def reach(self, space: SpaceId, stage: str, why: str = "", seconds: float = 20.0) -> str:
        """Until it is shown so, with these words; its reason."""

        async def there() -> Shown | None:
            shown = await self.shown(space)
            return shown if shown.stage.value == stage and why in shown.why else None

        found = await until(there, seconds)
        return str(found.why)

    async def get(self, name: str, path: str = "/", seconds: float = 20.0) -> bytes:
        """One request on a new connection, as a program makes it: held while the Space wakes."""
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: ann-{name}.localhost:{self.port}\r\nConnection: close\r\n\r\n".encode()
            )
            try:
                answer = await reader.read()
            finally:
                writer.close()
        return answer

    async def answers(self, name: str) -> bool:
        return b" 200 " in (await self.get(name)).partition(b"\r\n")[0]


async def _nothing() -> None: ...
