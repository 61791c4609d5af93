"""`kill -9` of each process at the worst moments: what was acknowledged is there, and the Spaces go on answering."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.kernel import processes
from bench.platform import Platform, platform, up
from tests.promises.world import (
    GENEROUS,
    ROLES,
    Visitors,
    Work,
    app,
    groups,
    groups_of,
    kill,
    leftovers,
    readme,
    role,
    until,
    with_words,
)

UNSEEN = ("hub", "scheduler", "node", "live")  # no visitor's connection goes through these
PACKS = {f"{n}.bin": os.urandom(2_000_000) for n in range(4)}  # a push that takes a moment


class House:
    """A platform that may be started again, with a Space that always runs."""

    def __init__(self, here: Platform) -> None:
        self.here = here
        self.steady = Work(here, "steady")
        self.born = self.steady.deploy()["born"]

    def up_again(self) -> None:
        self.here = replace(self.here, process=up(self.here.data, self.here.port))

    def back(self, which: str) -> None:
        """Wait until the supervisor has replaced it."""
        until(lambda: role(self.here, which), f"{which} is started again")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with platform() as here:
        made = House(here)
        yield made
        made.here.process.send_signal(signal.SIGTERM)
        made.here.process.wait(20)


@pytest.fixture(scope="module")
def sleeper(house: House) -> Work:
    """A Space that takes a second to start."""
    work = Work(house.here, "sleeper")
    work.deploy(slow=1.0)
    return work


def test_an_acknowledged_secret_and_variable_survive_the_kill_of_all(house: House) -> None:
    work = Work(house.here, "secret")
    work.deploy()
    work.set("secrets", "KEPT_SECRET", "s3cret")
    work.set("variables", "KEPT_VARIABLE", "shown")
    for which in ("scheduler", "live", "hub"):
        kill(house.here, which)
    wanted = {"KEPT_SECRET": "s3cret", "KEPT_VARIABLE": "shown"}
    until(lambda: (work.visit() or {}).get("env") == wanted, lambda: f"the app has them; it tells {work.visit()}")
    until(lambda: len(work.sandboxes()) == 1, "it runs once")


@pytest.mark.parametrize("which", ROLES)
def test_a_push_during_which_a_process_dies_is_whole_or_not_at_all(house: House, which: str) -> None:
    work = Work(house.here, f"push-{which}")
    work.commit({"README.md": readme(), "app.py": app(), **PACKS})
    with Visitors(house.steady) as visitors:
        pushing = work.pushing()
        until(lambda: with_words("receive-pack", str(house.here.data)), "git receives")
        kill(house.here, which)
        said, _ = pushing.communicate(timeout=GENEROUS)
        if pushing.returncode != 0:
            assert which in ("hub", "gateway"), said
            house.back(which)
            until(lambda: work.pushing().wait(GENEROUS) == 0, "the same push arrives")
        assert work.tells("hello")
        visitors.goes_on()
    _undisturbed(house, visitors, which)
    assert len(work.sandboxes()) == 1


def test_a_build_that_others_die_beside_goes_on(house: House) -> None:
    work = Work(house.here, "beside")
    with Visitors(house.steady) as visitors:
        _begin_build(house, work, "six==1.15.0")
        builder = with_words("-m builder", str(house.here.data))
        for which in ("hub", "live"):
            kill(house.here, which)
        assert set(builder) & set(with_words("-m builder", str(house.here.data)))
        assert work.tells("built")
    _undisturbed(house, visitors, "hub")


@pytest.mark.parametrize(("which", "needs"), [("scheduler", "six==1.16.0"), ("node", "six==1.17.0")])
def test_a_build_whose_keeper_dies_is_built_again(house: House, which: str, needs: str) -> None:
    work = Work(house.here, f"build-{which}")
    with Visitors(house.steady) as visitors:
        _begin_build(house, work, needs)
        kill(house.here, which)
        assert work.tells("built")
    _undisturbed(house, visitors, which)
    assert len(work.sandboxes()) == 1
    assert work.stage("RUNNING")


@pytest.mark.parametrize("which", ROLES)
def test_a_wake_during_which_a_process_dies_comes_to_its_end(house: House, sleeper: Work, which: str) -> None:
    work = sleeper
    house.here.spaces("space", "sleep", work.full, "--rung", "cold", "--wait", str(GENEROUS))
    assert not processes(work.full)
    told: list[object] = []

    def visit() -> None:
        try:
            told.append(work.visit())
        except OSError as error:
            told.append(error)

    with Visitors(house.steady) as visitors:
        visitor = threading.Thread(target=visit)
        visitor.start()
        until(lambda: processes(work.full), "it is being started")
        kill(house.here, which)
        visitor.join(GENEROUS)
        if which != "gateway":  # whose own connection it was
            assert isinstance(told[0], dict), told
        assert work.tells("hello")
        visitors.goes_on()
    _undisturbed(house, visitors, which)
    assert work.stage("RUNNING")
    until(lambda: len(work.sandboxes()) == 1, "it runs once")


def test_a_restart_of_the_platform_fails_no_request(house: House) -> None:
    before = {which: role(house.here, which) for which in ROLES}
    with Visitors(house.steady) as visitors:
        house.here.spaces("restart")
        for which in ("hub", "scheduler", "node", "gateway"):
            until(
                lambda which=which: (
                    len(now := role(house.here, which)) == len(before[which]) and not set(now) & set(before[which])
                ),
                f"{which} is replaced",
            )
        visitors.goes_on()
    assert role(house.here, "live") == before["live"]
    assert not visitors.failed
    assert {told["born"] for told in visitors.seen} == {house.born}


def test_what_runs_when_the_supervisor_dies_is_adopted_and_its_builds_begin_again(house: House) -> None:
    before = house.steady.sandboxes()
    work = Work(house.here, "build-up")
    _begin_build(house, work, "six==1.14.0")
    house.here.process.kill()
    house.here.process.wait(20)
    until(lambda: not any(role(house.here, which) for which in ROLES), "its processes end with it")
    assert house.steady.sandboxes() == before
    house.up_again()
    told = until(house.steady.visit, "it answers")
    assert told["born"] == house.born
    assert house.steady.stage("RUNNING")
    assert house.steady.sandboxes() == before
    assert work.tells("built")
    assert house.steady.deploy("newer")["born"] != house.born
    until(lambda: len(house.steady.sandboxes()) == 1, "the old one is replaced")


def test_a_stop_leaves_nothing_behind(house: House) -> None:
    house.steady.tells(house.steady.visit()["says"])
    inside = [processes(house.steady.full)[0]]
    namespaces = house.steady.sandboxes()
    named = {name for pid in inside for name in groups_of(pid)}
    house.here.process.send_signal(signal.SIGTERM)
    assert house.here.process.wait(12) == 0
    assert leftovers(house.here, namespaces) == []
    assert named
    assert namespaces
    assert {folder for folder in groups() if folder.name in named} == set()
    devices = {path.name for path in Path("/sys/class/net").glob("sp*")}
    assert not {name for name in devices if any(name.startswith(f"sp{key[7:12]}") for key in named)}


def _begin_build(house: House, work: Work, needs: str) -> None:
    """Push something that needs a new environment; returns when its builder runs."""
    work.push({"README.md": readme(), "app.py": app("built"), "requirements.txt": needs + "\n"})
    until(lambda: with_words("-m builder", str(house.here.data)), "the builder runs")


def _undisturbed(house: House, visitors: Visitors, which: str) -> None:
    """The steady Space is the process that it was, and nobody was refused."""
    if which in UNSEEN:
        assert not visitors.failed
    assert {told["born"] for told in visitors.seen} == {house.born}
    assert len(house.steady.sandboxes()) == 1
