"""What people are told at the edges."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ladder import rung_of
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


def asleep(*words: str) -> World:
    world = running("leave", *words)
    for _ in range(4):
        world.look()
    return world


def test_who_paused_or_deleted_it_is_named():
    world = running()
    world.space = replace(world.space, wished_by="tomas")
    world.happen("pause")
    assert shown(world) == (
        Stage.PAUSED, "tomas paused it. Those inside finish first. Only its members can start it."
    )  # fmt: skip
    world.happen("delete")
    assert shown(world) == (Stage.DELETING, "tomas deleted it. Its files leave the disk next.")


def test_a_running_space_says_since_when_and_when_it_would_sleep():
    assert shown(running()) == (
        Stage.RUNNING, "r0 answers visitors since 00:16 UTC. Sleeps after 2 min without a visit."
    )  # fmt: skip
    world = running()
    world.space = replace(world.space, ladder=())
    assert shown(world)[1].endswith("It never sleeps.")


def test_a_sleeping_space_says_since_when_what_is_kept_and_how_long_a_visit_waits():
    world = asleep("time 150")
    world.space = replace(world.space, usual=0.0051)
    assert shown(world) == (
        Stage.SLEEPING, "No visit since 00:16 UTC. Its memory is kept. A visit wakes it in about 5 ms."
    )  # fmt: skip
    world.now += 10_000
    for _ in range(4):
        world.look()
    world.space = replace(world.space, usual=4.4)
    assert shown(world)[1].endswith("Only its files are kept. A visit starts it in about 4.4 s.")


def test_one_that_was_put_to_sleep_says_so_and_by_what():
    assert shown(asleep("hush"))[1].startswith("Put to sleep at 00:16 UTC.")
    world = asleep("hush")
    world.space = replace(world.space, hush=replace(world.space.hush, why="It gave its place to a Space that waited,"))
    assert shown(world)[1].startswith("It gave its place to a Space that waited, at 00:16 UTC.")


def test_hardware_that_this_machine_has_not_is_a_wrong_setting():
    world = World()
    for word in ("places 0", "push", "built", "nothing"):
        world.happen(word)
        world.look()
    gpu = replace(world.space.setup.hardware, name="l4x4", gpus=4)
    world.space = replace(world.space, position=-1, setup=replace(world.space.setup, hardware=gpu))
    said = "l4x4 needs 4 GPUs, and this machine has fewer. Choose other hardware."
    assert shown(world) == (Stage.CONFIG_ERROR, said)


def test_an_app_that_listens_elsewhere_is_told_so_while_it_starts():
    world = World()
    for word in ("push", "nothing", "built", "nothing"):
        world.happen(word)
        world.look()
    world.change(world.space.instances[0].id, why="listens on 7861, not 7860")
    assert shown(world) == (
        Stage.APP_STARTING, "r0 is starting. It has until 00:19 UTC to answer. It listens on 7861, not 7860."
    )  # fmt: skip


def test_a_crash_says_how_often_and_when_it_is_tried_again():
    world = running("crash", "nothing", "nothing", "up", "crash", "nothing")
    stage, why = shown(world)
    assert stage is Stage.RUNTIME_ERROR
    assert why == "Crashed, 2 times in a row: Killed. Next try at 00:16 UTC."


def test_files_are_running_and_an_app_that_replaces_them_builds_beside_them():
    world = World()
    for word in ("push static", "nothing", "built", "nothing"):
        world.happen(word)
        world.look()
    assert shown(world) == (Stage.RUNNING, "The files of r0 are served; no process is needed.")
    for word, stage in (("push", Stage.RUNNING_BUILDING), ("built", Stage.RUNNING_APP_STARTING), ("up", Stage.RUNNING)):
        world.happen(word)
        world.look()
        assert shown(world)[0] is stage


def test_the_rung_is_one_word():
    assert rung_of(running().observe()) == "running"
    assert rung_of(asleep("time 150").observe()) == "frozen"
    assert rung_of(asleep("hush").observe()) == "cold"
    assert rung_of(World().observe()) == "cold"
