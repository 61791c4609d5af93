from __future__ import annotations

import asyncio
import time

import pytest

from spaces_runtime.domain.errors import OverQuota, RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256, UserId
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage

pytestmark = pytest.mark.anyio
LIMITS = StorageSettings(namespace=1000, repo=600)
A, B = RepoId("a" * 24), RepoId("b" * 24)


def sha(number: int) -> Sha256:
    return Sha256(f"{number:064x}")


@pytest.fixture
async def index(db: Database) -> SqlIndex:
    made, now = SqlIndex(db, LIMITS), time.time()
    for repo, namespace in ((A, "Ann"), (B, "Ann")):
        told = {"kind": Kind.MODEL, "visibility": Visibility.PUBLIC, "creator": UserId("u"), "head": None, "sdk": ""}
        await made.create(Repo(id=repo, namespace=namespace, name=repo[:3], created_at=now, updated_at=now, **told))
    return made


@pytest.fixture
def storage(db: Database) -> SqlStorage:
    return SqlStorage(db, LIMITS)


async def test_large_files_and_git_count_together_for_repo_and_namespace(index: SqlIndex, storage: SqlStorage) -> None:
    await index.hold(A, sha(1), 300)
    await storage.grew(A, 100)
    await storage.grew(A, 50)
    await index.hold(B, sha(1), 300)
    assert (await storage.room(A)).repo.used == 450
    assert (await storage.use_of("aNN")).used == 750
    await storage.measured(A, 10)
    assert (await storage.use_of("ann")).used == 610


async def test_what_is_too_much_for_the_repo_or_its_owner_is_refused_and_not_held(
    index: SqlIndex, storage: SqlStorage
) -> None:
    await index.hold(A, sha(1), 500)
    with pytest.raises(OverQuota, match=r"Ann/aaa uses 500 B of 600 B"):
        await index.hold(A, sha(2), 200)
    await index.hold(B, sha(2), 450)
    with pytest.raises(OverQuota, match=r"Ann uses 950 B of 1\.0 kB"):
        await index.hold(A, sha(3), 60)
    assert await index.holds(A, sha(3)) is None
    await index.hold(A, sha(1), 500)  # again is nothing new


async def test_of_many_at_once_only_as_many_are_held_as_fit(index: SqlIndex, storage: SqlStorage) -> None:
    holds = [index.hold(A, sha(number), 200) for number in range(8)]
    done = await asyncio.gather(*holds, return_exceptions=True)
    assert sum(each is None for each in done) == 3
    assert (await storage.room(A)).repo.used == 600


async def test_a_size_that_is_there_already_is_not_counted_before_it_comes(
    index: SqlIndex, storage: SqlStorage
) -> None:
    await index.hold(A, sha(1), 500)
    await storage.take(A, 0, "upload", sizes=[500, 50])
    with pytest.raises(OverQuota):
        await storage.take(A, 0, "upload", sizes=[501, 2**70])


async def test_a_quota_of_ones_own_wins_and_can_be_taken_back(index: SqlIndex, storage: SqlStorage) -> None:
    await storage.set_quota("ANN", 0, by="root")
    assert (await storage.use_of("ann")).limit == 0
    await storage.set_quota("ann", 77, by="root")
    assert [(use.name, use.limit) for use in await storage.everybody()] == [("Ann", 77)]
    await storage.set_quota("ann", None, by="root")
    assert (await storage.use_of("Ann")).limit == LIMITS.namespace


async def test_a_repo_that_is_gone_is_missing_and_its_room_is_back(index: SqlIndex, storage: SqlStorage) -> None:
    await index.hold(A, sha(1), 500)
    await index.delete(A)
    await storage.grew(A, 5)
    await storage.measured(A, 5)
    with pytest.raises(RepoMissing):
        await storage.room(A)
    assert (await storage.use_of("ann")).used == 0


async def test_what_no_commit_names_is_marked_then_let_go(index: SqlIndex, storage: SqlStorage) -> None:
    await index.hold(A, sha(1), 1)
    await index.hold(A, sha(2), 2)
    assert (await storage.unused(A, {sha(1)}, 1000.0, 100.0)).count == 0
    assert (await storage.unused(A, {sha(1)}, 1099.0, 100.0)).count == 0
    removed = await storage.unused(A, {sha(1)}, 1101.0, 100.0)
    assert (removed.count, removed.size) == (1, 2)
    assert await index.holds(A, sha(1)) == 1
    assert await index.holds(A, sha(2)) is None
    assert await index.held([sha(1), sha(2)]) == {sha(1)}
