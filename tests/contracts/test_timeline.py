from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.ids import BuildKey, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.setup import Volume
from spaces_runtime.domain.space import BuildState, Hush, Revision, Wish
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.domain.timeline import AGE, MOST, Happened, What
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import timeline as rows
from spaces_runtime.store.seal import Seal
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces
from spaces_runtime.store.timeline import SqlTimeline

pytestmark = pytest.mark.anyio
S, OTHER, A = SpaceId("s1"), SpaceId("s2"), RevisionId("a" * 40)


@pytest.fixture
async def spaces(db: Database) -> SqlSpaces:
    made = SqlSpaces(db, tiers=TIERS, default_tier="cpu-basic", sleep=SleepSettings())
    await made.create(S, RepoId("r1"), "ann-hello", "cpu-basic")
    await made.create(OTHER, RepoId("r2"), "ben-hello", "cpu-basic")
    return made


@pytest.fixture
def timeline(db: Database, spaces: SqlSpaces) -> SqlTimeline:
    return SqlTimeline(db)


def woke(at: float, space: SpaceId = S, took: float = 0.004) -> Happened:
    return Happened(space=space, at=at, what=What.WOKE, why="visited while asleep", rung="frozen", took=took)


async def test_what_happened_is_told_newest_first_and_of_this_space_alone(timeline: SqlTimeline) -> None:
    now = time.time()
    await timeline.add([woke(now - 2), woke(now - 1, OTHER), woke(now)])
    assert await timeline.of(S) == [woke(now), woke(now - 2)]
    assert await timeline.of(S, 1) == [woke(now)]


async def test_only_so_many_are_kept_and_only_so_long(db: Database, timeline: SqlTimeline) -> None:
    now = time.time()
    await timeline.add([woke(now, OTHER), woke(now - AGE - 1), *(woke(now, took=float(n)) for n in range(MOST))])
    await timeline.add([woke(now, took=MOST), woke(now, took=MOST + 1.0)])
    counted = sa.select(rows.c.space, sa.func.count()).group_by(rows.c.space)
    assert dict(await db.read(lambda c: [tuple(row) for row in c.execute(counted)])) == {S: MOST, OTHER: 1}
    kept = [each.took for each in await timeline.of(S)]
    assert sorted(kept, reverse=True) == [float(n) for n in range(MOST + 1, 1, -1)]


async def test_what_people_change_stands_beside_it_with_their_name_and_without_a_secrets_value(
    db: Database, spaces: SqlSpaces, timeline: SqlTimeline
) -> None:
    secrets = SqlSecrets(db, Seal(b"m" * 32))
    await spaces.set_head(S, A, by="ann")
    await secrets.put(S, "KEY", "hidden", "", by="ann")
    await spaces.set_hardware(S, TIERS[1].name, by="ben")
    hidden = Volume(
        source="r9", kind="model", name="eve/private", mount="/m", read_only=True, revision="", path="", by="eve"
    )
    await spaces.set_volumes(S, [hidden], by="eve")
    await spaces.hush(S, Hush(at=time.time(), phase=None), by="ann")
    await spaces.set_wish(S, Wish.PAUSE, "ben")
    await spaces.restart(S, rebuild=False, by="ann")
    told = [(each.by, each.why) for each in reversed(await timeline.of(S))]
    assert told == [
        ("ann", "push aaaaaaa"),
        ("ann", "set secret KEY"),
        ("ben", f"set hardware {TIERS[1].name}"),
        ("eve", "set volumes"),
        ("ann", "put to sleep, cold"),
        ("ben", "pause"),
        ("ann", "restart"),
    ]
    assert all(each.what is What.CHANGED for each in await timeline.of(S))
    assert await timeline.of(OTHER) == []


async def test_a_build_is_told_when_it_begins_and_how_it_ends_once_each(
    db: Database, spaces: SqlSpaces, timeline: SqlTimeline
) -> None:
    builds, key = SqlBuilds(db), BuildKey(A)
    for state, why in ((BuildState.QUEUED, ""), (BuildState.RUNNING, ""), (BuildState.FAILED, "No such package.")) * 2:
        await builds.record(S, Revision(key=key, build=state, why=why))
        await builds.record(S, Revision(key=key, build=state, why=why))  # said again
    told = list(reversed(await timeline.of(S)))
    assert [each.what for each in told] == [What.BUILDING, What.BUILD_FAILED] * 2
    assert told[1].why == f"{key.short}: No such package."
    assert 0 < told[1].took < 60


async def test_with_the_space_its_timeline_goes(db: Database, spaces: SqlSpaces, timeline: SqlTimeline) -> None:
    await timeline.add([woke(time.time())])
    await spaces.forget(S)
    await timeline.add([woke(time.time()), woke(time.time(), OTHER)])  # the scheduler writes by and by
    assert await timeline.of(S) == []
    assert len(await timeline.of(OTHER)) == 1
