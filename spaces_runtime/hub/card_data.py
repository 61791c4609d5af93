"""The front matter of READMEs, as repo info and listings show it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from builder.frontmatter import front_matter
from spaces_runtime.domain.errors import EntryMissing, RevisionMissing
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.operations.desk import Desk

KEPT = 2000  # cards
LONGEST = 512 * 1024  # bytes of a README that are read
TAGGED = (  # key of the front matter, prefix of its tags
    ("tags", ""),
    ("library_name", ""),
    ("pipeline_tag", ""),
    ("language", ""),
    ("license", "license:"),
    ("datasets", "dataset:"),
    ("base_model", "base_model:"),
    ("task_categories", "task_categories:"),
    ("task_ids", "task_ids:"),
    ("size_categories", "size_categories:"),
)
Card = Mapping[str, Any]


class Cards:
    """Reads each card once: what a revision holds never changes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: OrderedDict[tuple[RepoId, RevisionId], Card] = OrderedDict()

    async def of(self, repo: RepoId, revision: RevisionId) -> Card:
        """The values of the block; {} where there is none, or it is broken."""
        key = (repo, revision)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        try:
            readme = await self._desk.repos.read(repo, revision, "README.md")
        except (EntryMissing, RevisionMissing):
            readme = b""
        card = front_matter(readme[:LONGEST].decode(errors="replace")).plain() if readme else {}
        self._kept[key] = card
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return card


def cards(request: Request) -> Cards:
    """The hub's one."""
    state = request.app.state
    if not hasattr(state, "cards"):
        state.cards = Cards(state.desk)
    found: Cards = state.cards
    return found


def tags_of(card: Card) -> list[str]:
    """What filters of listings match."""
    found: dict[str, None] = {}
    for key, prefix in TAGGED:
        value = card.get(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str | int | float) and not isinstance(each, bool) and each != "":
                found[f"{prefix}{each}"] = None
    return list(found)
