"""What repo info says of a revision: the index knows it of the head, any other one is read once and kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from fastapi import Request

from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.summarise import summarise
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.summary import Summary

KEPT: Final = 500  # summaries


class Summaries:
    """What a revision holds never changes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: OrderedDict[tuple[RepoId, str, RevisionId], Summary] = OrderedDict()

    async def at(self, repo: Repo, revision: RevisionId) -> Summary:
        """Of one repo at a revision."""
        known = await self._desk.index.summary(repo.id) if revision == repo.head else None
        if known is not None and known.head == revision:
            return known
        key = (repo.id, repo.full, revision)
        found = self._kept.get(key) or await summarise(self._desk, repo, revision)
        self._kept[key] = found
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def summaries(request: Request) -> Summaries:
    """The hub's one."""
    state = request.app.state
    if not hasattr(state, "summaries"):
        state.summaries = Summaries(state.desk)
    found: Summaries = state.summaries
    return found
