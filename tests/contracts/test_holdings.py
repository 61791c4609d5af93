"""Which large files a repo holds, and what Xet clients call them: on each database."""

from __future__ import annotations

import asyncio

import pytest

from spaces_runtime.domain.errors import OverQuota, RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.database import Database
from spaces_runtime.store.holdings import SqlHoldings
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.schema import holdings as table
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.xet_names import SqlXetNames
from tests.contracts.conftest import audited

pytestmark = pytest.mark.anyio
NO_LIMITS = StorageSettings()
NONE = RepoId("none")
Pair = tuple[RepoId, RepoId]


def sha(number: int) -> Sha256:
    return Sha256(f"{number:064x}")


@pytest.fixture
def holdings(db: Database) -> SqlHoldings:
    return SqlHoldings(db, NO_LIMITS)


@pytest.fixture
def names(db: Database) -> SqlXetNames:
    return SqlXetNames(db)


async def held(db: Database, repo: RepoId, *numbers: int) -> None:
    for number in numbers:
        await SqlIndex(db).hold(repo, sha(number), number)


async def test_a_repo_shares_what_it_holds_and_names_what_it_does_not(
    db: Database, holdings: SqlHoldings, pair: Pair
) -> None:
    one, two = pair
    await held(db, one, 1, 2)
    await held(db, two, 3)
    assert list(await holdings.share(one, two, [sha(1), sha(3), sha(9)], by="ann")) == [sha(3), sha(9)]
    assert await holdings.of(two) == {sha(1): 1, sha(3): 3}
    assert await holdings.of(one) == {sha(1): 1, sha(2): 2}
    assert (await audited(db))[-1] == ("ann", "copy 1 large files from ann/one", "ann/two")
    assert list(await holdings.share(one, two, [])) == []


async def test_what_is_shared_with_a_repo_that_has_no_room_or_is_gone_is_not_shared_at_all(
    db: Database, pair: Pair
) -> None:
    one, two = pair
    await held(db, one, 1, 2, 500)
    tight = SqlHoldings(db, StorageSettings(repo=400))
    with pytest.raises(OverQuota):
        await tight.share(one, two, [sha(1), sha(2), sha(500)])
    assert await tight.of(two) == {}
    with pytest.raises(RepoMissing):
        await tight.share(one, NONE, [sha(1)])


async def test_what_is_shared_is_in_use_again(db: Database, holdings: SqlHoldings, pair: Pair) -> None:
    one, two = pair
    await held(db, one, 1)
    await held(db, two, 1)
    storage = SqlStorage(db, NO_LIMITS)
    await storage.unused(two, set(), 1000.0, 100.0)
    await holdings.share(one, two, [sha(1)])
    assert (await storage.unused(two, set(), 2000.0, 100.0)).count == 0


async def test_what_is_let_go_is_gone_here_and_stays_elsewhere(db: Database, holdings: SqlHoldings, pair: Pair) -> None:
    one, two = pair
    await held(db, one, 1, 2)
    await held(db, two, 1)
    for _ in range(2):
        await holdings.release(one, [sha(1), sha(9)], by="ann")
    assert await holdings.of(one) == {sha(2): 2}
    assert await holdings.of(two) == {sha(1): 1}
    done = [row for row in await audited(db) if "for good" in row[1]]
    assert done == [("ann", "delete 1 large files for good", "ann/one")]


async def test_a_file_is_found_by_a_clients_name_or_by_its_sha256(db: Database, names: SqlXetNames, pair: Pair) -> None:
    one, two = pair
    await held(db, one, 1, 2)
    await names.put(one, "x" * 64, sha(1))
    assert await names.find(one, "x" * 64) == sha(1)
    assert await names.find(one, sha(2)) == sha(2)
    assert await names.find(one, sha(3)) is None
    assert await names.find(two, "x" * 64) is None  # another repo's client made it up
    assert await names.find(two, sha(1)) is None
    await names.put(one, "x" * 64, sha(2))
    assert await names.find(one, "x" * 64) == sha(2)


async def test_a_name_may_be_given_many_times_at_once(url: str, db: Database, names: SqlXetNames, pair: Pair) -> None:
    await held(db, pair[0], 1, 2)
    other = Database(url)  # another process's
    try:
        sides = names, SqlXetNames(other)
        await asyncio.gather(*(sides[turn % 2].put(pair[0], "x" * 64, sha(turn % 2 + 1)) for turn in range(16)))
    finally:
        await other.close()
    assert await names.find(pair[0], "x" * 64) in (sha(1), sha(2))


async def test_a_name_needs_the_content_and_goes_with_it(db: Database, names: SqlXetNames, pair: Pair) -> None:
    one, _ = pair
    await held(db, one, 1)
    with pytest.raises(RepoMissing):
        await names.put(one, "x" * 64, sha(2))
    await names.put(one, "x" * 64, sha(1))
    await db.execute(table.delete().where(table.c.repo == one))
    assert await names.find(one, "x" * 64) is None
