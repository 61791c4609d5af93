"""The build queue: a limited number at once, in order of arrival; what needs no building does not wait.

One build of a Space runs at a time. A newer push takes the place of one that waits; one that runs is let finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

import structlog

from builder.artifact import Artifact
from builder.build import Build, at_once, ended, notes
from builder.recipe import Sdk
from builder.result import End, Result, load
from builder.sources import Sources
from spaces_runtime.domain.errors import BackendUnavailable, Fault, Unavailable
from spaces_runtime.domain.figures import SLOW, Spread
from spaces_runtime.domain.ids import BuildKey, RepoId, SpaceId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.ports.content import Repos
from spaces_runtime.domain.ports.durable import Builds, Secrets, Spaces
from spaces_runtime.domain.ports.engine import ImageEnd, ImageJob, Images, Job, JobEnd, Jobs
from spaces_runtime.domain.ports.live import Wakes
from spaces_runtime.domain.ports.logs import Logs
from spaces_runtime.domain.settings import BuildSettings
from spaces_runtime.domain.space import BuildState, Revision, Space
from spaces_runtime.scheduler.build_folders import Folders
from spaces_runtime.scheduler.build_image import base_job, dockerfile_job, failure, finish_image, name_of, published_job
from spaces_runtime.scheduler.build_job import build_job, cause, finish_site, site_job, source_job
from spaces_runtime.scheduler.compiling import Compiling

log = structlog.get_logger()
T = TypeVar("T")

STATES = {End.DONE: BuildState.DONE, End.FAILED: BuildState.FAILED, End.INVALID: BuildState.INVALID}
LEAST = 10**9  # bytes free on the disk, below which no build begins
TURNS = 20  # of one build that has packages to be built from source
AGAIN = 2.0  # seconds until a node that is away is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All the queue talks to. images: None where Spaces do not run in containers."""

    repos: Repos
    jobs: Jobs
    logs: Logs
    builds: Builds
    spaces: Spaces
    wakes: Wakes
    secrets: Secrets
    images: Images | None = None


@dataclass(slots=True, kw_only=True)
class _Line:
    """What a Space has in the queue. turn: one build at a time; waiting: has not begun to run."""

    turn: asyncio.Lock
    tasks: dict[BuildKey, asyncio.Task[None]]
    waiting: set[BuildKey]


class BuildQueue:
    """Builds revisions; each outcome is recorded, and the Space looked at again.

    network: variables a build needs to reach an index (proxies, certificates). hub: where preload_from_hub asks.
    search: PATH for other Pythons. registry: images of every revision are pushed there; empty: nowhere.
    """

    def __init__(
        self,
        ports: Ports,
        *,
        layout: Layout,
        settings: BuildSettings,
        sources: Sources,
        network: Mapping[str, str],
        hub: str = "",
        search: str = "",
        registry: str = "",
    ) -> None:
        self._registry = registry
        self._ports, self._layout, self._settings = ports, layout, settings
        self._sources, self._network, self._hub, self._search = sources, dict(network), hub, search
        self._folders = Folders(layout.builds)
        self._slots = asyncio.Semaphore(settings.at_once)
        self._compiling = Compiling(ports.jobs, layout, settings)
        self._lines: dict[SpaceId, _Line] = {}
        self.took = Spread("spaces_build_seconds", "Builds, their wait for a free place included.", "end", bounds=SLOW)

    def __repr__(self) -> str:
        running, waiting = self.under_way
        return f"<BuildQueue {running} running, {waiting} waiting>"

    @property
    def under_way(self) -> tuple[int, int]:
        """How many builds run, and how many wait."""
        waiting = sum(len(line.waiting) for line in self._lines.values())
        return sum(len(line.tasks) for line in self._lines.values()) - waiting, waiting

    async def submit(self, space: Space, repo: RepoId, key: BuildKey) -> None:
        """Build this revision, unless it is under way. space: with its instances; their builds' folders are kept.

        Returns at once; the outcome is recorded, and the Space looked at.
        """
        line = self._lines.setdefault(space.id, _Line(turn=asyncio.Lock(), tasks={}, waiting=set()))
        if key in line.tasks:
            return
        for older in tuple(line.waiting):
            line.tasks[older].cancel()
        line.waiting.add(key)
        line.tasks[key] = asyncio.create_task(self._task(space, repo, key, line), name=f"build {space.id} {key.short}")

    async def cancel(self, space: SpaceId) -> None:
        """End what is under way for a Space; returns when nothing of it runs. Its folders stay."""
        tasks = tuple(self._lines[space].tasks.values()) if space in self._lines else ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def forget(self, space: SpaceId) -> None:
        """A deleted Space: nothing of its builds is left. May be repeated."""
        await self.cancel(space)
        if self._ports.images is not None:
            await self._ports.images.keep(space, ())
        await asyncio.to_thread(self._folders.remove_all, space)

    async def close(self) -> None:
        """End everything; unfinished builds begin again at the next start."""
        await asyncio.gather(*(self.cancel(space) for space in tuple(self._lines)))
        await self._compiling.close()

    async def resume(self) -> None:
        """After a start: environments whose bytecode another life did not finish."""
        for space in await self._ports.spaces.snapshot(None):
            for revision in (space.head, space.last_good):
                self._compiling.want(space.id, revision.artifact if revision is not None else None)

    async def idle(self) -> None:
        """Until nothing is under way."""
        while tasks := [task for line in self._lines.values() for task in line.tasks.values()]:
            await asyncio.wait(tasks)
        await self._compiling.idle()

    async def _task(self, space: Space, repo: RepoId, key: BuildKey, line: _Line) -> None:
        try:
            async with line.turn:
                began = monotonic()
                result = await self._unless_cancelled(space, repo, key, line)
                self.took.add(monotonic() - began, result.end.value)
                await self._settle(space.id, key, result)
                if self._registry and result.artifact is not None:
                    await self._publish(space.id, key, result.artifact)
        finally:
            line.waiting.discard(key)
            del line.tasks[key]
            if not line.tasks:
                self._lines.pop(space.id, None)

    async def _unless_cancelled(self, space: Space, repo: RepoId, key: BuildKey, line: _Line) -> Result:
        try:
            return await self._outcome(space, repo, key, line)
        except asyncio.CancelledError:
            await asyncio.shield(self._ports.builds.record(space.id, Revision(key=key)))  # to be built if asked again
            raise

    async def _outcome(self, space: Space, repo: RepoId, key: BuildKey, line: _Line) -> Result:
        try:
            build = await self._checked_out(space, repo, key)
            result = await asyncio.to_thread(ended, partial(at_once, build))
            result = await self._on_base(build, result) if result is not None else None
            if result is not None:
                await self._say(space.id, *_said_at_once(build, result))
                return result
            await self._ports.builds.record(space.id, Revision(key=key, build=BuildState.QUEUED))
            async with self._slots:
                line.waiting.discard(key)
                room(shutil.disk_usage(self._layout.data).free)
                await self._ports.builds.record(space.id, Revision(key=key, build=BuildState.RUNNING))
                await self._look(space.id)
                return await self._build(space, key, build)
        except Fault as fault:
            await self._say(space.id, str(fault))
            return Result(end=End.FAILED, why=str(fault))
        except Exception as error:
            log.exception("build failed by a fault of the platform", space=space.id, build=key.short)
            why = f"The platform failed while building: {type(error).__name__}. Its own log has the rest."
            await self._say(space.id, why)
            return Result(end=End.FAILED, why=why)

    async def _checked_out(self, space: Space, repo: RepoId, key: BuildKey) -> Build:
        kept = {key, *(instance.build for instance in space.instances)}
        kept |= {revision.key for revision in (space.head, space.last_good) if revision is not None}
        folder, earlier = await asyncio.to_thread(self._folders.begin, space.id, key, kept)
        if self._ports.images is not None:
            with contextlib.suppress(Fault):  # the engine is away: the next build of this Space, or a sweep
                await self._ports.images.keep(space.id, [name_of(each) for each in kept])
        good = space.last_good.key if space.last_good is not None else None
        # what has answered comes first: a new resolution that never did is undone with the next push
        earlier = tuple(sorted(earlier, key=lambda before: before.key != good))
        await self._say(space.id, f"Build of {key.short}")
        await self._ports.repos.checkout(repo, key.revision, folder.code)
        return Build(
            code=folder.code,
            out=folder.made,
            envs=self._layout.envs,
            cache=self._layout.cache,
            wheels=self._layout.wheels,
            bases=self._layout.bases,
            locks=self._layout.locks,
            own=self._layout.own / space.id,
            revision=key.revision,
            accelerator="cuda" if space.setup.hardware.gpus else "cpu",
            previous=tuple(before.made for before in earlier),
            afresh=any(before.key.revision == key.revision for before in earlier),
            sources=self._sources,
            search=self._search,
            hub=self._hub,
            containers=self._ports.images is not None,
        )

    async def _build(self, space: Space, key: BuildKey, build: Build) -> Result:
        if build.recipe.sdk is Sdk.DOCKER:
            return await self._dockerfile(space, key, build)
        result = await self._made(space.id, key, build)
        if result.artifact is None or not _needs_base(build):
            return result
        job = base_job(build, space, key, self._settings, log=self._log(space.id))
        end = await self._image(job)
        if failed := failure(end, self._settings):
            await self._say(space.id, failed.why)
            return failed
        return replace(result, artifact=replace(result.artifact, image=end.image))

    async def _on_base(self, build: Build, result: Result) -> Result | None:
        """The same above the base with its Debian packages; None: that is not made yet."""
        if self._ports.images is None or result.artifact is None or not _needs_base(build):
            return result
        image = await self._ports.images.base(build.debian.names)
        return replace(result, artifact=replace(result.artifact, image=image)) if image else None

    async def _dockerfile(self, space: Space, key: BuildKey, build: Build) -> Result:
        for note in notes(build):
            await self._say(space.id, f"Note: {note}")
        secrets = await self._ports.secrets.open_all(space.id)
        job = dockerfile_job(build, space, key, self._settings, secrets=secrets, log=self._log(space.id))
        end = await self._image(job)
        result = finish_image(build, end, self._settings)
        if result.why and result.why != end.fault:  # else it has said so itself
            await self._say(space.id, result.why)
        return result

    async def _publish(self, space: SpaceId, key: BuildKey, artifact: Artifact) -> None:
        """Into the registry, for other machines; one that is away keeps nobody from a Space that runs here."""
        job = published_job(artifact, self._layout, space, key, self._settings, log=self._log(space))
        try:
            end = await self._image(job)
        except Fault as fault:
            await self._say(space, f"Note: {fault}")
            return
        failed = failure(end, self._settings)
        if failed and failed.why != end.fault:
            await self._say(space, f"Note: the image is not in the registry: {failed.why}")

    async def _image(self, job: ImageJob) -> ImageEnd:
        images = self._ports.images
        assert images is not None  # noqa: S101 else no build asks for one
        return await self._until_there(job.space, partial(images.build, job))

    async def _made(self, space: SpaceId, key: BuildKey, build: Build) -> Result:
        if build.recipe.build_command:
            return await self._site(space, key, build)
        for _ in range(TURNS):
            end = await self._run(space, key, partial(build_job, build, network=self._network))
            result = load(build.out) if end.status == 0 else None
            if result is None:
                return await self._ended(space, cause(end, self._settings))
            if result.end is not End.UNBUILT:
                return result
            for source in result.sources:
                end = await self._run(space, key, partial(source_job, build, source))
                if end.why:  # whatever else went wrong, it has told the builder
                    return await self._ended(space, cause(end, self._settings))
        return await self._ended(space, f"The build asked for packages from source {TURNS} times, and was ended.")

    async def _ended(self, space: SpaceId, why: str) -> Result:
        await self._say(space, why)
        return Result(end=End.FAILED, why=why)

    async def _site(self, space: SpaceId, key: BuildKey, build: Build) -> Result:
        """A static Space with a command that makes its files."""
        end = await self._run(space, key, partial(site_job, build))
        result = finish_site(build, end, self._settings)
        await self._say(space, result.why or "Built.")
        return result

    async def _run(self, space: SpaceId, key: BuildKey, ask: Callable[..., Job]) -> JobEnd:
        """ask: what to run, but for what every job of a build has."""
        path = self._log(space)
        name = f"{space}-{key.revision[:12]}-{key.rebuild}"
        job = await asyncio.to_thread(partial(ask, settings=self._settings, log=str(path), name=name))
        return await self._until_there(space, partial(self._ports.jobs.run, job))

    async def _until_there(self, space: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until node and engine are there."""
        told = ""
        while True:
            try:
                return await ask()
            except BackendUnavailable as away:
                log.warning("the engine is away; the build waits", space=space, why=away.why)
                if away.why != told:
                    await self._say(SpaceId(space), f"The build waits: {away.why}.")
                told = away.why
                await asyncio.sleep(AGAIN)

    def _log(self, space: str) -> Path:
        return self._layout.logs / space / "build.log"

    async def _settle(self, space: SpaceId, key: BuildKey, result: Result) -> None:
        """Record it, and look at the Space again."""
        state = STATES.get(result.end, BuildState.INVALID)
        revision = Revision(key=key, build=state, artifact=result.artifact, why=result.why)
        await self._ports.builds.record(space, revision)
        if result.end is End.NO_APP:
            for now in await self._ports.spaces.snapshot([space]):
                if now.head is not None and now.head.key == key:
                    await self._ports.spaces.set_head(space, None)
        log.info("built", space=space, build=key.short, end=result.end.value, why=result.why)
        await self._look(space)
        self._compiling.want(space, result.artifact)

    async def _look(self, space: SpaceId) -> None:
        with contextlib.suppress(Fault, OSError):  # the live store is away: the next audit finds it
            await self._ports.wakes.look(space)

    async def _say(self, space: SpaceId, *lines: str) -> None:
        for text in lines:
            with contextlib.suppress(OSError):  # a full disk loses a line, not the build
                await self._ports.logs.append(space, Source.BUILD, text)


def room(free: int) -> None:
    """Bytes free on the disk of the data folder. Raises: Unavailable when they are too few for a build."""
    if free < LEAST:
        why = f"the disk has {free / 1e6:.0f} MB free, and a build needs {LEAST / 1e9:.0f} GB"
        raise Unavailable(what="build", why=why, then="Make room (`spaces gc` removes what nothing needs) and rebuild.")


def _needs_base(build: Build) -> bool:
    """It runs in a container whose system lacks something."""
    return build.containers and build.recipe.sdk is not Sdk.STATIC and bool(build.debian.names)


def _said_at_once(build: Build, result: Result) -> tuple[str, ...]:
    if result.end is not End.DONE or result.artifact is None:
        return (result.why,)
    name = Path(result.artifact.location).name[:12]
    done = f"Nothing to install: the environment {name} stands." if result.artifact.command else "Files as they are."
    return (*(f"Note: {note}" for note in notes(build)), done)
