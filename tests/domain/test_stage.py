"""What people are told at the edges."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.stage import Stage, derive_stage
from tests.scheduler.world import World


def running(*more: str) -> World:
    world = World()
    for word in ("push", "nothing", "built", "nothing", "up", "nothing", "visit g0", *more):
        world.happen(word)
        world.look()
    return world


def shown(world: World) -> tuple[Stage, str]:
    now = derive_stage(world.observe(), world.now)
    return now.stage, now.why


def test_waiting_for_a_place_is_starting_and_says_the_position():
    world = World()
    for word in ("places 0", "push", "built", "nothing"):
        world.happen(word)
        world.look()
    then = "It starts by itself when one is free."
    assert shown(world) == (Stage.APP_STARTING, f"Waiting for a place: number 1 in the queue. {then}")


def test_closing_for_sleep_with_someone_inside_is_running():
    world = running("time 150")
    assert world.space.instances[0].gate is Gate.OPEN
    assert world.observe().instances[0].gate is Gate.CLOSING
    assert shown(world)[0] is Stage.RUNNING


def test_the_new_revision_builds_then_starts_beside_the_old_one():
    world = running("places 2", "push", "nothing")
    assert shown(world)[0] is Stage.RUNNING_BUILDING
    for word in ("built", "nothing"):
        world.happen(word)
        world.look()
    assert shown(world)[0] is Stage.RUNNING_APP_STARTING


def test_a_crash_of_an_idle_space_is_stopped_not_asleep():
    world = running("leave", "time 150", "nothing", "nothing", "crash", "nothing")
    assert shown(world) == (Stage.STOPPED, "Stopped: Killed. A visit starts it.")


def test_a_first_revision_that_never_answers_is_an_error_until_a_person_acts():
    world = World()
    for word in ("push bad", "built", "nothing", "time 200", "nothing", "visit g0", "nothing"):
        world.happen(word)
        world.look()
    stage, why = shown(world)
    assert stage is Stage.RUNTIME_ERROR
    assert "No answer within 150 s." in why
    world.bad.clear()
    for word in ("restart", "up", "nothing"):
        world.happen(word)
        world.look()
    assert shown(world)[0] is Stage.RUNNING


def test_a_space_without_an_app_file_says_so():
    assert shown(World())[0] is Stage.NO_APP_FILE


def test_a_frozen_space_with_a_failed_head_names_it():
    world = running("leave", "push bad", "built", "leave", "nothing", "nothing", "down", "nothing", "up", "nothing")
    world.space = replace(world.space, touched_at=world.now - 150)
    for _ in range(4):
        world.look()
    stage, why = shown(world)
    assert stage is Stage.SLEEPING
    assert "did not start: No module named torch." in why
