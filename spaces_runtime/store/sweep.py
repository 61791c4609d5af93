"""What of the content nothing needs any more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.storage import Removed
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.git_pointers import named
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.xet import FileXorbs

YOUNG: Final = 86400.0  # seconds; what is younger may be under way
REMEMBERED: Final = 28 * 86400.0  # seconds; clients remember for three weeks which xorbs they sent, and count on them
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything that repos are made of. grace: seconds an upload waits for its commit, once a sweep has seen it."""

    index: SqlIndex
    storage: SqlStorage
    repos: GitRepos
    blobs: FileBlobs
    xorbs: FileXorbs
    grace: float = YOUNG

    async def sweep(self, now: float) -> tuple[Removed, ...]:
        """Remove what no commit and no bucket names, old xorbs, and what crashes left; then pack and measure the repos.

        Safe while people upload, push and commit. now: Unix seconds.
        """
        known = await self.storage.all_repos()
        await asyncio.to_thread(self.repos.sweep, [repo for repo, _ in known], now - YOUNG)
        unused = Removed(what="large files that no commit names", count=0, size=0)
        for repo, kind in known:
            unused = unused.plus(await self._let_go(repo, kind, now))
        blobs = await self.blobs.sweep(self.index.held, now - YOUNG)
        xorbs = await asyncio.to_thread(self.xorbs.sweep, now - REMEMBERED)
        for repo, kind in known:
            if kind is not Kind.BUCKET:
                await self._pack(repo)
        return unused.counted_elsewhere(), blobs, xorbs

    async def _let_go(self, repo: RepoId, kind: Kind, now: float) -> Removed:
        git = kind is not Kind.BUCKET
        try:
            wanted = await asyncio.to_thread(named, self.repos.path(repo)) if git else frozenset()
        except OSError as error:  # deleted just now, or damaged: then nothing of it is let go
            log.warning("a repo could not be looked through", repo=repo, why=str(error))
            return Removed(what="", count=0, size=0)
        return await self.storage.unused(repo, wanted, now, self.grace)

    async def _pack(self, repo: RepoId) -> None:
        try:
            await self.repos.pack(repo)
            await self.storage.measured(repo, await asyncio.to_thread(self.repos.size, repo))
        except OSError as error:
            log.warning("a repo could not be packed", repo=repo, why=str(error))
