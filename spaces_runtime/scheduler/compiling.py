"""What new environments still lack is made beside everything else: one at a time, and never twice at once for one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from builder.artifact import Artifact, ArtifactKind
from builder.environment import UNCOMPILED
from spaces_runtime.domain.errors import BackendUnavailable, Fault
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.ports.engine import Jobs
from spaces_runtime.domain.settings import BuildSettings
from spaces_runtime.scheduler.build_job import later_job

log = structlog.get_logger()

AGAIN = 2.0  # seconds until a node that is away is asked again


class Compiling:
    """Apps run without bytecode, only their starts take longer; so nothing waits for this, and a failure is only told.

    An attempt that was cut off goes on where it was when the environment is next asked for.
    """

    def __init__(self, jobs: Jobs, layout: Layout, settings: BuildSettings) -> None:
        self._jobs, self._layout, self._settings = jobs, layout, settings
        self._turn = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, space: SpaceId, artifact: Artifact | None) -> None:
        """Have this environment finished, if it is not; its Space's build log tells of it."""
        if artifact is None or artifact.kind is not ArtifactKind.ENVIRONMENT or artifact.location in self._tasks:
            return
        if (Path(artifact.location) / UNCOMPILED).exists():
            self._tasks[artifact.location] = asyncio.create_task(self._finish(space, artifact))

    async def close(self) -> None:
        """End what is under way."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        await self.idle()

    async def idle(self) -> None:
        """Until nothing is under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _finish(self, space: SpaceId, artifact: Artifact) -> None:
        try:
            async with self._turn:
                await self._run(space, artifact)
        except (Fault, OSError) as fault:
            log.warning("an environment stays without bytecode", at=artifact.location, why=str(fault))
        finally:
            del self._tasks[artifact.location]

    async def _run(self, space: SpaceId, artifact: Artifact) -> None:
        path = self._layout.logs / space / "build.log"
        name = f"later-{Path(artifact.location).name[:12]}"
        job = later_job(artifact, self._layout, self._settings, log=str(path), name=name)
        while True:
            try:
                end = await self._jobs.run(job)
            except BackendUnavailable:
                await asyncio.sleep(AGAIN)
                continue
            if end.status != 0:
                log.warning("an environment stays without bytecode", at=artifact.location, why=end.why or end.status)
            return
