"""Locks of large files: a word among people who work on one repo, which git-lfs reads before it pushes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Whoever locked a path asks others not to push to it. owner: a person's name. at: Unix seconds."""

    id: str
    path: str
    owner: str
    at: float
