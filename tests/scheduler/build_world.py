"""A build queue with real git, database and live store around it; where its jobs run is the test's to choose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder.sources import Sources
from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.ids import BuildKey, RepoId, RevisionId, Sha256, SpaceId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.ports.engine import Job, JobEnd
from spaces_runtime.domain.repo import AddFile
from spaces_runtime.domain.settings import BuildSettings, SleepSettings
from spaces_runtime.domain.space import BuildState, Revision, Space
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.scheduler.builds import BuildQueue, Ports
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.live.wakes import LiveWakes
from spaces_runtime.store.logs import LogFiles
from spaces_runtime.store.migrations import migrate
from spaces_runtime.store.seal import Seal
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces
from tests.builder.local_index import LocalIndex

S, R = SpaceId("s1"), RepoId("r1")
README = b"---\nsdk: gradio\nsdk_version: 6.31.0\n---\n"


class NoBlobs:
    """No repo here holds large files."""

    def path(self, sha256: Sha256) -> Path:
        raise AssertionError(sha256)

    async def holds(self, repo: RepoId, sha256: Sha256) -> bool:
        return False


class Here:
    """Runs jobs as plain child processes of this one. free: jobs wait for it. away: how often the node is not there."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.later: list[Job] = []  # those in the background
        self.running, self.most, self.away = 0, 0, 0
        self.free = asyncio.Event()
        self.free.set()
        self.end: JobEnd | None = None
        self.cut = False  # those in the background end at once

    async def run(self, job: Job) -> JobEnd:
        if self.away:
            self.away -= 1
            raise BackendUnavailable(what="build", why="the node is away")
        if job.background:
            self.later.append(job)
            if self.cut:
                return JobEnd(status=-9, why="it was ended from outside")
            return await self._really(job)
        self.jobs.append(job)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.free.wait()
            return self.end or await self._really(job)
        finally:
            self.running -= 1

    async def _really(self, job: Job) -> JobEnd:
        with Path(job.log).open("ab") as log:
            child = await asyncio.create_subprocess_exec(*job.argv, env=job.env, stdout=log, stderr=log, cwd="/")
            try:
                return JobEnd(status=await child.wait())
            finally:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()


class World:
    """One Space, its repo and the queue."""

    def __init__(
        self,
        root: Path,
        db: Database,
        store: Live,
        *,
        layout: Layout | None = None,
        jobs: Any = None,
        images: Any = None,
    ) -> None:
        """layout, jobs, images: of a node; without them jobs are plain child processes, and there are no containers."""
        self.layout = layout or Layout(root / "data")
        self.index = LocalIndex(root / "index")
        self.jobs, self.wakes = jobs or Here(), LiveWakes(store)
        self.builds = SqlBuilds(db)
        self.spaces = SqlSpaces(db, tiers=TIERS, default_tier="cpu-basic", sleep=SleepSettings())
        self.repos = GitRepos(self.layout.repos, NoBlobs())
        self.logs = LogFiles(self.layout.logs)
        self.secrets, self.images = SqlSecrets(db, Seal(b"k" * 32)), images
        self.queue = self.made(at_once=2)

    def made(self, at_once: int, hosts: tuple[str, ...] = ()) -> BuildQueue:
        for folder in (self.layout.builds, self.layout.logs / S):
            folder.mkdir(parents=True, exist_ok=True)
        ports = Ports(
            repos=self.repos, jobs=self.jobs, logs=self.logs, builds=self.builds, spaces=self.spaces, wakes=self.wakes,
            secrets=self.secrets, images=self.images,
        )  # fmt: skip
        sources = Sources(index=self.index.url, hosts=hosts)
        return BuildQueue(
            ports, layout=self.layout, settings=BuildSettings(at_once=at_once), sources=sources, network={}
        )

    async def push(self, files: Mapping[str, bytes]) -> RevisionId:
        changes = [AddFile(path=path, content=content) for path, content in files.items()]
        head = await self.repos.commit(R, "main", changes, author="ann", message="push", parent=None)
        await self.spaces.set_head(S, head)
        return head

    async def space(self) -> Space:
        [space] = await self.spaces.snapshot([S])
        return space

    async def submit(self, revision: RevisionId, rebuild: int = 0, **changes: object) -> BuildKey:
        key = BuildKey(revision, rebuild)
        await self.queue.submit(replace(await self.space(), **changes), R, key)
        return key

    async def build(self, revision: RevisionId, rebuild: int = 0, **changes: object) -> Revision:
        key = await self.submit(revision, rebuild, **changes)
        await asyncio.wait_for(self.queue.idle(), 60)
        return await self.found(key)

    async def found(self, key: BuildKey) -> Revision:
        found = await self.builds.find(S, key)
        assert found is not None
        return found

    async def until(self, key: BuildKey, state: BuildState) -> None:
        async with asyncio.timeout(30):
            while (found := await self.builds.find(S, key)) is None or found.build is not state:
                await asyncio.sleep(0.01)

    async def log(self) -> list[str]:
        return [line.text for line in await self.logs.last(S, Source.BUILD, 100)]

    def folders(self) -> set[str]:
        return {path.name for path in (self.layout.builds / S).iterdir()}


@asynccontextmanager
async def world_in(root: Path, live: Live, **more: Any) -> AsyncIterator[World]:
    """With one Space in it."""
    url = sqlite_url(root / "db.sqlite")
    migrate(url)
    db = Database(url)
    made = World(root, db, live, **more)
    await made.repos.create(R, {"README.md": README, "app.py": b""}, "ann")
    await made.spaces.create(S, R, "ann-hello", "cpu-basic")
    yield made
    await made.queue.close()
    await db.close()


def requires(*lines: str, **packages: dict[str, str]) -> dict[str, bytes]:
    """A repo with these requirements and packages of its own."""
    own = {f"{name}/{path}": text.encode() for name, files in packages.items() for path, text in files.items()}
    return {"requirements.txt": "".join(f"{line}\n" for line in lines).encode(), **own}


def module(done: Revision, name: str) -> str:
    assert done.artifact is not None, done.why
    [found] = Path(done.artifact.location).glob(f"lib/*/site-packages/{name}/__init__.py")
    return found.read_text()
