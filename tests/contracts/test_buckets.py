"""The files of buckets, on each database."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.bucket import BucketFile, BucketFolder, Content, Drop, Put, Refusal, Size
from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256, UserId
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.buckets import STEP, SqlBuckets
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.schema import audit

pytestmark = pytest.mark.anyio

PAIL = Repo(
    id=RepoId("b1"), kind=Kind.BUCKET, namespace="ann", name="pail", visibility=Visibility.PUBLIC,
    creator=UserId("u1"), created_at=10.0, updated_at=10.0,
)  # fmt: skip
ONE, TWO = (Content(xet=f"{n}" * 64, sha256=Sha256(f"{n}" * 64), size=size) for n, size in ((1, 10), (2, 7)))


@pytest.fixture
def index(db: Database) -> SqlIndex:
    return SqlIndex(db)


@pytest.fixture
async def buckets(db: Database, index: SqlIndex) -> SqlBuckets:
    await index.create(PAIL)
    for content in (ONE, TWO):
        await index.hold(PAIL.id, content.sha256, content.size)
    return SqlBuckets(db, StorageSettings())


async def put(buckets: SqlBuckets, *paths: str, content: Content = ONE) -> list[Refusal]:
    puts = [Put(path=path, content=content, modified_at=5.0) for path in paths]
    return list(await buckets.change(PAIL.id, puts, 20.0))


async def drop(buckets: SqlBuckets, *paths: str) -> list[Refusal]:
    return list(await buckets.change(PAIL.id, [Drop(path=path) for path in paths], 20.0))


async def listed(buckets: SqlBuckets, prefix: str = "", *, recursive: bool = False, limit: int = 1000) -> list[str]:
    """All pages; a folder ends with a slash."""
    found: list[str] = []
    after = ""
    while True:
        page, after = await buckets.listing(PAIL.id, prefix, recursive=recursive, after=after, limit=limit)
        assert len(page) <= limit
        found += [entry.path + "/" * isinstance(entry, BucketFolder) for entry in page]
        if not after:
            return found


async def test_a_file_is_there_as_it_was_put(buckets: SqlBuckets) -> None:
    assert await put(buckets, "a/b.txt") == []
    there = BucketFile(
        path="a/b.txt", xet=ONE.xet, sha256=ONE.sha256, size=10, modified_at=5.0, uploaded_at=20.0
    )  # fmt: skip
    assert await buckets.files(PAIL.id, ["a/b.txt", "a", "c"]) == [there]
    assert await buckets.size([PAIL.id]) == {PAIL.id: Size(files=1, size=10, changed_at=20.0)}


async def test_sums_follow_what_is_overwritten_and_removed(buckets: SqlBuckets) -> None:
    await put(buckets, "a", "b", "c")
    await put(buckets, "b", "d", content=TWO)
    assert await drop(buckets, "a") == []
    assert await buckets.size([PAIL.id]) == {PAIL.id: Size(files=3, size=24, changed_at=20.0)}


async def test_what_no_file_has_any_more_is_held_no_longer(buckets: SqlBuckets, index: SqlIndex) -> None:
    await put(buckets, "a", "b")
    await drop(buckets, "a")
    assert await index.holds(PAIL.id, ONE.sha256) == 10
    await put(buckets, "b", content=TWO)
    assert await index.holds(PAIL.id, ONE.sha256) is None
    [lost] = await put(buckets, "again")
    assert "upload it again" in lost.why
    assert await listed(buckets) == ["b"]


async def test_a_listing_shows_folders_once_and_looks_into_the_one_that_is_named(buckets: SqlBuckets) -> None:
    await put(buckets, "logs/1.txt", "logs/deep/er/2.txt", "logs.json", "logs_old/3.txt", "zebra", "Äpfel/x", "a")
    assert await listed(buckets) == ["a", "logs.json", "logs/", "logs_old/", "zebra", "Äpfel/"]
    assert await listed(buckets, "logs") == ["logs.json", "logs/1.txt", "logs/deep/", "logs_old/"]
    assert await listed(buckets, "logs/") == ["logs/1.txt", "logs/deep/"]
    assert await listed(buckets, "logs.json") == ["logs.json"]
    assert await listed(buckets, "nothing") == []


async def test_a_recursive_listing_has_files_only(buckets: SqlBuckets) -> None:
    await put(buckets, "logs/1.txt", "logs/deep/2.txt", "logs.json", "zebra")
    assert await listed(buckets, recursive=True) == ["logs.json", "logs/1.txt", "logs/deep/2.txt", "zebra"]
    assert await listed(buckets, "logs/", recursive=True) == ["logs/1.txt", "logs/deep/2.txt"]


@pytest.mark.parametrize("recursive", [True, False])
async def test_pages_miss_nothing_and_repeat_nothing(buckets: SqlBuckets, recursive: bool) -> None:
    paths = [f"{folder}/{n:03}" for folder in "abc" for n in range(STEP + 7)] + ["b0", "b.txt", "d"]
    await put(buckets, *paths)
    whole = await listed(buckets, recursive=recursive)
    assert await listed(buckets, recursive=recursive, limit=2) == whole
    assert whole == (sorted(paths) if recursive else ["a/", "b.txt", "b/", "b0", "c/", "d"])


async def test_many_files_at_once(buckets: SqlBuckets) -> None:
    paths = [f"f{n % 10}/{n}" for n in range(1203)]
    assert await put(buckets, *paths) == []
    assert (await buckets.size([PAIL.id]))[PAIL.id].files == 1203
    assert await drop(buckets, *paths[3:]) == []
    assert await listed(buckets, recursive=True) == ["f0/0", "f1/1", "f2/2"]


async def test_what_cannot_be_done_is_said_and_the_rest_is_done(buckets: SqlBuckets) -> None:
    await put(buckets, "dir/file")
    refused = await put(buckets, "dir", "dir/file/below", "../out", "fine")
    assert [(each.path, each.why) for each in refused[:2]] == [
        ("dir", "There is a folder of this name"),
        ("dir/file/below", "dir/file is a file, so nothing can lie below it"),
    ]
    assert refused[2].path == "../out"
    assert [each.path for each in await drop(buckets, "missing", "fine")] == ["missing"]
    assert await listed(buckets, recursive=True) == ["dir/file"]


async def test_changes_follow_one_another(buckets: SqlBuckets) -> None:
    await put(buckets, "old")
    moved = [Put(path="new", content=ONE, modified_at=None), Drop(path="old"), Drop(path="new"), Drop(path="new")]
    refused = await buckets.change(PAIL.id, moved, 20.0)
    assert [each.path for each in refused] == ["new"]
    assert await listed(buckets) == []


async def test_a_change_and_who_made_it_are_kept_together(buckets: SqlBuckets, db: Database) -> None:
    await buckets.change(PAIL.id, [Put(path="a", content=ONE, modified_at=None), Drop(path="b")], 20.0, by="ann")
    rows = await db.read(lambda c: c.execute(sa.select(audit.c.by, audit.c.what, audit.c.about)).all())
    assert ("ann", "change 1 files of bucket", "ann/pail") in [tuple(row) for row in rows]


async def test_a_bucket_that_was_deleted_takes_its_files_with_it(buckets: SqlBuckets, index: SqlIndex) -> None:
    await put(buckets, "a")
    await index.delete(PAIL.id)
    assert await buckets.files(PAIL.id, ["a"]) == []
    with pytest.raises(RepoMissing):
        await put(buckets, "a")
    await index.create(replace(PAIL, id=RepoId("b2")))
    assert await buckets.size([RepoId("b2")]) == {RepoId("b2"): Size()}
