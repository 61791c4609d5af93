"""What of the content nothing needs any more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.repo import GIT_KINDS
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.xet import FileXorbs

YOUNG: Final = 86400.0  # seconds; what is younger may be under way
REMEMBERED: Final = 28 * 86400.0  # seconds; clients remember for three weeks which xorbs they sent, and count on them


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything that repos are made of."""

    index: SqlIndex
    repos: GitRepos
    blobs: FileBlobs
    xorbs: FileXorbs

    async def sweep(self, now: float) -> int:
        """Remove blobs that no repo holds, old xorbs, and what crashes left; then pack the repos.

        Gives the bytes of blobs and xorbs that are free again. now: Unix seconds.
        """
        known = [repo.id for kind in GIT_KINDS for repo in await self.index.listing(kind)]
        held = await self.index.held()
        await asyncio.to_thread(self.repos.sweep, known, now - YOUNG)
        freed = await asyncio.to_thread(self.blobs.sweep, held, now - YOUNG)
        freed += await asyncio.to_thread(self.xorbs.sweep, now - REMEMBERED)
        for repo in known:
            await self.repos.pack(repo)
        return freed
