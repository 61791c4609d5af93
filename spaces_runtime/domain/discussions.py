"""Discussions of a repo, and pull requests: a discussion with a branch `refs/pr/<number>`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from spaces_runtime.domain.ids import RepoId, RevisionId


class Status(Enum):
    """Where a discussion stands; the value is the clients' word. Only pull requests are drafts, or merged."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class What(Enum):
    """What happened; the value is the clients' word."""

    COMMENT = "comment"
    STATUS = "status-change"
    TITLE = "title-change"


LIVE: Final = (Status.DRAFT, Status.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """One discussion. base: where its branch was cut from; empty: it is no pull request. merged: the merge's commit.

    author: a person's name. created_at: Unix seconds.
    """

    repo: RepoId
    number: int
    title: str
    author: str
    created_at: float
    status: Status
    base: str = ""
    merged: str = ""

    @property
    def is_pull(self) -> bool:
        """Whether it has a branch."""
        return bool(self.base)

    @property
    def ref(self) -> str:
        """Of a pull request."""
        return f"refs/pr/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What somebody said or did. text: the comment, the new status or title; before: the title it had."""

    id: str
    what: What
    author: str
    at: float
    text: str
    before: str = ""
    edited: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a pull request would bring. conflicts: paths that keep it from being merged. diff: unified, may be cut."""

    head: RevisionId
    conflicts: tuple[str, ...]
    diff: str
