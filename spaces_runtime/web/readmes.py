"""READMEs as HTML, each made once: what a revision holds never changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from spaces_runtime.domain.card import README
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.repo import Repo
from spaces_runtime.web import readme
from spaces_runtime.web.site import Site

KEPT: Final = 200


class Readmes:
    """They are made beside the loop: a long one takes a while."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._made: OrderedDict[tuple[RepoId, RevisionId, str, str, str], readme.Shown | None] = OrderedDict()

    async def of(
        self, repo: Repo, revision: RevisionId, path: str = README, *, named: str = "main"
    ) -> readme.Shown | None:
        """None when it is not text, or too large for a page. named: what its links call the revision.

        Raises:
            EntryMissing: there is none.
        """
        key = (repo.id, revision, repo.full, path, named)
        if key not in self._made:
            content = await self._site.desk.repos.read(repo.id, revision, path)
            page = f"/{repo.kind.prefix}{repo.full}"
            place = readme.Place(page=page, hub=self._site.desk.names.hub_url, revision=named, path=path)
            self._made[key] = await asyncio.to_thread(_html, content, place)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def _html(content: bytes, place: readme.Place) -> readme.Shown | None:
    try:
        return readme.shown(readme.body_of(content.decode()), place)
    except UnicodeDecodeError:
        return None
