"""Discussions, on each database."""

from __future__ import annotations

import asyncio

import pytest

from spaces_runtime.domain.discussions import Discussion, Status, What
from spaces_runtime.domain.errors import Missing, RepoMissing
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.store.database import Database
from spaces_runtime.store.discussions import SqlDiscussions
from spaces_runtime.store.index import SqlIndex
from tests.contracts.conftest import audited

pytestmark = pytest.mark.anyio
BASE = "0" * 40
Pair = tuple[RepoId, RepoId]


@pytest.fixture
def talk(db: Database) -> SqlDiscussions:
    return SqlDiscussions(db)


async def opened(talk: SqlDiscussions, repo: RepoId, title: str = "Why?", text: str = "", base: str = "") -> Discussion:
    return await talk.open(repo, title, text, base=base, by="ben", now=5.0)


async def test_they_are_numbered_in_each_repo_and_shown_newest_first(talk: SqlDiscussions, pair: Pair) -> None:
    one, two = pair
    first, pull = await opened(talk, one), await opened(talk, one, base=BASE)
    assert (await opened(talk, two)).number == 1
    assert (first.number, first.status, first.is_pull) == (1, Status.OPEN, False)
    assert (pull.number, pull.status, pull.ref) == (2, Status.DRAFT, "refs/pr/2")
    assert await talk.of(one) == [pull, first]
    assert await talk.find(one, 2) == pull
    assert await talk.find(one, 3) is None


async def test_of_many_opened_at_once_each_has_its_own_number(url: str, db: Database, pair: Pair) -> None:
    other = Database(url)  # another process's
    try:
        sides = SqlDiscussions(db), SqlDiscussions(other)
        made = await asyncio.gather(*(opened(sides[turn % 2], pair[0], f"No. {turn}", "Hello") for turn in range(16)))
    finally:
        await other.close()
    assert sorted(each.number for each in made) == list(range(1, 17))
    for each in made:
        assert [said.text for said in await sides[0].happenings(each)] == ["Hello"]


async def test_what_happens_is_told_in_order_and_audited(db: Database, talk: SqlDiscussions, pair: Pair) -> None:
    made = await opened(talk, pair[0], text="At length")
    await talk.comment(made, "Because.", by="ann", now=4.0)  # a clock that was set back changes no order
    await talk.rename(made, "Why not?", by="ben", now=7.0)
    await talk.set_status(made, Status.MERGED, by="ann", now=8.0, merged="f" * 40)
    told = [(each.what, each.author, each.text, each.before) for each in await talk.happenings(made)]
    assert told == [
        (What.COMMENT, "ben", "At length", ""),
        (What.COMMENT, "ann", "Because.", ""),
        (What.TITLE, "ben", "Why not?", "Why?"),
        (What.STATUS, "ann", "merged", ""),
    ]
    now = await talk.find(pair[0], 1)
    assert now is not None
    assert (now.title, now.status, now.merged) == ("Why not?", Status.MERGED, "f" * 40)
    assert (await audited(db))[-4:] == [
        ("ben", "open discussion 1", "ann/one"),
        ("ann", "comment in discussion 1", "ann/one"),
        ("ben", "title-change in discussion 1", "ann/one"),
        ("ann", "status-change in discussion 1", "ann/one"),
    ]


async def test_a_comment_is_changed_and_hidden_and_nothing_else_is(talk: SqlDiscussions, pair: Pair) -> None:
    one, two = await opened(talk, pair[0], text="Fist"), await opened(talk, pair[1])
    said = (await talk.happenings(one))[0]
    edited = await talk.edit(one, said.id, "First", hide=False, by="ben")
    assert (edited.text, edited.edited, edited.hidden) == ("First", True, False)
    hidden = await talk.edit(one, said.id, "", hide=True, by="ann")
    assert (hidden.text, hidden.edited, hidden.hidden) == ("", True, True)
    assert await talk.happenings(one) == [hidden]
    renamed = await talk.rename(one, "Other", by="ben", now=6.0)
    for where, comment in ((two, said.id), (one, renamed.id), (one, "none")):
        with pytest.raises(Missing, match="none of this id"):
            await talk.edit(where, comment, "x", hide=False, by="ben")


async def test_nothing_is_said_in_what_is_gone(db: Database, talk: SqlDiscussions, pair: Pair) -> None:
    made, kept = await opened(talk, pair[0], text="Hello", base=BASE), await opened(talk, pair[0])
    await talk.remove(pair[0], made.number)
    assert await talk.of(pair[0]) == [kept]
    assert await talk.happenings(made) == []
    with pytest.raises(RepoMissing):
        await talk.comment(made, "Anybody?", by="ann", now=6.0)
    await SqlIndex(db).delete(pair[0])
    with pytest.raises(RepoMissing):
        await talk.rename(kept, "Anybody?", by="ann", now=6.0)
    with pytest.raises(RepoMissing):
        await opened(talk, pair[0])
    assert await talk.of(pair[0]) == []
