"""Listings in SQL say what the pure rules say, on both databases; and are quick with ten thousand repos."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from spaces_runtime.domain.access import Verb, may, sight
from spaces_runtime.domain.errors import RepoMissing, Taken
from spaces_runtime.domain.ids import RepoId, RevisionId, UserId
from spaces_runtime.domain.listing import Place, Query, Sort
from spaces_runtime.domain.people import Membership, OrgRole, Person
from spaces_runtime.domain.repo import Gating, Kind, Repo, Visibility
from spaces_runtime.domain.summary import Summary
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex

pytestmark = pytest.mark.anyio

HEAD = RevisionId("a" * 40)
NOBODY = sight(None)
ROOT = sight(Person(id=UserId("r"), name="root", admin=True))
PEOPLE = (
    None,
    Person(id=UserId("a"), name="Ann"),
    Person(id=UserId("b"), name="ben", orgs=(Membership(org="Team", role=OrgRole.READ),)),
    Person(id=UserId("r"), name="root", admin=True),
)


def repo(number: int, kind: Kind = Kind.MODEL, namespace: str = "Ann", at: float = 0.0) -> Repo:
    return Repo(
        id=RepoId(f"r{number:03}"), kind=kind, namespace=namespace, name=f"n{number}", visibility=Visibility.PUBLIC,
        creator=UserId("a"), created_at=at or float(number), updated_at=at or float(number),
    )  # fmt: skip


@pytest.fixture
def index(db: Database) -> SqlIndex:
    return SqlIndex(db)


async def ids(index: SqlIndex, query: Query) -> list[str]:
    return [row.repo.id for row in await index.page(query)]


async def test_a_listing_shows_just_what_may_be_seen(index: SqlIndex) -> None:
    everything = [
        replace(repo(number, kind, namespace), visibility=visibility)
        for number, (kind, namespace, visibility) in enumerate(
            itertools.product((Kind.MODEL, Kind.SPACE), ("Ann", "Team", "zoe"), Visibility)
        )
    ]
    for each in everything:
        await index.create(each)
    for who, kind in itertools.product(PEOPLE, (Kind.MODEL, Kind.SPACE)):
        verb = Verb.VISIT if kind is Kind.SPACE else Verb.READ
        allowed = {each.id for each in everything if each.kind is kind and may(who, verb, each)}
        assert set(await ids(index, Query(kind=kind, seen=sight(who)))) == allowed
        for namespace in ("ann", "TEAM"):
            named = {each.id for each in everything if each.namespace.lower() == namespace.lower()}
            assert await index.count(Query(kind=kind, seen=sight(who), owner=namespace)) == len(allowed & named)


async def test_equal_keys_are_told_apart_by_the_id(index: SqlIndex) -> None:
    for number in range(7):
        await index.create(repo(number, at=5.0))
    for rising in (False, True):
        seen, after = [], None
        while rows := await index.page(
            Query(kind=Kind.MODEL, seen=NOBODY, sort=Sort.MODIFIED, rising=rising, after=after, limit=2)
        ):
            seen += [row.repo.id for row in rows]
            after = Place(key=rows[-1].key, id=rows[-1].repo.id)
        assert seen == sorted(seen, reverse=not rising)
        assert len(seen) == 7


async def test_what_was_read_at_the_head_comes_back_and_is_replaced(index: SqlIndex) -> None:
    await index.create(repo(1))
    said = Summary(
        head=HEAD, tags=("a", "license:mit"), library="peft", pipeline="fill-mask", models=("x/y",), weights={"F32": 9},
        config={"model_type": "bert"}, base_models=("b/c",), relation="finetune", card={"license": "mit", "x": [1]},
    )  # fmt: skip
    await index.set_head(RepoId("r001"), HEAD, said)
    assert await index.summary(RepoId("r001")) == said
    [row] = await index.page(Query(kind=Kind.MODEL, seen=NOBODY, card=True))
    assert row.summary == said
    [row] = await index.page(Query(kind=Kind.MODEL, seen=NOBODY))
    assert row.summary == replace(said, card={})
    assert await ids(index, Query(kind=Kind.MODEL, seen=NOBODY, parameters=(9, 9))) == ["r001"]
    later = Summary(head=RevisionId("b" * 40), tags=("c",))
    await index.set_head(RepoId("r001"), later.head, later)
    assert await ids(index, Query(kind=Kind.MODEL, seen=NOBODY, tags=(frozenset({"a"}),))) == []
    assert await ids(index, Query(kind=Kind.MODEL, seen=NOBODY, tags=(frozenset({"c", "d"}),))) == ["r001"]
    assert await index.popular_tags(Kind.MODEL, NOBODY) == ["c"]


async def test_of_a_repo_that_is_gone_nothing_is_kept(index: SqlIndex) -> None:
    await index.set_head(RepoId("none"), HEAD, Summary(head=HEAD, tags=("a",)))
    assert await index.summary(RepoId("none")) is None


async def test_a_name_leads_on_until_it_is_taken(index: SqlIndex) -> None:
    for number in (1, 2):
        await index.create(repo(number))
    moved = await index.move(RepoId("r001"), "Team", "New", by="ann")
    assert (moved.full, await index.find(Kind.MODEL, "ann", "n1")) == ("Team/New", None)
    assert await index.moved(Kind.MODEL, "ANN", "N1") == moved
    with pytest.raises(Taken, match="A model repository called Team/NEW already exists"):
        await index.move(RepoId("r002"), "Team", "NEW")
    await index.create(replace(repo(3), name="N1"))
    assert await index.moved(Kind.MODEL, "ann", "n1") is None
    await index.delete(RepoId("r001"))
    with pytest.raises(RepoMissing):
        await index.move(RepoId("r001"), "ann", "x")


async def test_gates_are_kept_and_filtered(index: SqlIndex) -> None:
    for number in (1, 2):
        await index.create(repo(number))
    await index.set_gated(RepoId("r001"), Gating.MANUAL, by="ann")
    found = await index.by_id(RepoId("r001"))
    assert found is not None
    assert found.gated is Gating.MANUAL
    assert await ids(index, Query(kind=Kind.MODEL, seen=ROOT, gated=True)) == ["r001"]
    await index.set_gated(RepoId("r001"), None)
    assert await ids(index, Query(kind=Kind.MODEL, seen=ROOT, gated=True)) == []
    with pytest.raises(RepoMissing):
        await index.set_gated(RepoId("none"), None)
