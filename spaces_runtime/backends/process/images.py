"""Images of an engine of containers, made and removed by the node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spaces_runtime.backends.process.line import call
from spaces_runtime.domain import sandbox
from spaces_runtime.domain.ports.engine import ImageEnd, ImageJob
from spaces_runtime.domain.storage import Removed


class NodeImages:
    """Each order has a connection of its own: the node ends a build when that is closed, by whatever cause."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def build(self, job: ImageJob) -> ImageEnd:
        return sandbox.hear_image_end(await self._ask("image", job=sandbox.tell_image(job)))

    async def base(self, packages: Sequence[str]) -> str:
        return str(await self._ask("base_image", packages=list(packages)))

    async def keep(self, space: str, builds: Sequence[str]) -> None:
        await self._ask("keep_images", space=space, builds=list(builds))

    async def sweep(self, kept: Sequence[str]) -> Removed:
        return sandbox.hear_removed(await self._ask("sweep_images", kept=list(kept)))

    async def _ask(self, op: str, **fields: object) -> Any:  # noqa: ANN401 each operation has its own answer
        line = await call(self._path)
        try:
            return await line.ask(op, **fields)
        finally:
            await line.close()
