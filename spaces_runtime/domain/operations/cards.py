"""The cards of repos. Each is read once: what a revision holds never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from builder.frontmatter import front_matter
from spaces_runtime.domain.card import LONGEST, README, Facts, read_facts
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.plain import Plain
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.results import FOLDER, filed, is_results

KEPT: Final = 4096  # cards, and as many facts
Card = Mapping[str, Any]
FILES: Final = 50  # of results that are read
K = TypeVar("K")
V = TypeVar("V")


class Cards:
    """of() reads the README only; facts() also the names of the files, which show formats and how a model was made."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: OrderedDict[tuple[RepoId, RevisionId], Card] = OrderedDict()
        self._facts: OrderedDict[tuple[RepoId, RevisionId, str], Facts] = OrderedDict()

    async def of(self, repo: RepoId, revision: RevisionId) -> Card:
        """The values of the block; {} where there is none, or it is broken."""
        key = (repo, revision)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        readme = await self._readme(repo, revision)
        card = front_matter(readme[:LONGEST].decode(errors="replace")).plain() if readme else {}
        return _keep(self._kept, key, card)

    async def head(self, repo: Repo) -> Card:
        """The card at the head of main."""
        return await self.of(repo.id, repo.head) if repo.head else {}

    async def facts(self, repo: Repo, revision: RevisionId) -> Facts:
        """All that card and files say about a repo at a revision."""
        key = (repo.id, revision, repo.full)
        if key in self._facts:
            self._facts.move_to_end(key)
            return self._facts[key]
        entries = await self._desk.repos.tree(repo.id, revision, "", recursive=True)
        files = [entry.path for entry in entries if not entry.folder]
        readme = await self._readme(repo.id, revision) if README in files else b""
        return _keep(self._facts, key, read_facts(repo.kind, repo.full, readme, files))

    async def filed_results(self, repo: Repo, revision: RevisionId) -> list[dict[str, Plain]]:
        """The entries of a model's result files, as clients read them."""
        try:
            entries = await self._desk.repos.tree(repo.id, revision, FOLDER.strip("/"), recursive=True)
        except Missing:
            return []
        files = [entry.path for entry in entries if is_results(entry.path) and not entry.lfs and entry.size <= LONGEST]
        return [
            found
            for path in files[:FILES]
            for found in filed(path, await self._desk.repos.read(repo.id, revision, path))
        ]

    async def _readme(self, repo: RepoId, revision: RevisionId) -> bytes:
        try:
            return await self._desk.repos.read(repo, revision, README)
        except Missing:
            return b""


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> V:
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return value
