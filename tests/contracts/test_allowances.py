from __future__ import annotations

import asyncio
import time

import pytest

from spaces_runtime.domain.allowance import Allowance, Standing, month_of, next_month
from spaces_runtime.domain.errors import Refused
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.scheduler.allowed import LONGEST, Allowed
from spaces_runtime.store.allowances import SqlAllowances
from spaces_runtime.store.database import Database
from spaces_runtime.store.index import SqlIndex

pytestmark = pytest.mark.anyio
COMMON = Allowance(spaces=2, memory=2**34, gpu_hours=10.0)


@pytest.fixture
def allowances(db: Database) -> SqlAllowances:
    return SqlAllowances(db, COMMON)


@pytest.fixture
def index(db: Database) -> SqlIndex:
    return SqlIndex(db, StorageSettings(), COMMON)


def repo(name: str, namespace: str = "Ann", kind: Kind = Kind.SPACE) -> Repo:
    told = {"visibility": Visibility.PUBLIC, "creator": UserId("u"), "created_at": 1.0, "updated_at": 1.0}
    end = "" if kind is Kind.SPACE else f"-{kind.value}"
    return Repo(id=RepoId(f"{namespace}-{name}{end}"), kind=kind, namespace=namespace, name=name, **told)


async def test_a_space_too_many_is_refused_with_how_many_there_are(index: SqlIndex, allowances: SqlAllowances) -> None:
    for name in ("one", "two"):
        await index.create(repo(name))
    with pytest.raises(Refused, match=r"create Ann/three: Ann has 2 of 2 Spaces\. Delete one"):
        await index.create(repo("three"))
    assert await index.find(Kind.SPACE, "ann", "three") is None
    await index.create(repo("three", kind=Kind.MODEL))
    await allowances.give("ANN", {"spaces": 3}, by="root")
    await index.create(repo("three"))
    await index.delete(RepoId("Ann-one"))
    await index.create(repo("four"))
    assert (await allowances.of("ann")).spaces == 3


async def test_a_space_cannot_be_moved_to_where_there_are_enough_but_may_be_renamed(index: SqlIndex) -> None:
    for name in ("one", "two"):
        await index.create(repo(name))
    await index.create(repo("three", "ben"))
    with pytest.raises(Refused, match="Ann has 2 of 2 Spaces"):
        await index.move(RepoId("ben-three"), "Ann", "three")
    await index.move(RepoId("Ann-one"), "Ann", "first")


async def test_of_many_at_once_only_as_many_come_to_be_as_may(index: SqlIndex, allowances: SqlAllowances) -> None:
    made = await asyncio.gather(*(index.create(repo(f"r{n}")) for n in range(6)), return_exceptions=True)
    assert sum(each is None for each in made) == 2
    assert (await allowances.of("Ann")).spaces == 2


async def test_what_one_was_given_wins_kind_by_kind_and_can_be_taken_back(allowances: SqlAllowances) -> None:
    await allowances.give("Ann", {"memory": 2**40, "gpu_hours": 0})
    assert (await allowances.of("ann")).limit == Allowance(spaces=2, memory=2**40, gpu_hours=0)
    await allowances.give("ann", {"spaces": 0})
    common, own = await allowances.limits()
    assert (common, own) == (COMMON, {"ann": Allowance(spaces=0, memory=2**40, gpu_hours=0)})
    await allowances.give("ann", {"memory": None, "gpu_hours": None, "spaces": None})
    assert (await allowances.limits())[1] == {}


async def test_gpu_hours_add_up_by_month(allowances: SqlAllowances) -> None:
    month = month_of(time.time())
    for _ in range(3):
        await allowances.use_gpus({"ann": 1800.0, "ben": 36.0}, month)
    await allowances.use_gpus({"ann": 36000.0}, month - 1)
    assert await allowances.gpu_hours(month) == pytest.approx({"ann": 1.5, "ben": 0.03})
    assert (await allowances.of("Ann")).gpu_hours == pytest.approx(1.5)


def test_a_refusal_says_what_is_used_and_when_there_is_more() -> None:
    december = 1_797_000_000.0  # 11 December 2026
    gpu = Hardware(name="t4-small", cpus=4, memory=2**30, disk=1, gpus=1)
    used = Standing(name="ann", limit=COMMON, gpu_hours=10.0)
    with pytest.raises(Refused, match="ann has used 10 of 10 GPU hours of this month; there are more on 1 January"):
        used.take_tier(gpu, "set the hardware", december)
    with pytest.raises(Refused, match=r"the Spaces of ann may use 16 GiB of memory at once, and large has 32 GiB"):
        used.take_tier(Hardware(name="large", cpus=4, memory=2**35, disk=1), "create x", december)
    used.take_tier(Hardware(name="small", cpus=4, memory=2**34, disk=1), "create x", december)
    assert Standing(name="ann", limit=Allowance(), gpu_hours=1e6).spent(december) == ""
    assert next_month(december).year == 2027


async def test_gpu_hours_are_counted_between_two_looks_and_not_over_a_gap(allowances: SqlAllowances) -> None:
    allowed, now = Allowed(allowances), 1_797_000_000.0  # in the middle of a month
    for passed in (0.0, 30.0, 60.0, 100_000.0):
        await allowed.meter([("ann", 2.0), ("ben", 0.5)], now + passed)
    used = await allowances.gpu_hours(month_of(now))
    assert used == pytest.approx({"ann": (60 + LONGEST) * 2 / 3600, "ben": (60 + LONGEST) * 0.5 / 3600})
    await allowed.refresh(now)
    assert allowed.barred("ann", now) == ""
    assert allowed.memory(["ann", "ben"]) == {"ann": COMMON.memory, "ben": COMMON.memory}
