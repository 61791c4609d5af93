from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.errors import Invalid, RepoMissing, Taken
from spaces_runtime.domain.hosts import loopback
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.domain.lesson import Answered, Crashed, Failed, Peak
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.source import FromRepo
from spaces_runtime.domain.space import BuildState, Hush, Lease, Revision, Space, Wish
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.store import schema as tables
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.codec import dumps
from spaces_runtime.store.database import Database
from spaces_runtime.store.seal import Seal
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces

pytestmark = pytest.mark.anyio

S, R = SpaceId("s1"), RepoId("r1")
A, B, C = (RevisionId(letter * 40) for letter in "abc")
SLEEP = SleepSettings(frozen=100, paged=2000, checkpointed=500, packed=2000, cold=1000, hold=50)
ARTIFACT = Artifact(
    kind=ArtifactKind.ENVIRONMENT, digest="0" * 64, location="/envs/0", code="/builds/s1",
    command=("/env/bin/python", "app.py"), port=7860, headers=(("x-a", "b"),), frameable=False, start_deadline=77.0,
)  # fmt: skip


@pytest.fixture
async def spaces(db: Database) -> SqlSpaces:
    made = SqlSpaces(db, tiers=TIERS, default_tier="cpu-basic", sleep=SLEEP)
    await made.create(S, R, "ann-hello", "cpu-basic")
    return made


@pytest.fixture
def builds(db: Database) -> SqlBuilds:
    return SqlBuilds(db)


async def one(spaces: SqlSpaces) -> Space:
    [space] = await spaces.snapshot([S])
    return space


async def build(builds: SqlBuilds, revision: RevisionId, rebuild: int = 0) -> Revision:
    done = Revision(key=BuildKey(revision, rebuild), build=BuildState.DONE, artifact=ARTIFACT)
    await builds.record(S, done)
    return done


async def test_a_new_space_serves_on_its_tier_and_has_no_head(spaces: SqlSpaces) -> None:
    space = await one(spaces)
    assert (space.id, space.source, space.wish) == (S, FromRepo(repo=R), Wish.SERVE)
    assert (space.head, space.last_good, space.setup.hardware) == (None, None, TIERS[0])
    assert abs(space.touched_at - time.time()) < 60
    assert space.hold == 50
    assert [rung.phase for rung in space.ladder] == [Phase.FROZEN, Phase.CHECKPOINTED, None]


async def test_each_space_has_an_address_of_its_own(spaces: SqlSpaces) -> None:
    second = await spaces.create(SpaceId("s2"), RepoId("r2"), "bob-hello", "cpu-basic")
    first = await spaces.of_repo(R)
    assert first is not None
    assert (first.loopback, second.loopback) == (loopback(0), loopback(1))
    assert await spaces.by_subdomain("bob-hello") == second
    assert sorted(await spaces.addresses(None), key=lambda a: a.space) == [first, second]
    assert await spaces.addresses([SpaceId("s2")]) == [second]
    assert await spaces.of_repos([RepoId("r2"), RepoId("none")]) == [second]
    with pytest.raises(Taken):
        await spaces.create(SpaceId("s3"), RepoId("r3"), "ann-hello", "cpu-basic")


async def test_a_push_is_the_head_and_touches(spaces: SqlSpaces) -> None:
    before = await one(spaces)
    await spaces.set_head(S, A)
    space = await one(spaces)
    assert space.head == Revision(key=BuildKey(A))
    assert space.touched_at > before.touched_at


async def test_the_same_head_again_touches_nothing(spaces: SqlSpaces) -> None:
    await spaces.set_head(S, A)
    await spaces.restart(S, rebuild=True)
    before = await one(spaces)
    await spaces.set_head(S, A)
    assert await one(spaces) == before


async def test_a_repo_that_lost_its_app_file_has_no_head(spaces: SqlSpaces) -> None:
    await spaces.set_head(S, A)
    await spaces.set_head(S, None)
    assert (await one(spaces)).head is None


async def test_a_build_is_kept_whole(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    await spaces.set_head(S, A)
    done = await build(builds, A)
    space = await one(spaces)
    assert space.head == done
    assert space.start_deadline == 77.0
    assert await builds.find(S, done.key) == done


async def test_a_first_revision_that_failed_keeps_its_deadline(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    """Else an app that never answers would be left running until the platform's own deadline, half an hour."""
    await spaces.set_head(S, A)
    await build(builds, A)
    space = await one(spaces)
    await spaces.keep(S, Failed(spec=space.wanted, why="No answer."))
    after = await one(spaces)
    assert after.target is None
    assert after.start_deadline == 77.0


async def test_the_last_good_is_the_newest_push_that_has_answered(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    for revision in (A, B, C):
        await spaces.set_head(S, revision)
        await build(builds, revision)
    await spaces.keep(S, Answered(build=BuildKey(B)))
    await spaces.keep(S, Answered(build=BuildKey(A)))
    await spaces.keep(S, Answered(build=BuildKey(A)))
    space = await one(spaces)
    assert space.last_good is not None
    assert space.last_good.key == BuildKey(B)
    assert space.answered == {BuildKey(A), BuildKey(B)}


async def test_an_old_revision_pushed_again_is_the_newest(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    for revision in (A, B):
        await spaces.set_head(S, revision)
        await build(builds, revision)
        await spaces.keep(S, Answered(build=BuildKey(revision)))
    await spaces.set_head(S, A)
    await spaces.set_head(S, C)
    space = await one(spaces)
    assert space.last_good is not None
    assert space.last_good.key == BuildKey(A)


async def test_the_last_good_is_known_as_answered_however_many_bad_pushes_follow(
    spaces: SqlSpaces, builds: SqlBuilds
) -> None:
    await spaces.set_head(S, A)
    await build(builds, A)
    await spaces.keep(S, Answered(build=BuildKey(A)))
    for number in range(40):
        await spaces.set_head(S, RevisionId(f"{number:040x}"))
    space = await one(spaces)
    assert space.last_good is not None
    assert space.last_good.artifact == ARTIFACT
    assert space.answered == {BuildKey(A)}


async def test_failures_and_crashes_are_kept_and_repeating_them_changes_nothing(spaces: SqlSpaces) -> None:
    failed = Failed(spec=Digest("d"), why="No module named torch.")
    crashed = Crashed(spec=Digest("e"), instance=InstanceId("i"), count=2, retry_at=12.5, why="Killed.")
    for lesson in (failed, crashed, failed, crashed):
        await spaces.keep(S, lesson)
    space = await one(spaces)
    assert (space.failed, space.crashed) == (failed, crashed)


async def test_a_restart_serves_again_touches_and_is_a_new_setup(spaces: SqlSpaces) -> None:
    await spaces.set_wish(S, Wish.PAUSE, "ann")
    before = await one(spaces)
    assert (before.wish, before.wished_by) == (Wish.PAUSE, "ann")
    await spaces.restart(S, rebuild=False)
    space = await one(spaces)
    assert (space.wish, space.setup.restarts) == (Wish.SERVE, before.setup.restarts + 1)
    assert space.touched_at > before.touched_at


async def test_each_rebuild_is_a_new_build_of_the_head(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    await spaces.set_head(S, A)
    await build(builds, A)
    for count in (1, 2):
        await spaces.restart(S, rebuild=True)
        assert (await one(spaces)).head == Revision(key=BuildKey(A, count))
    await spaces.set_head(S, B)
    await spaces.set_head(S, A)
    assert (await one(spaces)).head == Revision(key=BuildKey(A, 2))
    assert [r.key for r in await builds.newest(S, 2)] == [BuildKey(A, 2), BuildKey(B)]


async def test_builds_that_were_cut_off_begin_again(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    states = dict(zip((A, B, C), (BuildState.RUNNING, BuildState.QUEUED, BuildState.FAILED), strict=True))
    for revision, state in states.items():
        await spaces.set_head(S, revision)
        await builds.record(S, Revision(key=BuildKey(revision), build=state, why="w"))
    await builds.reset_unfinished()
    now = {r.key.revision: r.build for r in await builds.newest(S, 9)}
    assert now == {A: BuildState.NONE, B: BuildState.NONE, C: BuildState.FAILED}


async def test_an_answer_survives_a_later_record_of_its_build(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    await spaces.set_head(S, A)
    done = await build(builds, A)
    await spaces.keep(S, Answered(build=done.key))
    await builds.record(S, done)
    assert (await one(spaces)).last_good == done


@pytest.mark.parametrize(
    ("own", "rungs"),
    [
        (
            None,
            [(Phase.FROZEN, 100), (Phase.CHECKPOINTED, 500), (None, 1000)],
        ),  # memory is paged out, and packed, never
        (-1, []),
        (30, [(Phase.FROZEN, 30), (Phase.CHECKPOINTED, 500), (None, 1000)]),
        (700, [(Phase.FROZEN, 700), (Phase.CHECKPOINTED, 700), (None, 1000)]),
        (5000, [(phase, 5000) for phase in (*ASLEEP, None)]),
    ],
)
async def test_the_owners_sleep_time_sets_the_first_rung(
    spaces: SqlSpaces, own: int | None, rungs: list[tuple[Phase | None, float]]
) -> None:
    await spaces.set_sleep(S, own)
    assert await spaces.sleep_time(S) == own
    assert [(rung.phase, rung.after) for rung in (await one(spaces)).ladder] == rungs


async def test_a_rung_that_failed_is_left_out_for_that_build_only(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    await spaces.set_head(S, A)
    await build(builds, A)
    for _ in range(2):
        await spaces.leave_out(S, BuildKey(A), Phase.FROZEN.value)
    rungs = [(rung.phase, rung.after) for rung in (await one(spaces)).ladder]
    assert rungs == [(Phase.CHECKPOINTED, 100), (None, 1000)]  # the next one down comes in its place
    await spaces.set_head(S, B)
    await build(builds, B)
    assert (await one(spaces)).ladder[0].phase is Phase.FROZEN


async def test_a_wish_for_sleep_is_kept(spaces: SqlSpaces) -> None:
    for hush in (Hush(at=5.5, phase=None), Hush(at=6.5, phase=Phase.FROZEN)):
        await spaces.hush(S, hush)
        assert (await one(spaces)).hush == hush


async def test_variables_are_part_of_the_setup(spaces: SqlSpaces) -> None:
    await spaces.put_variable(S, "B", "2", "")
    await spaces.put_variable(S, "A", "0", "")
    await spaces.put_variable(S, "A", "1", "first", by="ann")
    assert (await one(spaces)).setup.variables == (("A", "1"), ("B", "2"))
    assert (await spaces.variables(S))["A"].description == "first"
    await spaces.delete_variable(S, "A")
    await spaces.delete_variable(S, "A")
    assert list(await spaces.variables(S)) == ["B"]


async def test_a_tier_that_is_not_offered_is_refused(spaces: SqlSpaces) -> None:
    with pytest.raises(Invalid, match="cpu-basic, cpu-upgrade"):
        await spaces.set_hardware(S, "h200")
    await spaces.set_hardware(S, "cpu-upgrade")
    assert (await one(spaces)).setup.hardware == TIERS[1]


async def test_a_tier_for_which_nothing_is_built_yet_is_built_for_at_once(spaces: SqlSpaces, builds: SqlBuilds) -> None:
    await spaces.set_head(S, A)
    await build(builds, A)
    await spaces.set_hardware(S, "t4-small", rebuild=True, by="ann")
    space = await one(spaces)
    assert (space.setup.hardware.name, space.head and space.head.key) == ("t4-small", BuildKey(A, 1))
    assert space.head is not None
    assert space.head.build is BuildState.NONE


async def test_the_last_peak_and_the_devices_of_a_start_are_kept(spaces: SqlSpaces) -> None:
    assert ((await one(spaces)).peak, (await one(spaces)).lease) == (0, None)
    lease = Lease(instance=InstanceId("i1"), gpus=("GPU-a", "MIG-b"), at=7.0)
    await spaces.keep(S, Peak(memory=3 * 2**32))
    await spaces.set_lease(S, lease)
    assert ((await one(spaces)).peak, (await one(spaces)).lease) == (3 * 2**32, lease)
    await spaces.set_lease(S, None)
    assert (await one(spaces)).lease is None


async def test_a_space_may_reach_the_internet_until_somebody_says_no(spaces: SqlSpaces, db: Database) -> None:
    assert (await one(spaces)).setup.internet
    await spaces.set_internet(S, False, by="root")
    assert not (await one(spaces)).setup.internet
    query = sa.select(tables.audit.c.by, tables.audit.c.what, tables.audit.c.about)
    noted = await db.read(lambda connection: connection.execute(query).all())
    assert ("root", "set internet off", S) in [tuple(row) for row in noted]


async def test_a_tier_the_operator_removed_falls_back_to_the_default(spaces: SqlSpaces, db: Database) -> None:
    await spaces.set_hardware(S, "cpu-upgrade")
    fewer = SqlSpaces(db, tiers=TIERS[:1], default_tier="cpu-basic", sleep=SLEEP)
    assert (await one(fewer)).setup.hardware == TIERS[0]


async def test_a_space_that_is_being_deleted_is_missing_to_every_change(spaces: SqlSpaces) -> None:
    await spaces.set_wish(S, Wish.DELETE, "ann")
    await spaces.set_wish(S, Wish.DELETE, "ann")
    assert (await one(spaces)).wish is Wish.DELETE
    for change in (
        spaces.restart(S, rebuild=False),
        spaces.set_wish(S, Wish.SERVE, "ann"),
        spaces.set_head(S, A),
        spaces.set_sleep(S, 5),
        spaces.put_variable(S, "A", "1", ""),
    ):
        with pytest.raises(RepoMissing):
            await change


async def test_a_forgotten_space_leaves_nothing(spaces: SqlSpaces, builds: SqlBuilds, db: Database) -> None:
    secrets = SqlSecrets(db, Seal(b"k" * 32))
    await spaces.set_head(S, A)
    done = await build(builds, A)
    await spaces.leave_out(S, done.key, "frozen")
    await spaces.put_variable(S, "A", "1", "")
    await secrets.put(S, "T", "v", "")
    await spaces.forget(S)
    await spaces.forget(S)
    assert await spaces.snapshot(None) == []
    assert await builds.newest(S, 9) == []
    assert await secrets.names(S) == {}
    await builds.record(S, done)
    await spaces.keep(S, Answered(build=done.key))
    assert await builds.newest(S, 9) == []


async def test_a_snapshot_has_those_named_that_are_there(spaces: SqlSpaces) -> None:
    await spaces.create(SpaceId("s2"), RepoId("r2"), "bob-hello", "cpu-basic")
    assert {space.id for space in await spaces.snapshot(None)} == {"s1", "s2"}
    assert {space.id for space in await spaces.snapshot([SpaceId("s2"), SpaceId("none")])} == {"s2"}
    assert {space.id for space in await spaces.snapshot([SpaceId(f"s{n}") for n in range(2, 1000)])} == {"s2"}
    assert await spaces.snapshot([]) == []


async def test_a_secret_is_a_new_setup_and_never_shown(spaces: SqlSpaces, db: Database) -> None:
    secrets = SqlSecrets(db, Seal(b"k" * 32))
    await secrets.put(S, "TOKEN", "old", "")
    await secrets.put(S, "TOKEN", "sesame", "for the API")
    assert (await one(spaces)).setup.secrets == 2
    shown = (await secrets.names(S))["TOKEN"]
    assert "sesame" not in repr(shown)
    assert shown.description == "for the API"
    assert await secrets.open_all(S) == {"TOKEN": "sesame"}
    await secrets.delete(S, "TOKEN")
    await secrets.delete(S, "TOKEN")
    assert (await one(spaces)).setup.secrets == 3
    assert await secrets.open_all(S) == {}
    with pytest.raises(RepoMissing):
        await secrets.put(SpaceId("none"), "TOKEN", "v", "")


async def test_two_processes_that_write_at_once_lose_nothing(spaces: SqlSpaces, url: str) -> None:
    other = Database(url)
    twin = SqlSpaces(other, tiers=TIERS, default_tier="cpu-basic", sleep=SLEEP)
    try:
        await asyncio.gather(*(which.restart(S, rebuild=False) for which in (spaces, twin) for _ in range(10)))
        assert (await one(spaces)).setup.restarts == 20
        made = [which.create(SpaceId(f"n{n}"), R, f"n{n}", "cpu-basic") for n, which in enumerate([spaces, twin] * 5)]
        assert len({address.loopback for address in await asyncio.gather(*made)}) == 10
    finally:
        await other.close()


async def test_a_thousand_spaces_are_read_in_five_queries(spaces: SqlSpaces, db: Database) -> None:
    await spaces.set_head(S, A)
    [row] = await db.read(lambda c: c.execute(sa.select(tables.spaces)).mappings().all())
    [built] = await db.read(lambda c: c.execute(sa.select(tables.builds)).mappings().all())
    done = {"state": "done", "answered": True}

    def fill(connection: sa.Connection) -> None:
        names = range(1, 1000)
        copies = [{**row, "id": f"n{n}", "subdomain": f"n{n}", "number": n, "good_revision": A} for n in names]
        connection.execute(tables.spaces.insert(), copies)
        codes = [{**built, **done, "space": f"n{n}", "artifact": dumps(replace(ARTIFACT, code=f"{n}"))} for n in names]
        connection.execute(tables.builds.insert(), codes)

    await db.run(fill)
    asked: list[str] = []

    def ask(*about: object) -> None:
        asked.append(str(about[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", ask)
    began = time.perf_counter()
    assert len(await spaces.snapshot(None)) == 1000
    assert time.perf_counter() - began < 1.0  # 60 ms on an idle machine, and this one may be busy
    sa.event.remove(sa.Engine, "before_cursor_execute", ask)
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 5
