"""Images of Spaces, made by a child of the node that alone may open the engine's socket.

The child runs in a sandbox like every build: it sees the checkout, the folder of its outcome, and that socket. What it
makes of a stranger's Dockerfile stands in builder/image/job.py; its steps are held in steps.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog
from docker import APIClient

from builder.artifact import Artifact, ArtifactKind
from builder.image.base import name
from builder.image.debian import Wish
from builder.image.job import PREFIX, Outcome, load
from builder.image.writable import meant
from builder.packages import Wanted
from spaces_runtime.domain import sandbox
from spaces_runtime.domain.errors import BackendUnavailable, Invalid
from spaces_runtime.domain.ports.engine import ImageEnd, ImageJob, Job, JobEnd
from spaces_runtime.domain.storage import Removed
from spaces_runtime.node.cgroups import Limits
from spaces_runtime.node.docker.engine import Absent, Declined, Engine
from spaces_runtime.node.docker.layers import folders, layers, readable
from spaces_runtime.node.docker.steps import Steps
from spaces_runtime.node.jobs import GROUP as JOBS
from spaces_runtime.node.jobs import MIB, PROCESSES, JobRunner
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import NAME, interpreters

log = structlog.get_logger()
PLATFORM: Final = "spaces.image.platform"  # labels: the key of the platform; of which Space; of which of its builds
SPACE: Final = "spaces.image.space"
BUILD: Final = "spaces.image.build"
GROUP: Final = "image-"  # before a job's id: the control group of its steps
LOOK: Final = 0.05  # seconds between two looks at the steps
LEAST: Final = 10**9  # bytes free on the engine's disk, below which builds end
OLD: Final = "168h"  # what builds left and none has used since goes with a sweep
LATER: Final = 60.0  # seconds; the node's own limit comes first, and says so
YOUNG: Final = 3600.0  # seconds; a build may be about to name what it has just made
CHILD_MEMORY: Final = 2**30  # bytes; the child sends the checkout and reads tars


class ImageRunner:
    """The images of one platform. Cancelling build() ends the build. base, registry: see DockerSettings."""

    def __init__(
        self, machine: Machine, jobs: JobRunner, engine: Engine, *, key: str, base: str = "", registry: str = ""
    ) -> None:
        self._machine, self._jobs, self._engine = machine, jobs, engine
        self._key, self._base, self._registry = key, base or name(), registry

    async def build(self, job: ImageJob) -> ImageEnd:
        """Until its end. Raises: Invalid, Unavailable, BackendUnavailable."""
        self._check(job)
        root, driver = await self._root()
        looks = root.is_dir() and readable(driver)
        if not root.is_dir():
            log.warning("builds of images are not limited", why=f"the engine's folder {root} cannot be seen from here")
        steps = Steps(
            mark=self._mark(job.space),
            engine=root,
            group=self._machine.group(GROUP + job.id),
            limits=Limits(memory=job.memory, cpus=job.cpus, processes=PROCESSES),
        )
        end = await self._watched(job, steps, root, looks=looks)
        outcome = await asyncio.to_thread(load, Path(job.made))
        if outcome is not None and outcome.away:
            raise BackendUnavailable(what="build an image", why=outcome.fault.rstrip("."))
        judged = judge(end, outcome)
        return replace(judged, writable=await self._writable(judged.image, root)) if looks and judged.image else judged

    async def _writable(self, image: str, root: Path) -> tuple[str, ...]:
        """Where its app expects to write. root: the engine's folder. Raises: BackendUnavailable, OSError."""
        told = await self._engine.call("look into an image", lambda client: client.inspect_image(image))
        return meant(await asyncio.to_thread(folders, layers(told["GraphDriver"], root)))

    def _check(self, job: ImageJob) -> None:
        """It is of a build of this platform. JobRunner looks at the rest. Raises: Invalid."""
        builds = self._machine.layout.builds.resolve()
        for path in (job.code, job.made):
            if not Path(path).resolve().is_relative_to(builds):
                raise Invalid(what=f"build the image {job.id}", why=f"{path} is not in the folder of builds")
        if job.artifact and not self._registry:
            raise Invalid(what=f"push the image {job.id}", why="there is no registry: registry, under [docker]")
        if not NAME.fullmatch(job.space) or not NAME.fullmatch(job.build):
            raise Invalid(what=f"build the image {job.id}", why="Space and build must be names")

    async def _watched(self, job: ImageJob, steps: Steps, root: Path, *, looks: bool) -> JobEnd:
        """The child's end, or ours of it. No step is left."""
        steps.group.make(steps.limits)
        running = asyncio.ensure_future(
            self._jobs.run(self._job(job, looks=looks), opens=socket_of(self._engine.place))
        )
        watching = asyncio.ensure_future(crossed(steps, root, job.disk))
        try:
            await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                return JobEnd(status=-9, why=watching.result())
            end = running.result()
            starved = steps.starved and not end.why
            return JobEnd(status=-9, why=f"out of memory: limit {job.memory // MIB} MiB") if starved else end
        finally:
            for task in (running, watching):
                task.cancel()
            await asyncio.wait((running, watching))
            with contextlib.suppress(TimeoutError):
                await steps.end()

    def _job(self, job: ImageJob, *, looks: bool) -> Job:
        """The child's command line: all of it is ours, but for names and values that stand for themselves.

        looks: we find the writable folders ourselves.
        """
        labels = {PLATFORM: self._key} | ({} if job.base else {SPACE: job.space, BUILD: job.build})
        told = ["--code", job.code, "--made", job.made, "--engine", self._engine.place]
        told += ["--apart", self._mark(job.space), "--tag", f"spaces-{self._key}:{secrets.token_hex(16)}"]
        told += ["--seconds", str(job.seconds + LATER), "--disk", str(job.disk), "--registry", self._registry]
        told += ["--base", self._base, *(["--packages"] if job.base else []), *(["--no-look"] if looks else [])]
        if job.artifact:
            told += ["--artifact", json.dumps(sandbox.tell_artifact(job.artifact)), "--push", self._place(job)]
            told += ["--cache", str(self._machine.layout.cache)]
        told += [f"--label={label}={value}" for label, value in labels.items()]
        told += [f"--variable={variable}={value}" for variable, value in job.variables]
        told += [*(f"--host={host}" for host in job.hosts), *(["--afresh"] if job.afresh else [])]
        return Job(
            id=job.id,
            argv=(sys.executable, "-I", "-m", "builder.image.job", *told),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
            | {PREFIX + secret: value for secret, value in job.secrets.items()},
            reads=(job.code, *(interpreters_of(job.artifact) if job.artifact else ())),
            writes=(job.made, *([str(self._machine.layout.store)] if job.artifact else [])),
            memory=CHILD_MEMORY,
            cpus=job.cpus,
            seconds=job.seconds,
            log=job.log,
            network=True,
            disk=job.disk,
        )

    def _place(self, job: ImageJob) -> str:
        """In the registry."""
        return f"{self._registry.rstrip('/')}/spaces/{job.space}:{job.build}".lower()

    def _mark(self, space: str) -> str:
        """What steps of this Space are known by, and shared among: never with another Space's."""
        return f"spaces-{self._key}-{space}".lower()

    async def end_all(self) -> None:
        """Steps and builds of a node that was killed: nobody waits for them any more."""
        for group in self._machine.cgroups.names():
            if group.startswith((GROUP, JOBS)):
                with contextlib.suppress(TimeoutError):
                    await self._machine.group(group).end()

    async def base(self, packages: Sequence[str]) -> str:
        """The id of the base with these, sorted; empty: it is not made. Raises: BackendUnavailable."""
        below = await self._id(self._base)
        wanted = Wanted(tuple((package, 0) for package in packages))
        return await self._id(Wish(base=self._base, identity=below, wanted=wanted).name) if below else ""

    async def _id(self, image: str) -> str:
        try:
            found = await self._engine.call("look for an image", lambda client: client.inspect_image(image))
        except Absent:
            return ""
        return str(found["Id"])

    async def keep(self, space: str, builds: Sequence[str]) -> None:
        """All others of this Space go, but for those that run. Raises: BackendUnavailable."""
        for image in await self._images({SPACE: space}):
            if image["Labels"].get(BUILD) not in builds:
                await self._remove(image["Id"])

    async def sweep(self, kept: Sequence[str]) -> Removed:
        """All but these, and what builds left and have not used for a week. Raises: BackendUnavailable."""
        root, _ = await self._root()
        before = free(root)
        old = [image for image in await self._images({}) if time.time() - image["Created"] > YOUNG]
        found = [image["Id"] for image in old if image["Id"] not in kept]
        gone = [image for image in found if await self._remove(image)]
        await self._engine.call(
            "prune the engine's build cache", lambda client: client.prune_builds(filters={"until": OLD})
        )
        return Removed(what="images", count=len(gone), size=max(0, free(root) - before))

    async def _root(self) -> tuple[Path, str]:
        """The engine's folder as we see it, and how it keeps layers."""
        told = await self._engine.call("ask the engine for its folder", APIClient.info)
        return self._engine.seen(str(told["DockerRootDir"])), str(told["Driver"])

    async def _images(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        asked = [f"{name}={value}" for name, value in ({PLATFORM: self._key} | labels).items()]
        found: list[dict[str, Any]] = await self._engine.call(
            "list images", lambda client: client.images(filters={"label": asked})
        )
        return found

    async def _remove(self, image: str) -> bool:
        """With its names; not while a container runs from it. False: it stays."""
        try:
            await self._engine.call("remove an image", lambda client: client.remove_image(image, force=True))
        except Declined as error:
            log.info("an image stays", image=image, why=str(error))
            return False
        return True


async def crossed(steps: Steps, root: Path, disk: int) -> str:
    """Returns when the build has to end, and why."""
    while True:
        await asyncio.to_thread(steps.look)
        if disk and steps.written >= disk:
            return f"out of disk: limit {disk // MIB} MiB"
        if free(root) < LEAST:
            return f"out of disk: the engine's own disk has less than {LEAST // 10**6} MB free"
        await asyncio.sleep(LOOK)


def interpreters_of(artifact: Artifact) -> list[str]:
    """Folders of the Python below an environment."""
    env = Path(artifact.location)
    return [shown for _, shown in interpreters(env)] if artifact.kind is ArtifactKind.ENVIRONMENT else []


def free(root: Path) -> int:
    """Bytes on the engine's disk; no end of them where it cannot be seen."""
    return shutil.disk_usage(root).free if root.is_dir() else sys.maxsize


def socket_of(place: str) -> Path | None:
    """None: the engine is reached over a network."""
    return Path(place.removeprefix("unix://")) if place.startswith("unix://") else None


def judge(end: JobEnd, outcome: Outcome | None) -> ImageEnd:
    """What the child left, unless a limit ended it first."""
    if end.why or outcome is None:
        return ImageEnd(status=end.status or 1, why=end.why)
    return ImageEnd(
        status=end.status,
        image=outcome.image,
        writable=outcome.writable,
        fault=outcome.fault,
        file=outcome.file,
        line=outcome.line,
    )
