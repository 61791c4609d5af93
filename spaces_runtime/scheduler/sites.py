"""Names, hosts and faces of Spaces, from the index and the README at head."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from builder.frontmatter import front_matter
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RevisionId, SpaceId, UserId
from spaces_runtime.domain.ports.durable import Address
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.scheduler.site import site_of

FEW = 20  # up to so many are looked up one by one


class Sites:
    """A README is read once a revision."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cards: dict[SpaceId, tuple[RevisionId | None, Mapping[str, object]]] = {}

    async def load(self, named: Collection[SpaceId], known: dict[SpaceId, Known]) -> None:
        """Bring `known` up to the index: Spaces that are new, renamed, or shown otherwise."""
        addresses = await self._parts.spaces.addresses(named)
        former = await self._parts.spaces.former_hosts(named)
        found = {repo.id: repo for repo in await self._parts.index.listing(Kind.SPACE)} if len(addresses) > FEW else {}
        for address in addresses:
            repo = found.get(address.repo) or await self._parts.index.by_id(address.repo) or _deleted(address)
            card = await self._card(address.space, repo)
            site = site_of(address, repo, self._parts.names, card, former.get(address.space, ()))
            if address.space in known:
                known[address.space].site = site
            else:
                known[address.space] = Known(site=site)

    def forget(self, space: SpaceId) -> None:
        """It is gone."""
        self._cards.pop(space, None)

    async def _card(self, space: SpaceId, repo: Repo) -> Mapping[str, object]:
        before = self._cards.get(space)
        if before is not None and before[0] == repo.head:
            return before[1]
        card: Mapping[str, object] = {}
        if repo.head is not None:
            try:
                text = await self._parts.repos.read(repo.id, repo.head, "README.md")
                card = front_matter(text.decode(errors="replace")).plain()
            except Fault:
                card = {}
        self._cards[space] = (repo.head, card)
        return card


def _deleted(address: Address) -> Repo:
    """The repo went first; what is left of its Space still has a host."""
    return Repo(
        id=address.repo,
        kind=Kind.SPACE,
        namespace="",
        name=address.subdomain,
        visibility=Visibility.PRIVATE,
        creator=UserId(""),
        created_at=0.0,
        updated_at=0.0,
    )
