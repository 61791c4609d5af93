"""Likes, requests for access, downloads, organisations: on both databases."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.errors import Invalid, RepoMissing, Taken
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.people import Membership, OrgRole, Person
from spaces_runtime.domain.regard import AccessState
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.orgs import SqlOrgs
from spaces_runtime.store.people import SqlPeople
from spaces_runtime.store.regard import WINDOW, SqlAccesses, SqlDownloads, SqlLikes
from spaces_runtime.store.schema import audit

pytestmark = pytest.mark.anyio
ONE, NONE = RepoId("r1"), RepoId("none")


@pytest.fixture
async def ann(db: Database) -> Person:
    await SqlIndex(db).create(
        Repo(
            id=ONE, kind=Kind.MODEL, namespace="ann", name="x", visibility=Visibility.PUBLIC, creator=UserId("a"),
            created_at=1.0, updated_at=1.0,
        )
    )  # fmt: skip
    return await SqlPeople(db).create("ann", "correct horse battery", admin=False)


async def row(db: Database) -> Repo:
    found = await SqlIndex(db).by_id(ONE)
    assert found is not None
    return found


async def told(db: Database) -> list[str]:
    return await db.read(lambda c: list(c.execute(sa.select(audit.c.what).order_by(audit.c.id)).scalars()))


async def test_a_like_counts_once_and_is_audited(db: Database, ann: Person) -> None:
    likes = SqlLikes(db)
    await asyncio.gather(*(likes.put(ONE, ann.id, by="ann") for _ in range(4)))
    assert ((await row(db)).likes, await likes.likers(ONE, after="", limit=9)) == (1, ["ann"])
    assert [each.repo.id for each in await likes.of(ann.id)] == [ONE]
    for _ in range(2):
        await likes.delete(ONE, ann.id, by="ann")
    assert ((await row(db)).likes, await likes.likes(ONE, ann.id)) == (0, False)
    assert (await told(db))[-2:] == ["like", "unlike"]
    with pytest.raises(RepoMissing):
        await likes.put(NONE, ann.id)


async def test_a_person_has_one_request_for_a_repo(db: Database, ann: Person) -> None:
    accesses = SqlAccesses(db)
    assert await accesses.find(ONE, ann.id) is None
    await accesses.put(ONE, ann.id, AccessState.PENDING)
    await accesses.put(ONE, ann.id, AccessState.REJECTED, reason="no", by="root")
    found = await accesses.find(ONE, ann.id)
    assert found is not None
    assert (found.user, found.state, found.reason) == ("ann", AccessState.REJECTED, "no")
    assert await accesses.listing(ONE, AccessState.PENDING) == []
    assert await accesses.listing(ONE, AccessState.REJECTED) == [found]
    assert await accesses.by_id(ONE, found.id) == (found, ann.id)
    assert await accesses.by_id(NONE, found.id) is None
    assert "access rejected for ann" in await told(db)
    with pytest.raises(RepoMissing):
        await accesses.put(NONE, ann.id, AccessState.PENDING)


async def test_downloads_count_for_thirty_days(db: Database, ann: Person) -> None:
    downloads = SqlDownloads(db)
    await downloads.add({ONE: 3, NONE: 9}, 100)
    await downloads.add({ONE: 2}, 100)
    await downloads.add({ONE: 7}, 101)
    await downloads.recount(100 + WINDOW - 1)
    assert ((await row(db)).downloads, (await row(db)).downloads_ever) == (12, 12)
    await downloads.recount(100 + WINDOW)
    assert ((await row(db)).downloads, (await row(db)).downloads_ever) == (7, 12)
    assert ann.name not in await told(db)


async def test_memberships_come_with_the_person_however_they_are_found(db: Database, ann: Person) -> None:
    people, orgs = SqlPeople(db), SqlOrgs(db)
    await orgs.create("Team", "The team", "", ann.id, by="ann")
    ben = await people.create("ben", "correct horse battery", admin=False)
    await orgs.set_role("TEAM", ben.id, OrgRole.READ)
    await orgs.set_role("team", ben.id, OrgRole.CONTRIBUTOR)
    expected = (Membership(org="Team", role=OrgRole.CONTRIBUTOR),)
    session = await people.create_session(ben.id)
    found = [await people.by_name("BEN"), await people.by_id(ben.id), await people.by_session(session)]
    found += [await people.sign_in("ben", "correct horse battery"), (await people.everyone())[1]]
    assert [each.orgs for each in found if each] == [expected] * 5
    assert await orgs.members("team", after="", limit=9) == [("ann", OrgRole.ADMIN), ("ben", OrgRole.CONTRIBUTOR)]
    assert await orgs.members("team", after="ANN", limit=9) == [("ben", OrgRole.CONTRIBUTOR)]
    with pytest.raises(Invalid, match="nobody would be left"):
        await orgs.set_role("team", ann.id, OrgRole.WRITE)
    assert await orgs.count("team") == 2


async def test_a_name_is_one_of_users_and_organisations_together(db: Database, ann: Person) -> None:
    people, orgs = SqlPeople(db), SqlOrgs(db)
    with pytest.raises(Taken):
        await orgs.create("ANN", "", "", ann.id)
    made = await asyncio.gather(
        *(people.create("same", "correct horse battery", admin=False) for _ in range(2)),
        *(orgs.create("Same", "", "", ann.id) for _ in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Taken) for each in made) == 3
    assert (await orgs.namespace("SAME") or "").lower() == "same"
    assert await orgs.namespace("other") is None
