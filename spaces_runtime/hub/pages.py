"""Pages of a listing that neither repeat nor lose a repo, whatever is written while somebody turns them.

What is sorted by something that never changes goes on behind the last row. Of every other order the first page keeps
a snapshot, and the next pages follow it. When it is gone (the hub was restarted, or many others came) they go on behind
the last row as well, and then a repo that moved meanwhile may be missed.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fastapi import Request

from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.listing import Listed, Place, Query, cursor_of
from spaces_runtime.hub.identity import desk

KEPT: Final = 32  # snapshots; one of 10,000 repos takes 250 kB


class Snapshots:
    """The order of repos as a first page saw it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()

    def keep(self, ids: Sequence[RepoId]) -> str:
        """Its name."""
        name = secrets.token_urlsafe(9)
        self._kept[name] = " ".join(ids)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> list[RepoId] | None:
        """None: it is gone, or never was."""
        if name not in self._kept:
            return None
        self._kept.move_to_end(name)
        return [RepoId(repo) for repo in self._kept[name].split()]


async def turned(request: Request, query: Query) -> tuple[Sequence[Listed], str]:
    """A page, and the cursor of the next one; empty: there is none."""
    if query.sort.is_lasting:
        return await _behind(request, query)
    kept, at = _snapshots(request), query.after
    ids = kept.find(at.snapshot) if at is not None else await desk(request).index.ids(query)
    if ids is None:
        return await _behind(request, query)
    start = at.offset if at is not None else 0
    end = start + query.limit
    wanted = ids[start:end]
    found = await desk(request).index.page(replace(query, after=None, only=tuple(wanted)))
    by_id = {row.repo.id: row for row in found}
    rows = [by_id[repo] for repo in wanted if repo in by_id]  # what was deleted or hidden meanwhile is left out
    if end >= len(ids):
        return rows, ""
    name = at.snapshot if at is not None else kept.keep(ids)
    last = rows[-1] if rows else None
    place = Place(key=last.key, id=last.repo.id) if last else at or Place(key=0.0, id=RepoId(""))
    return rows, cursor_of(replace(place, snapshot=name, offset=end), query)


async def _behind(request: Request, query: Query) -> tuple[Sequence[Listed], str]:
    found = await desk(request).index.page(replace(query, limit=query.limit + 1))
    rows = found[: query.limit]
    more = len(found) > len(rows)
    return rows, cursor_of(Place(key=rows[-1].key, id=rows[-1].repo.id), query) if more else ""


def _snapshots(request: Request) -> Snapshots:
    """The hub's."""
    state = request.app.state
    if not hasattr(state, "snapshots"):
        state.snapshots = Snapshots()
    found: Snapshots = state.snapshots
    return found
