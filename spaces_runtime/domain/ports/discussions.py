"""Discussions, as they are kept; and what git does for pull requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from spaces_runtime.domain.discussions import Discussion, Happening, Proposal, Status
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.repo import Commit, Ref


class Discussions(Protocol):
    """Numbered from 1 in each repo. Every change writes its audit row."""

    # base: of a pull request, which begins as a draft; empty: a discussion, open
    async def open(
        self, repo: RepoId, title: str, text: str, *, base: str, by: str, now: float
    ) -> Discussion: ...  # raises RepoMissing
    async def remove(self, repo: RepoId, number: int) -> None: ...  # of a pull request that never came to be
    async def of(self, repo: RepoId) -> Sequence[Discussion]: ...  # newest first
    async def find(self, repo: RepoId, number: int) -> Discussion | None: ...
    async def happenings(self, discussion: Discussion) -> Sequence[Happening]: ...  # oldest first
    async def comment(self, discussion: Discussion, text: str, *, by: str, now: float) -> Happening: ...
    async def rename(self, discussion: Discussion, title: str, *, by: str, now: float) -> Happening: ...
    async def set_status(
        self, discussion: Discussion, status: Status, *, by: str, now: float, merged: str = ""
    ) -> Happening: ...
    async def edit(self, discussion: Discussion, comment: str, text: str, *, hide: bool, by: str) -> Happening: ...


class Pulls(Protocol):
    """The branches of pull requests."""

    async def refs(self, repo: RepoId) -> Sequence[Ref]: ...
    async def cut(self, repo: RepoId, ref: str, base: RevisionId) -> None: ...
    async def drop(self, repo: RepoId, ref: str) -> None: ...
    async def commits(self, repo: RepoId, ref: str, base: str) -> Sequence[Commit]: ...  # oldest first
    async def proposal(self, repo: RepoId, ref: str, base: str) -> Proposal: ...
    async def merge(self, repo: RepoId, ref: str, *, author: str, message: str) -> RevisionId: ...  # raises Conflict
