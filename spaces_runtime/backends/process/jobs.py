"""Builds, run by the node."""

from __future__ import annotations

from pathlib import Path

from spaces_runtime.backends.process.line import call
from spaces_runtime.domain import sandbox
from spaces_runtime.domain.ports.engine import Job, JobEnd


class NodeJobs:
    """Each build has a connection of its own: the node ends the build when that is closed, by whatever cause."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def run(self, job: Job) -> JobEnd:
        line = await call(self._path)
        try:
            return sandbox.hear_end(await line.ask("job", job=sandbox.tell_job(job)))
        finally:
            await line.close()
