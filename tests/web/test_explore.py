"""The lists of Spaces, models and datasets, with more in them than stand on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import Request

from spaces_runtime.domain.access import Sight
from spaces_runtime.domain.ids import RepoId, RevisionId, SpaceId
from spaces_runtime.domain.listing import Listed, Query, Sort
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.summary import Summary
from spaces_runtime.web.paging import SIZE, turn
from tests.hub.conftest import Account
from tests.hub.serving import Hub

NUMBERS = count(1)
MANY = SIZE + SIZE // 2  # a page and a half
LINK = re.compile(r'rel="(prev|next)" href="([^"]+)"')


@pytest.fixture
def crowd(hub: Hub, ann: Account) -> Iterator[Any]:
    """Makes rows without a file: crowd(kind, owner, how_many). title: of their cards."""

    def made(kind: Kind, owner: str, how_many: int, title: str = "", visibility: str = "public") -> list[str]:
        async def make(desk: Desk) -> list[str]:
            named = []
            for _ in range(how_many):
                number = next(NUMBERS)
                repo = Repo(
                    id=RepoId(f"crowd{number}"), kind=kind, namespace=owner, name=f"n{number}", sdk="",
                    visibility=Visibility(visibility), creator=ann.person.id, created_at=float(number),
                    updated_at=1e9 + number // 3,  # some at the same moment
                )  # fmt: skip
                await desk.index.create(repo)
                if kind is Kind.SPACE:
                    await desk.spaces.create(SpaceId(f"s{number}"), repo.id, f"{owner}-n{number}", "cpu-basic")
                if title:
                    card = {"title": title}
                    head = RevisionId(f"{number:040x}")
                    await desk.index.set_head(repo.id, head, Summary(head=head, card=card))
                named.append(repo.full)
                there.append(repo.id)
            return named

        return hub.do(make)

    there: list[RepoId] = []
    yield made

    async def leave(desk: Desk) -> None:
        for repo in there:
            await desk.index.delete(repo)

    hub.do(leave)


def listed(page: str, owner: str) -> list[str]:
    return re.findall(rf'href="/(?:spaces/|datasets/)?({owner}/n\d+)"', page)


def walked(client: httpx.Client, first: str, owner: str, way: str = "next") -> Iterator[tuple[list[str], str]]:
    """Each page: what it lists, and its address."""
    address = first
    for _ in range(20):
        answer = client.get(address)
        assert answer.status_code == 200
        yield listed(answer.text, owner), address
        found = dict(LINK.findall(answer.text))
        if way not in found:
            return
        address = found[way].replace("&amp;", "&")


@pytest.mark.parametrize("kind", [Kind.SPACE, Kind.MODEL, Kind.DATASET])
def test_pages_lead_on_and_back_past_every_repo_once(client: httpx.Client, crowd: Any, kind: Kind) -> None:
    owner = f"many{kind.value}"
    made = crowd(kind, owner, MANY)
    there = list(walked(client, f"/{kind.plural}?owner={owner}", owner))
    assert [len(rows) for rows, _ in there] == [SIZE, MANY - SIZE]
    assert {name for rows, _ in there for name in rows} == set(made)
    assert sum(len(rows) for rows, _ in there) == MANY
    back = list(walked(client, there[-1][1], owner, "prev"))
    assert [rows for rows, _ in back] == [rows for rows, _ in reversed(there)]
    assert f"{MANY} {'apps' if kind is Kind.SPACE else kind.plural} " in client.get(there[0][1]).text


def test_the_way_back_from_the_middle_ends_with_a_full_first_page(client: httpx.Client, crowd: Any) -> None:
    crowd(Kind.MODEL, "newer", MANY)
    pages = list(walked(client, "/models?owner=newer", "newer"))
    newest = crowd(Kind.MODEL, "newer", 3)  # while somebody reads the second page
    back = list(walked(client, pages[1][1], "newer", "prev"))
    assert back[1][0] == pages[0][0]
    assert len(back[2][0]) == SIZE
    assert set(newest) < set(back[2][0])


def test_a_list_that_fits_has_no_other_pages(client: httpx.Client, crowd: Any) -> None:
    crowd(Kind.DATASET, "few", SIZE)
    page = client.get("/datasets?owner=few").text
    assert len(listed(page, "few")) == SIZE
    assert "Next" not in page
    assert f"{SIZE} datasets of few." in page


def test_a_search_goes_through_all_pages_and_keeps_its_words(client: httpx.Client, crowd: Any) -> None:
    rare = crowd(Kind.SPACE, "odd", 2, title="Weaving")  # on the last page of all
    crowd(Kind.SPACE, "odd", MANY, title="Pottery")
    assert sorted(listed(client.get("/spaces?owner=odd&q=weav").text, "odd")) == sorted(rare)
    pages = list(walked(client, "/spaces?owner=odd&q=pottery&state=trouble", "odd"))
    assert [len(rows) for rows, _ in pages] == [SIZE, MANY - SIZE]
    assert "q=pottery&state=trouble" in pages[1][1]
    assert listed(client.get("/spaces?owner=odd&state=running").text, "odd") == []


def test_private_repos_are_neither_listed_nor_counted(client: httpx.Client, crowd: Any, ann: Account) -> None:
    def counts() -> list[int]:
        pages = [client.get("/models?owner=ann", headers=who).text for who in ({}, known)]
        return [int(re.search(r"(\d+) models? of ann\.", page)[1]) for page in pages]

    known = {"Authorization": f"Bearer {ann.read}"}
    before = counts()
    hidden = crowd(Kind.MODEL, "ann", 2, visibility="private")
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [0, 2]
    assert hidden[0] not in client.get("/models?owner=ann").text


@pytest.mark.parametrize("side", ["after", "before"])
def test_an_address_that_no_page_gave_out_is_refused_in_words(client: httpx.Client, side: str) -> None:
    answer = client.get(f"/models?{side}=nonsense")
    assert answer.status_code == 400
    assert "the cursor is not one of ours" in answer.text


def test_only_what_a_page_shows_is_read(crowd: Any, hub: Hub) -> None:
    crowd(Kind.MODEL, "lean", MANY)
    read: list[int] = []

    async def turned(desk: Desk) -> int:
        class Watched:
            async def page(self, query: Query) -> Sequence[Listed]:
                rows = await desk.index.page(query)
                read.append(len(rows))
                return rows

        async def look(rows: Sequence[Listed]) -> Sequence[tuple[Listed, str]]:
            return [(row, row.repo.full) for row in rows]

        request = Request({"type": "http", "query_string": b"", "path": "/models", "headers": []})
        query = Query(kind=Kind.MODEL, seen=Sight(), owner="lean", sort=Sort.MODIFIED)
        return len((await turn(Watched(), request, query, look, sparse=False)).rows)

    assert hub.do(turned) == SIZE
    assert read == [SIZE + 1]
