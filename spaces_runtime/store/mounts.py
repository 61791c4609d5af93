"""What Spaces mount, made ready in files: repos and buckets as folders that many share, listings for what is written.

A folder here is whole from the moment it has its name. What nobody mounts any more, `spaces gc` takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from spaces_runtime.domain.bucket import EMPTY, BucketFile
from spaces_runtime.domain.kept import LISTING, Listing
from spaces_runtime.domain.layout import Layout
from spaces_runtime.store.disk import room

STEP = 2**30  # bytes per system call


class Mounts:
    """The port Mounts."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._making: dict[str, asyncio.Task[None]] = {}

    async def snapshot(self, name: str, fill: Callable[[Path], Awaitable[None]]) -> Path:
        """The folder of this name; made by fill() when it is not there. Raises: Full, and what fill() raises."""
        place = self._layout.mounts / name
        if place.is_dir():
            os.utime(place)
            return place
        # On its own: whoever waits may lose patience with gigabytes, and asks again.
        if name not in self._making:
            self._making[name] = asyncio.create_task(self._make(name, fill))
            self._making[name].add_done_callback(lambda _: self._making.pop(name))
        await asyncio.shield(self._making[name])
        return place

    async def _make(self, name: str, fill: Callable[[Path], Awaitable[None]]) -> None:
        new = self._layout.mounts / f".{name}-{uuid4().hex}"
        new.mkdir(parents=True)
        try:
            with room(f"mount {name}"):
                await fill(new / "files")
            new.chmod(0o755)
            new.replace(self._layout.mounts / name)
        finally:
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)

    async def copy(self, files: Collection[BucketFile], prefix: str, into: Path) -> None:
        """The files of a bucket below a prefix, which every user may read."""
        await asyncio.to_thread(self._copy, files, prefix, into)

    def _copy(self, files: Collection[BucketFile], prefix: str, into: Path) -> None:
        into.mkdir()
        into.chmod(0o755)
        for file in files:
            path = into / file.path[len(prefix) :]
            for above in reversed(path.relative_to(into).parents[:-1]):
                folder = into / above
                if not folder.is_dir():
                    folder.mkdir()
                    folder.chmod(0o755)
            self._put(file, path)

    def _put(self, file: BucketFile, path: Path) -> None:
        with path.open("xb") as out:
            if file.sha256 != EMPTY:
                with self._layout.blob(file.sha256).open("rb") as content:
                    while os.copy_file_range(content.fileno(), out.fileno(), STEP):  # shares the blocks where it can
                        pass
            os.fchmod(out.fileno(), 0o644)
        if file.modified_at is not None:
            os.utime(path, (file.modified_at, file.modified_at))

    async def listing(self, name: str, told: Listing) -> Path:
        """A folder with a listing for the node, for one start."""

        async def fill(into: Path) -> None:
            into.parent.joinpath(LISTING).write_text(json.dumps(asdict(told)))

        return await self.snapshot(name, fill)

    def waiting(self, space: str, key: str) -> bool:
        """Whether something that a Space wrote is still on its way into its bucket."""
        folder = self._layout.written
        return folder.is_dir() and any(path.name.startswith(f"{space}@{key}@") for path in folder.iterdir())
