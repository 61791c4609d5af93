"""What a repo was made from, and what was made from it: lineage both ways, as far as this person may see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.access import Verb, may, sight
from spaces_runtime.domain.lineage import Relation, base_tag
from spaces_runtime.domain.listing import Listed, Query, Sort
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.summary import USES

MOST: Final = 1000  # children that are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A model that a card names. repo: None when this hub does not have it, or not for this person."""

    name: str
    repo: Repo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A model made from this one."""

    repo: Repo
    relation: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """children: the most fetched first. users: Spaces, and for a dataset models, whose cards name this repo."""

    bases: tuple[Base, ...] = ()
    children: tuple[Child, ...] = ()
    users: tuple[Repo, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many were made in which way, by the clients' words; only ways that there are."""
        return counts_of(self.children)


def counts_of(children: Collection[Child]) -> Mapping[str, int]:
    """See Kin.counts."""
    return dict(Counter(child.relation.value for child in children))


async def kin_of(desk: Desk, who: Person | None, repo: Repo, base_models: Sequence[str]) -> Kin:
    """All of it. base_models: as the repo's card names them."""
    model = repo.kind is Kind.MODEL
    return Kin(
        bases=await bases_of(desk, who, base_models),
        children=await children_of(desk, who, repo) if model else (),
        users=await users_of(desk, who, repo),
    )


async def bases_of(desk: Desk, who: Person | None, names: Sequence[str]) -> tuple[Base, ...]:
    """The models that a card names, in its order."""
    found = []
    for name in names:
        namespace, _, short = name.rpartition("/")
        index = desk.index
        repo = await (index.find(Kind.MODEL, namespace, short) if namespace else index.alias(Kind.MODEL, name))
        found.append(Base(name=name, repo=repo if repo is not None and may(who, Verb.READ, repo) else None))
    return tuple(found)


async def children_of(desk: Desk, who: Person | None, repo: Repo) -> tuple[Child, ...]:
    """The models whose cards name this one as a base."""
    rows = await _tagged(desk, who, Kind.MODEL, base_tag(repo.full))
    return tuple(
        Child(repo=row.repo, relation=Relation(row.summary.relation))
        for row in rows
        if row.summary is not None and row.summary.relation
    )


async def users_of(desk: Desk, who: Person | None, repo: Repo) -> tuple[Repo, ...]:
    """Spaces whose cards name this model or dataset, then models that were trained on this dataset."""
    spaces = await _tagged(desk, who, Kind.SPACE, f"{USES}{repo.kind.value}:{repo.full.lower()}")
    trained = await _tagged(desk, who, Kind.MODEL, f"dataset:{repo.full}") if repo.kind is Kind.DATASET else ()
    return tuple(row.repo for row in (*spaces, *trained))


async def _tagged(desk: Desk, who: Person | None, kind: Kind, tag: str) -> Sequence[Listed]:
    tags = (frozenset({tag}),)
    return await desk.index.page(Query(kind=kind, seen=sight(who), tags=tags, sort=Sort.DOWNLOADS, limit=MOST))
