"""Counting downloads. A download waits for no database: counts gather in memory, and are kept a little later.

A process that is killed loses the counts of the last second; nothing else depends on them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

import structlog
from fastapi import Request, Response

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.ports.social import Downloads
from spaces_runtime.domain.repo import Repo

log = structlog.get_logger()
GATHERED: Final = 1.0  # seconds between a download and its place in the database
DAY: Final = 86400.0  # seconds
COUNTED: Final = "x-hf-download-counter"  # clients send it with what belongs to a download


class Counting:
    """The hub's one. kept: where the counts go."""

    def __init__(self, kept: Downloads) -> None:
        self._kept = kept
        self._counts: Counter[RepoId] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._recounted = 0  # day

    def count(self, repo: RepoId) -> None:
        """One more; returns at once."""
        self._counts[repo] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._soon())

    async def _soon(self) -> None:
        await asyncio.sleep(GATHERED)
        counts, self._counts, self._task = self._counts, Counter(), None
        day = int(time.time() // DAY)
        try:
            if day != self._recounted:
                await self._kept.recount(day)
                self._recounted = day
            await self._kept.add(counts, day)
        except Fault as fault:
            log.warning("downloads were not counted", many=counts.total(), why=fault.said)


def counted(request: Request, repo: Repo, response: Response) -> Response:
    """The answer again; counts a file that a client fetches, once: not what it asks before, nor the rest of a file."""
    first = response.status_code == 200 or response.headers.get("content-range", "").startswith("bytes 0-")  # noqa: PLR2004
    if request.method == "GET" and first and request.headers.get(COUNTED, "").strip() not in ("", "0"):
        state = request.app.state
        if not hasattr(state, "counting"):
            state.counting = Counting(state.desk.downloads)
        state.counting.count(repo.id)
    return response
