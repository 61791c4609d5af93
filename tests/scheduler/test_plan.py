"""Random histories against the promises of the scheduler."""

from __future__ import annotations

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces_runtime.domain.actions import Build, Close, Forget, Open, Resume, Start, Stop, Suspend
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import ON_DISK, deeper, earned
from spaces_runtime.domain.space import BuildState, Wish
from spaces_runtime.domain.stage import Stage, derive_stage
from spaces_runtime.scheduler.plan import GRACE, ROWS, plan
from tests.scheduler.world import World

# Weighted towards progress; every history starts from a running Space.
PROGRESS = ["push", "built", "up", "time", "time 10", "visit g0", "visit g1", "nothing", "leave"] * 3
AUTHOR = [
    "push bad",
    "push bad",
    "rebuild",
    "restart",
    "restart",
    "secret",
    "hardware",
    "pause",
    "delete",
    "push static",
]
LUCK = [
    "built failed",
    "built invalid",
    "down",
    "crash",
    "crash",
    "break_suspend",
    "break_resume",
    "forget_act",
    "twin",
]
PEOPLE = [
    "tab",
    "untab",
    "work",
    "unwork",
    "time 400",
    "time 90",
    "hush",
    "hush frozen",
    "hush checkpointed",
    "hush packed",
]
PLACES = ["places 0", "places 1", "places 2", "places 2"]
GATEWAYS = ["silence", "unlease", "heal", "unsee"]
WORDS = [*PROGRESS, *AUTHOR, *LUCK, *PEOPLE, *PLACES, *GATEWAYS]
START = ["push", "nothing", "built", "nothing", "up", "nothing", "nothing", "visit g0"]
# What single words put together too rarely: uniform histories left half of the planted faults unseen.
EPISODES = [
    "push, built, nothing, up, nothing, nothing, nothing",
    "push bad, built, nothing, nothing, down, nothing, nothing, nothing, up, nothing",
    "push bad, built, nothing, nothing, time 90, time 90, nothing, nothing, up, nothing",
    "places 2, secret, nothing, up, nothing, nothing",
    "leave, time 90, time, nothing, nothing, visit g0, nothing",
    "leave, time 400, nothing, nothing, nothing",
    "tab, leave, time 90, time 90, nothing, nothing, time 400, nothing",
    "work, leave, time 400, nothing, unwork",
    "visit g1, silence, time 90, time 90, nothing, nothing, nothing",
    "visit g1, silence, unlease, time 90, time 90, nothing, nothing, nothing",
    "visit g1, silence, unlease, restart, nothing, nothing, up, nothing, nothing",
    "crash, nothing, nothing, up, crash, nothing, nothing, up",
    "push static, nothing, built, nothing, nothing, leave, nothing, nothing",
    "push static, built, nothing, nothing, leave, nothing, push, nothing, built, nothing, up, nothing",
    "hush frozen, leave, nothing, nothing, nothing",
    "leave, time 90, time 90, time, nothing, nothing, nothing, secret, nothing, nothing, visit g0, nothing, nothing",
    "leave, time 90, time 90, nothing, nothing, nothing, break_resume, visit g0, nothing, nothing, up, nothing",
    "leave, time 90, time 90, break_suspend, nothing, nothing, nothing, time 90, nothing, nothing",
    "twin, nothing, nothing, up, nothing, nothing, nothing",
    "hush, leave, nothing, nothing, nothing, visit g0, nothing, up, nothing",
]
WORD = st.sampled_from(WORDS).map(lambda word: [word])
EPISODE = st.sampled_from(EPISODES).map(lambda words: words.split(", "))
HISTORY = st.lists(WORD | EPISODE, min_size=5, max_size=30).map(lambda parts: START + [w for p in parts for w in p])
SOME = settings(max_examples=300, deadline=None)


def live_through(words: list[str]) -> World:
    world = World()
    for word in words:
        world.happen(word)
        world.look()
        if world.gone:
            break
    return world


def settle(world: World, looks: int = 60) -> World:
    """Everything that can go well does; a bad revision goes on failing; someone keeps asking, and goes in and out."""
    world.heal()
    for _ in range(looks):
        for word in ("built", "up", "down", "leave"):
            world.happen(word)
        world.look()
        world.now += 10.0
        world.touch()
    return world


def rest(world: World, looks: int = 60) -> float | None:
    """Look until there is nothing to do, each action followed by its event; returns when it is due again."""
    for _ in range(looks):
        decision = world.look()
        if decision.action is None or world.gone:
            return decision.due
        for word in ("built", "up", "down"):
            world.happen(word)
    raise AssertionError("never at rest")


@SOME
@given(HISTORY)
def test_nobody_is_inside_or_can_come_into_what_is_stopped_or_suspended(words):
    for step in live_through(words).steps:
        if step.of(Stop, Suspend) and step.instance.phase is not Phase.EXITED and (step.inside or step.admits):
            assert step.of(Stop)
            assert step.now >= step.instance.cut_at + GRACE, "only a cut whose time is over may pass a silent gateway"


@SOME
@given(HISTORY)
def test_only_a_roll_or_a_pause_may_cut(words):
    for step in live_through(words).steps:
        if step.of(Close) and step.decision.action.within < inf:
            assert step.space.wish is not Wish.SERVE or step.instance.spec != step.space.wanted


@SOME
@given(HISTORY)
def test_there_are_never_more_instances_than_places(words):
    for step in live_through(words).steps:
        if step.of(Start):
            assert len(step.space.instances) < step.space.places


@SOME
@given(HISTORY)
def test_a_paused_or_deleted_space_is_never_started(words):
    for step in live_through(words).steps:
        assert step.space.wish is Wish.SERVE or not step.of(Build, Start, Resume, Open)


@SOME
@given(HISTORY)
def test_only_what_is_wanted_is_started_once_and_in_its_time(words):
    for step in live_through(words).steps:
        if step.of(Start):
            spec = step.decision.action.spec
            assert spec == step.space.wanted
            assert spec not in {i.spec for i in step.space.instances}
            assert step.now >= step.space.retry_at(spec)
            assert earned(step.space, step.now) is None, "nobody asked for it"


@SOME
@given(HISTORY)
def test_what_ended_before_it_answered_is_not_started_again(words):
    for step in live_through(words).steps:
        if step.of(Start) and step.decision.action.key not in step.space.answered:
            assert step.decision.action.spec not in step.ended_before_answer


@SOME
@given(HISTORY)
def test_a_roll_with_two_places_leaves_no_gap(words):
    for step in live_through(words).steps:
        awake = step.space.wish is Wish.SERVE and earned(step.space, step.now) is None
        asleep = step.of(Close) and step.instance.phase in ON_DISK  # it answers nobody
        if step.of(Close) and awake and step.space.places == 2 and not asleep:
            others = [i for i in step.space.instances if i.id != step.instance.id]
            assert step.space.files or any(i.gate is Gate.OPEN for i in others)


@SOME
@given(HISTORY)
def test_an_open_tab_keeps_a_silent_space_where_its_connections_stay(words):
    for step in live_through(words).steps:
        space = step.space
        held = space.held_since is not None and step.now < max(space.touched_at, space.held_since) + space.hold
        hushed = space.hush is not None and space.hush.at >= space.touched_at  # a person's word is stronger than a tab
        if held and not hushed and space.wish is Wish.SERVE and step.of(Suspend):
            assert step.decision.action.rung not in ON_DISK
        if held and not hushed and step.decision.why == "idle":
            assert not step.of(Stop)


@SOME
@given(HISTORY)
def test_memory_on_disk_wakes_only_as_what_is_wanted_now(words):
    for step in live_through(words).steps:
        if step.of(Resume) and step.instance.phase in ON_DISK:
            assert step.instance.spec == step.space.wanted, "with an old revision, or an old secret"


@SOME
@given(HISTORY)
def test_each_step_of_a_sleep_is_a_step_down(words):
    for step in live_through(words).steps:
        if step.of(Suspend):
            assert deeper(step.decision.action.rung, step.instance.phase)


@SOME
@given(HISTORY)
def test_nothing_new_is_to_be_done_before_it_is_due(words):
    for step in live_through(words).steps:
        due = step.decision.due
        assert due is None or step.now < due < inf
        until = step.now + 1e6 if due is None else due
        shown = derive_stage(step.space, step.now).stage
        for at in (step.now + (until - step.now) * part for part in (0.01, 0.5, 0.999)):
            assert plan(step.space, at).action in (step.decision.action, None)
            assert derive_stage(step.space, at).stage is shown


@SOME
@given(HISTORY)
def test_running_means_that_someone_is_answered_and_every_stage_has_its_reason(words):
    for step in live_through(words).steps:
        shown = derive_stage(step.space, step.now)
        assert shown.why.strip()
        served = any(i.phase is Phase.READY and i.gate is not Gate.QUIET for i in step.space.instances)
        answered = served or step.space.files is not None
        assert shown.stage.value.startswith("RUNNING") == (answered and step.space.wish is Wish.SERVE)


@SOME
@given(HISTORY)
def test_files_are_served_without_an_instance_and_never_vanish_before_an_app_has_answered(words):
    files = False
    for step in live_through(words).steps:
        target = step.space.target
        if target is not None and target.static:
            assert not step.of(Start, Resume, Open)
        if files and step.space.files is None:
            assert step.space.last_good is not None
            assert not step.space.last_good.static
            assert step.space.last_good.key in step.space.answered
        files = step.space.files is not None


@SOME
@given(HISTORY, st.sampled_from(["hush", "hush frozen"]))
def test_a_person_who_asks_for_sleep_gets_it_at_once_and_the_next_visit_ends_it(words, word):
    world = live_through(words)
    space = world.space
    if world.gone or space.wish is not Wish.SERVE or space.target is None or space.target.static:
        return
    world.happen("places 2")
    world.happen("visit g0")
    settle(world)
    if not world.observe().instances:
        return
    world.fail_suspend = False
    ladder = world.space.ladder  # without rungs that have failed by now
    world.happen("leave")
    world.happen(word)
    at = world.now
    for _ in range(5):
        world.look()
    left = [i.phase for i in world.observe().instances]
    frozen = word == "hush frozen" and any(r.phase is Phase.FROZEN for r in ladder)
    assert left == ([Phase.FROZEN] if frozen else left and [ladder[0].phase] if word == "hush frozen" else [])
    assert world.now == at
    world.now += 1
    world.happen("visit g0")
    assert earned(world.observe(), world.now) is None


@SOME
@given(HISTORY, st.sampled_from(["places 1", "places 2"]))
def test_a_visit_to_a_space_with_a_place_and_a_good_revision_is_answered(words, places):
    world = live_through(words)
    if world.gone or world.space.wish is Wish.DELETE:
        return
    for word in ("unpause", places, "visit g0"):
        world.happen(word)
    settle(world)
    space = world.observe()
    if space.target is None or space.target.static:
        assert not space.instances
        assert plan(space, world.now).action is None
        return
    assert [(i.spec, i.phase, i.gate) for i in space.instances] == [(space.wanted, Phase.READY, Gate.OPEN)]
    assert plan(space, world.now).action is None, "at rest"


@SOME
@given(HISTORY, st.sampled_from(["places 1", "places 2"]), st.sampled_from(["down", "nothing"]), st.booleans())
def test_a_bad_revision_never_replaces_a_good_one(words, places, end, after_sleep):
    world = live_through(words)
    good = world.space.last_good
    if world.gone or good is None or world.space.wish is Wish.DELETE:
        return
    for word in ("restart", places, "push bad", "nothing"):
        world.happen(word)
        world.look()
    head = world.space.head
    for _ in range(60):  # it ends by itself, or never answers at all
        for word in ("built", "up", end, "leave", "time 10", "touch"):
            world.happen(word)
        world.heal()
        world.look()
    if after_sleep:
        world.now += 100_000
        for _ in range(20):
            world.look()
    settle(world)
    space = world.observe()
    assert space.last_good not in (None, head)
    serving = [] if space.last_good.static else [(space.last_good.key, Phase.READY, Gate.OPEN)]
    assert [(i.build, i.phase, i.gate) for i in space.instances] == serving
    shown = derive_stage(space, world.now)
    assert shown.stage is Stage.RUNNING
    assert head.key.short in shown.why, "the failure stays visible"


@SOME
@given(HISTORY)
def test_a_restart_or_a_new_secret_by_a_person_tries_a_failed_head_again(words):
    world = live_through(words)
    if world.gone or world.space.wish is Wish.DELETE:
        return
    for word in ("restart", "places 2", "push bad"):
        world.happen(word)
    settle(world)
    assert world.space.head_failed
    world.bad.clear()
    world.happen("secret")
    settle(world)
    assert [i.build for i in world.space.instances] == [world.space.head.key]


@SOME
@given(HISTORY)
def test_an_idle_space_ends_cold_though_it_is_looked_at_only_when_due(words):
    world = live_through(words)
    if world.gone:
        return
    for word in ("heal", "leave", "untab", "built", "up", "down", "places 2"):
        world.happen(word)
    due = rest(world)
    for _ in range(40):
        if due is None:
            break
        world.now = due
        due = rest(world)
    assert due is None
    assert not world.space.instances


@SOME
@given(HISTORY, st.sampled_from(["pause", "delete"]))
def test_a_paused_or_deleted_space_leaves_nothing_even_with_a_silent_gateway(words, wish):
    world = live_through([*words, "silence", "visit g1"])
    if world.gone:
        return
    world.happen(wish)
    for _ in range(30):
        world.look()
        world.happen("time 10")
    assert not world.space.instances
    assert world.gone == (world.space.wish is Wish.DELETE)


@SOME
@given(HISTORY)
def test_a_deleted_space_is_forgotten_only_when_nothing_is_left(words):
    for step in live_through(words).steps:
        assert not step.of(Forget) or not step.space.instances


@pytest.fixture(scope="module")
def many_steps():
    """One seeded crowd of histories, from running and from empty Spaces, so that reaching a row needs no luck."""
    rng = random.Random(1)
    starts = [START, START, ["nothing"], ["nothing"]]
    return [step for n in range(2000) for step in live_through(starts[n % 4] + rng.choices(WORDS, k=50)).steps]


def test_every_row_is_reached_by_some_history(many_steps):
    assert {row.why for row in ROWS} == {step.decision.why for step in many_steps}


def test_every_stage_is_reached_by_some_history(many_steps):
    reached = {derive_stage(step.space, step.now).stage for step in many_steps}
    assert reached == set(Stage)


def test_what_was_started_twice_runs_once_and_visitors_keep_theirs():
    world = live_through(START)
    (serves,) = world.live
    world.twin()
    world.up()
    rest(world)
    assert [i.id for i in world.live] == [serves.id]
    assert world.doors[serves.id]


def test_a_push_alone_touches_no_running_revision():
    world = live_through(START)
    world.push()
    world.look()
    assert world.space.head.build is BuildState.RUNNING
    assert world.look().action is None
