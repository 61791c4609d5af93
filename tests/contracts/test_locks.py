"""Locks of large files, on each database."""

from __future__ import annotations

import asyncio

import pytest

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.locks import SqlLocks
from spaces_runtime.store.people import SqlPeople
from tests.contracts.conftest import audited

pytestmark = pytest.mark.anyio
Pair = tuple[RepoId, RepoId]


@pytest.fixture
async def locks(db: Database) -> SqlLocks:
    for name in ("Ann", "ben"):
        await SqlPeople(db).create(name, "correct horse battery", admin=False)
    return SqlLocks(db)


async def test_a_path_is_locked_once_and_whoever_comes_later_gets_that_lock(
    db: Database, locks: SqlLocks, pair: Pair
) -> None:
    one, two = pair
    first, made = await locks.lock(one, "a.bin", by="Ann", now=5.0)
    assert (first.path, first.owner, first.at, made) == ("a.bin", "Ann", 5.0, True)
    assert await locks.lock(one, "a.bin", by="ben", now=6.0) == (first, False)
    other, made = await locks.lock(two, "a.bin", by="ben", now=6.0)
    assert made
    assert await locks.locks(one) == [first]
    assert await locks.locks(two) == [other]
    assert (await audited(db))[-2:] == [("Ann", "lock a.bin", "ann/one"), ("ben", "lock a.bin", "ann/two")]


async def test_of_many_who_lock_at_once_one_does(url: str, locks: SqlLocks, pair: Pair) -> None:
    other = Database(url)  # another process's
    try:
        sides = locks, SqlLocks(other)
        taken = await asyncio.gather(*(sides[turn % 2].lock(pair[0], "a.bin", by="Ann", now=5.0) for turn in range(16)))
    finally:
        await other.close()
    assert sum(made for _, made in taken) == 1
    assert len({lock.id for lock, _ in taken}) == 1


async def test_they_are_in_the_order_of_paths_byte_by_byte(locks: SqlLocks, pair: Pair) -> None:
    for path in ("b", "a-b", "B", "a/c", "é", "a"):
        await locks.lock(pair[0], path, by="ben", now=5.0)
    assert [lock.path for lock in await locks.locks(pair[0])] == ["B", "a", "a-b", "a/c", "b", "é"]


async def test_a_lock_is_given_back_once_and_only_in_its_repo(db: Database, locks: SqlLocks, pair: Pair) -> None:
    one, two = pair
    lock, _ = await locks.lock(one, "a.bin", by="Ann", now=5.0)
    await locks.unlock(two, lock.id, by="ben")
    assert await locks.locks(one) == [lock]
    for _ in range(2):
        await locks.unlock(one, lock.id, by="ben")
    assert await locks.locks(one) == []
    assert [what for _, what, _ in await audited(db)].count("unlock a.bin") == 1
    assert (await locks.lock(one, "a.bin", by="ben", now=6.0))[1]


async def test_locks_go_with_their_repo(db: Database, locks: SqlLocks, pair: Pair) -> None:
    await locks.lock(pair[0], "a.bin", by="Ann", now=5.0)
    await SqlIndex(db).delete(pair[0])
    assert await locks.locks(pair[0]) == []
    with pytest.raises(RepoMissing):
        await locks.lock(pair[0], "a.bin", by="Ann", now=5.0)
