"""The front matter at a repo's head, read once a revision."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from builder.frontmatter import front_matter
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Repo

KEPT: Final = 4096  # revisions
LARGEST: Final = 2**20  # bytes of a README that is read for its front matter


class Cards:
    """A revision never changes, so what was read stays true."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: OrderedDict[RevisionId, Mapping[str, object]] = OrderedDict()

    async def of(self, repo: Repo) -> Mapping[str, object]:
        """The keys of README.md at head; empty when there are none to be read."""
        if repo.head is None:
            return {}
        if repo.head in self._known:
            self._known.move_to_end(repo.head)
            return self._known[repo.head]
        card = await self._read(repo, repo.head)
        self._known[repo.head] = card
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return card

    async def _read(self, repo: Repo, head: RevisionId) -> Mapping[str, object]:
        try:
            text = await self._desk.repos.read(repo.id, head, "README.md")
        except Missing:
            return {}
        return front_matter(text[:LARGEST].decode(errors="replace")).plain()
