"""What Xet clients upload before it is a file: the implementation of the port Xorbs.

A client remembers for weeks which xorbs it has sent to an address, and names them in later shards without sending
them again. So each user has an address of their own, xorbs stay until nobody can remember them, and a store that
lost them has another installation id.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import structlog

from spaces_runtime.domain.errors import Fault, Invalid
from spaces_runtime.domain.ids import RepoId, Sha256, UserId
from spaces_runtime.domain.storage import Removed
from spaces_runtime.store.blobs import FileBlobs, Incoming, Ledger, at_most
from spaces_runtime.store.disk import remove_older
from spaces_runtime.store.receiving import received
from spaces_runtime.store.xet_format import Chunk, FileRecipe, chunks_of, files_of, unpacked

HASH = re.compile(r"[0-9a-f]{64}\Z")
XORB_LIMIT = 64 * 2**20 + 2**20  # bytes; the format's 64 MiB and room for headers
BUILDERS = 2  # files that are put together at a time
log = structlog.get_logger()


class Names(Protocol):
    """What clients call the content of a repo; see xet_names."""

    async def put(self, repo: RepoId, xet: str, sha256: Sha256) -> None: ...
    async def find(self, repo: RepoId, xet: str) -> Sha256 | None: ...


class FileXorbs:
    """See the port Xorbs. root: the folder of the blobs; xorbs lie in `xorbs/<user>/` below it."""

    def __init__(self, root: Path, installation: str, blobs: FileBlobs, ledger: Ledger, names: Names) -> None:
        self._root = root / "xorbs"
        self._installation = installation
        self._blobs = blobs
        self._ledger = ledger
        self._names = names
        # Threads of its own: files of gigabytes must not keep everybody's reads waiting for a thread.
        self._builders = ThreadPoolExecutor(BUILDERS, thread_name_prefix="xet")
        self._building: dict[tuple[RepoId, FileRecipe], asyncio.Task[Sha256]] = {}

    @property
    def installation(self) -> str:
        return self._installation

    async def put(self, owner: UserId, xorb: str, content: AsyncIterator[bytes]) -> bool:
        place = self._place(owner, xorb)
        with suppress(FileNotFoundError):
            os.utime(place)  # a sweep leaves it alone from now on
            async for _ in content:
                pass
            return False
        with self._blobs.incoming(f"store the xorb {xorb}") as file:
            await received(content, file.write_all, at_most(XORB_LIMIT, f"store the xorb {xorb}"))
            await asyncio.to_thread(_keep_xorb, file, place)
        return True

    async def register(self, owner: UserId, repo: RepoId, shard: bytes) -> None:
        for recipe in await asyncio.to_thread(files_of, shard):
            try:
                await self._built(owner, repo, recipe)
            except Fault as fault:  # the client shows its user only the status
                log.warning("xet upload refused", owner=owner, repo=repo, file=recipe.xet, why=fault.why)
                raise

    async def find(self, repo: RepoId, xet: str) -> Sha256 | None:
        return await self._names.find(repo, xet) if HASH.match(xet) else None

    async def _built(self, owner: UserId, repo: RepoId, recipe: FileRecipe) -> None:
        """Once: a client that lost patience with a huge file asks again, and waits for the first build of it."""
        if recipe.sha256 is None or await self._ledger.holds(repo, recipe.sha256) is None:
            key = (repo, recipe)
            if key not in self._building:
                self._building[key] = asyncio.create_task(self._build(owner, repo, recipe))
                self._building[key].add_done_callback(lambda _: self._building.pop(key))
            made = await asyncio.shield(self._building[key])
        else:
            made = recipe.sha256
        await self._names.put(repo, recipe.xet, made)

    async def _build(self, owner: UserId, repo: RepoId, recipe: FileRecipe) -> Sha256:
        """A file of a bucket comes without a sha256, and gets the one it has."""
        with self._blobs.incoming(f"store the file {recipe.xet}") as file:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._builders, self._assemble, owner, recipe, file)
            sha256 = file.sha256
            if recipe.sha256 not in (None, sha256):
                raise Invalid(
                    what=f"take the file {recipe.xet}",
                    why=f"the shard says its sha256 is {recipe.sha256}, its chunks have {sha256}",
                )
            await self._blobs.keep(repo, file)
        return sha256

    def _assemble(self, owner: UserId, recipe: FileRecipe, out: Incoming) -> None:
        known: dict[str, list[Chunk]] = {}
        for segment in recipe.segments:
            with self._open(owner, segment.xorb) as xorb:
                chunks = known.get(segment.xorb) or chunks_of(xorb)
                known[segment.xorb] = chunks
                if not segment.start < segment.end <= len(chunks):
                    raise Invalid(what=f"take the file {recipe.xet}", why=f"{segment.xorb} has {len(chunks)} chunks")
                for chunk in chunks[segment.start : segment.end]:
                    out.write(unpacked(xorb, chunk))

    def _open(self, owner: UserId, xorb: str) -> BinaryIO:
        place = self._place(owner, xorb)
        try:
            os.utime(place)
            return place.open("rb")
        except FileNotFoundError as error:
            raise Fault(
                what=f"read the xorb {xorb}",
                why="it was not uploaded here by this user",
                then="Delete the client's folder ~/.cache/huggingface/xet and try again.",
            ) from error

    def _place(self, owner: UserId, xorb: str) -> Path:
        if not HASH.match(xorb):
            raise Invalid(what="name a xorb", why=f"{xorb!r} is not 64 hex digits")
        return self._root / owner / xorb[:2] / xorb

    def sweep(self, before: float) -> Removed:
        """Remove xorbs that no upload has used since. before: Unix seconds."""
        return remove_older(self._root, "*/??/*", before, "parts of Xet uploads")


def _keep_xorb(file: Incoming, place: Path) -> None:
    chunks_of(file.reader)
    place.parent.parent.parent.mkdir(0o700, parents=True, exist_ok=True)
    file.keep(place)
