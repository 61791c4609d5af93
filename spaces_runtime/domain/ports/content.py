"""The content of repos: git and blobs. A crash at any line loses nothing that was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol

from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256, UserId
from spaces_runtime.domain.locks import Lock
from spaces_runtime.domain.repo import Change, Commit, Entry, LargeFile, Ref


class Repos(Protocol):
    """Bare git repos by repo id. Blocking work runs in threads; commits to one repo are serialised."""

    def path(self, repo: RepoId) -> Path: ...
    async def create(self, repo: RepoId, files: Mapping[str, bytes], author: str) -> RevisionId: ...
    # one commit with all that revision of source has; the large files it names are the caller's to hold first
    async def duplicate(
        self, repo: RepoId, source: RepoId, revision: RevisionId, *, author: str, message: str
    ) -> RevisionId: ...
    async def delete(self, repo: RepoId) -> None: ...
    async def resolve(self, repo: RepoId, revision: str) -> RevisionId: ...  # raises RevisionMissing
    async def branches(self, repo: RepoId) -> Sequence[Ref]: ...
    async def tags(self, repo: RepoId) -> Sequence[Ref]: ...
    async def entry(self, repo: RepoId, revision: RevisionId, path: str) -> Entry: ...  # raises EntryMissing
    async def tree(self, repo: RepoId, revision: RevisionId, path: str, *, recursive: bool) -> Sequence[Entry]: ...
    async def read(self, repo: RepoId, revision: RevisionId, path: str) -> bytes: ...  # raw blob: the pointer, if LFS
    async def history(self, repo: RepoId, revision: RevisionId, *, skip: int, limit: int) -> Sequence[Commit]: ...
    async def commit(
        self, repo: RepoId, branch: str, changes: Sequence[Change], *, author: str, message: str, parent: str | None
    ) -> RevisionId: ...  # all or none; raises Moved if parent is given and not the head
    async def set_branch(self, repo: RepoId, name: str, target: RevisionId) -> None: ...  # raises Taken, Invalid
    async def delete_branch(self, repo: RepoId, name: str) -> None: ...
    async def set_tag(self, repo: RepoId, name: str, target: RevisionId, message: str, author: str) -> None: ...
    async def delete_tag(self, repo: RepoId, name: str) -> None: ...
    async def squash(self, repo: RepoId, branch: str, *, author: str, message: str) -> RevisionId: ...  # no parent
    async def last_commits(
        self, repo: RepoId, revision: RevisionId, paths: Collection[str]
    ) -> Mapping[str, Commit]: ...  # the newest that touched each
    # what the history of any ref names, by the last path it had; with the ref where that is main
    async def large_files(self, repo: RepoId) -> Mapping[Sha256, LargeFile]: ...
    async def forget(self, repo: RepoId, named: Collection[Sha256]) -> None: ...  # writes every history anew without
    # around a git process that moves refs, and inherits the descriptor: locks of killed ones are removed before
    def writing(self, repo: RepoId) -> AbstractAsyncContextManager[int]: ...
    async def heads(self, repos: Collection[RepoId]) -> Mapping[RepoId, RevisionId]: ...  # of main, where it is
    async def checkout(self, repo: RepoId, revision: RevisionId, into: Path) -> None: ...  # LFS content in place


class Blobs(Protocol):
    """Content by sha256, shared by LFS and Xet. What repo holds which blob is proven by sending its bytes."""

    def path(self, sha256: Sha256) -> Path: ...
    async def put(self, repo: RepoId, sha256: Sha256, size: int, content: AsyncIterator[bytes]) -> None: ...
    # A file in parts, in any order and at once, each as often as it takes. upload: names this attempt, 32 hex digits.
    # part() gives the sha256 of the part; join() proves the whole as put() does
    async def part(self, upload: str, start: int, size: int, content: AsyncIterator[bytes]) -> Sha256: ...
    async def join(self, repo: RepoId, sha256: Sha256, size: int, upload: str) -> None: ...
    async def holds(self, repo: RepoId, sha256: Sha256) -> bool: ...
    async def size(self, sha256: Sha256) -> int: ...  # bytes; raises Missing
    async def start(self, sha256: Sha256, length: int) -> bytes: ...  # the first bytes; fewer of a shorter one
    # for what is too much to keep in memory until it is looked at; gone afterwards, and a sweep finds what crashes left
    def folder(self) -> AbstractContextManager[Path]: ...


class Holdings(Protocol):
    """Which large files each repo has proven to hold, and may therefore give to those who may read it."""

    async def of(self, repo: RepoId) -> Mapping[Sha256, int]: ...  # with their sizes, bytes
    # lets the target hold what the source holds, without a byte being moved; gives those that it does not hold
    async def share(
        self, source: RepoId, target: RepoId, named: Collection[Sha256], *, by: str = ""
    ) -> Collection[Sha256]: ...
    async def release(self, repo: RepoId, named: Collection[Sha256], *, by: str = "") -> None: ...


class Locks(Protocol):
    """Locks of the large files of a repo, by path. by: a person's name."""

    # the lock there is now, and whether this call made it
    async def lock(self, repo: RepoId, path: str, *, by: str, now: float) -> tuple[Lock, bool]: ...
    async def locks(self, repo: RepoId) -> Sequence[Lock]: ...  # in the order of paths
    async def unlock(self, repo: RepoId, lock: str, *, by: str) -> None: ...  # by its id; one that is gone is fine


class Xorbs(Protocol):
    """What Xet clients upload before it is a file. Each user has their own, so nobody can poison or probe another's.

    installation: names this store; a store that lost its xorbs has another, for clients remember what they sent.
    """

    @property
    def installation(self) -> str: ...
    async def put(self, owner: UserId, xorb: str, content: AsyncIterator[bytes]) -> bool: ...  # False: it was there
    # builds the shard's files from xorbs, proves their sha256 and lets the repo hold them; raises Invalid, Missing
    async def register(self, owner: UserId, repo: RepoId, shard: bytes) -> None: ...
    # the content that a repo (or bucket) holds by the hash a Xet client gave it in a shard, or by its sha256
    async def find(self, repo: RepoId, xet: str) -> Sha256 | None: ...
