"""What the hub knows of a Space beside its life: names, hosts, face. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spaces_runtime.domain.hosts import Names
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.ports.durable import Address
from spaces_runtime.domain.repo import Repo, Visibility
from spaces_runtime.domain.route import Face


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """namespace, name: of the repo. host: canonical, with port. hosts: lower case, no port, all it answers to.

    former: hosts it had before it was renamed, written likewise.
    page: on the hub, absolute. face: without `usual`, which is the scheduler's.
    """

    namespace: str
    name: str
    creator: UserId
    private: bool
    host: str
    hosts: tuple[str, ...]
    former: tuple[str, ...] = ()
    page: str
    face: Face

    @property
    def owner(self) -> str:
        """Whose it is, in small letters."""
        return self.namespace.lower()

    @property
    def full(self) -> str:
        """owner/name."""
        return f"{self.namespace}/{self.name}"


def site_of(address: Address, repo: Repo, names: Names, card: Mapping[str, object], former: Sequence[str] = ()) -> Site:
    """card: the README's front matter, as far as it is readable. former: subdomains it had."""
    plain, *before = (names.host(label).removesuffix(names.port).lower() for label in (address.subdomain, *former))
    return Site(
        namespace=repo.namespace,
        name=repo.name,
        creator=repo.creator,
        private=repo.visibility is Visibility.PRIVATE,
        host=names.host(address.subdomain),
        hosts=(plain, address.loopback) if names.local else (plain,),
        former=tuple(before),
        page=f"{names.hub_url}/{repo.kind.prefix}{repo.full}",
        face=Face(
            title=_text(card, "title") or repo.name,
            emoji=_text(card, "emoji"),
            color_from=_text(card, "colorFrom") or "gray",
            color_to=_text(card, "colorTo") or "gray",
        ),
    )


def _text(card: Mapping[str, object], key: str) -> str:
    found = card.get(key)
    return str(found) if isinstance(found, (str, int, float)) else ""
