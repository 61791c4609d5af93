from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.errors import OverQuota, RepoMissing, Taken
from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256, SpaceId, UserId
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import SleepSettings, StorageSettings
from spaces_runtime.domain.space import Wish
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.schema import audit
from spaces_runtime.store.spaces import SqlSpaces

pytestmark = pytest.mark.anyio

HELLO = Repo(
    id=RepoId("r1"), kind=Kind.SPACE, namespace="Ann", name="Hello", visibility=Visibility.PUBLIC,
    creator=UserId("u1"), created_at=10.0, updated_at=10.0, sdk="gradio",
)  # fmt: skip
HEAD = RevisionId("a" * 40)
BLOB = Sha256("b" * 64)


@pytest.fixture
def index(db: Database) -> SqlIndex:
    return SqlIndex(db)


async def test_a_repo_is_found_without_regard_to_case_and_answered_as_created(index: SqlIndex) -> None:
    await index.create(HELLO)
    assert await index.find(Kind.SPACE, "ann", "hELLO") == HELLO
    assert await index.by_id(HELLO.id) == HELLO
    assert await index.find(Kind.MODEL, "Ann", "Hello") is None


async def test_a_name_is_taken_within_its_kind_also_in_another_case(index: SqlIndex) -> None:
    await index.create(HELLO)
    with pytest.raises(Taken, match="space of this name"):
        await index.create(replace(HELLO, id=RepoId("r2"), namespace="ann", name="hello"))
    await index.create(replace(HELLO, id=RepoId("r3"), kind=Kind.MODEL))


async def test_a_listing_has_the_newest_change_first_and_can_be_narrowed(index: SqlIndex) -> None:
    await index.create(HELLO)
    await index.create(replace(HELLO, id=RepoId("r2"), namespace="bob", name="50%_done", updated_at=20.0))
    assert [repo.id for repo in await index.listing(Kind.SPACE)] == ["r2", "r1"]
    assert [repo.id for repo in await index.listing(Kind.SPACE, namespace="ANN")] == ["r1"]
    assert [repo.id for repo in await index.listing(Kind.SPACE, search="ELL")] == ["r1"]
    assert [repo.id for repo in await index.listing(Kind.SPACE, search="0%_")] == ["r2"]
    assert await index.listing(Kind.SPACE, search="_") == [await index.by_id(RepoId("r2"))]


async def test_the_same_head_again_is_no_change(index: SqlIndex) -> None:
    await index.create(HELLO)
    await index.set_head(HELLO.id, HEAD)
    moved = await index.by_id(HELLO.id)
    assert moved is not None
    assert (moved.head, moved.updated_at > 10.0) == (HEAD, True)
    await index.set_head(HELLO.id, HEAD)
    assert await index.by_id(HELLO.id) == moved


async def test_a_change_and_who_made_it_are_kept_together(index: SqlIndex, db: Database) -> None:
    await index.create(HELLO, by="ann")
    await index.set_visibility(HELLO.id, Visibility.PRIVATE, by="ann")
    await index.delete(HELLO.id, by="root")
    rows = await db.read(lambda c: c.execute(sa.select(audit.c.by, audit.c.what, audit.c.about)).all())
    assert [tuple(row) for row in rows] == [
        ("ann", "create space", "Ann/Hello"),
        ("ann", "make private", "Ann/Hello"),
        ("root", "delete space", "Ann/Hello"),
    ]


async def test_a_change_that_failed_leaves_no_audit(index: SqlIndex, db: Database) -> None:
    with pytest.raises(RepoMissing):
        await index.set_visibility(HELLO.id, Visibility.PRIVATE, by="ann")
    assert await db.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(audit)).scalar()) == 0


async def test_a_deleted_repo_takes_its_aliases_and_blobs_along(index: SqlIndex) -> None:
    await index.create(HELLO)
    await index.set_alias(Kind.SPACE, "hello", HELLO.id)
    await index.hold(HELLO.id, BLOB, 5)
    await index.delete(HELLO.id)
    await index.delete(HELLO.id)
    assert await index.alias(Kind.SPACE, "hello") is None
    assert await index.holds(HELLO.id, BLOB) is None


async def test_a_repo_and_its_space_are_deleted_in_one_step(index: SqlIndex, db: Database) -> None:
    """A hub that was killed between the two left a repo whose Space was taken down."""
    spaces = SqlSpaces(db, tiers=TIERS, default_tier="cpu-basic", sleep=SleepSettings(frozen=1, cold=2, hold=3))
    await index.create(HELLO)
    await spaces.create(SpaceId("s1"), HELLO.id, "ann-hello", "cpu-basic")
    await spaces.create(SpaceId("s2"), RepoId("r2"), "ann-other", "cpu-basic")
    await index.delete(HELLO.id, by="root")
    assert {space.id: space.wish for space in await spaces.snapshot(None)} == {"s1": Wish.DELETE, "s2": Wish.SERVE}


async def test_a_repo_like_another_has_its_large_files_from_the_start_or_is_not_made(db: Database) -> None:
    """A hub that was killed in between left a duplicate whose large files nobody could get."""
    index, copy = SqlIndex(db), replace(HELLO, id=RepoId("r2"), name="copy")
    unheld = Sha256("c" * 64)
    await index.create(HELLO)
    await index.hold(HELLO.id, BLOB, 5)
    with pytest.raises(OverQuota):
        await SqlIndex(db, StorageSettings(repo=4)).create(copy, like=HELLO.id, large=[BLOB])
    assert await index.by_id(copy.id) is None
    await index.create(copy, like=HELLO.id, large=[BLOB, unheld])
    assert await index.holds(copy.id, BLOB) == 5
    assert await index.holds(copy.id, unheld) is None


async def test_an_alias_leads_to_one_repo_and_can_be_moved(index: SqlIndex) -> None:
    other = replace(HELLO, id=RepoId("r2"), name="other")
    await index.create(HELLO)
    await index.create(other)
    await index.set_alias(Kind.SPACE, "Hi", HELLO.id)
    assert await index.alias(Kind.SPACE, "hI") == HELLO
    await index.set_alias(Kind.SPACE, "hi", other.id)
    assert await index.alias(Kind.SPACE, "Hi") == other
    with pytest.raises(RepoMissing):
        await index.set_alias(Kind.SPACE, "hi", RepoId("none"))


async def test_a_blob_larger_than_an_integer_is_held_by_the_repo_that_proved_it(index: SqlIndex) -> None:
    await index.create(HELLO)
    await index.hold(HELLO.id, BLOB, 2**40)
    await index.hold(HELLO.id, BLOB, 2**40)
    assert await index.holds(HELLO.id, BLOB) == 2**40
    assert await index.holds(RepoId("r2"), BLOB) is None
