"""While visitors never stop, a new revision, setting or tier takes over without one failed request, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.platform import Platform
from tests.promises.world import Visitors, Work, app, readme, until

ROLL = 60.0  # seconds: nobody stays inside, so the old instance ends long before the five-minute cut
NEVER = "import threading\nprint('loading')\nthreading.Event().wait()\n"
SECOND_TRY = """
import pathlib
tried = pathlib.Path("/data/tried")
if not tried.exists():
    tried.touch()
    raise SystemExit("not yet")
"""
SHORT_LIVED = """
import os, socket, threading, time
def end():
    while socket.socket().connect_ex(("127.0.0.1", 7860)):
        time.sleep(0.01)
    time.sleep(0.5)
    print("this was all", flush=True)
    os._exit(7)
threading.Thread(target=end).start()
"""


@pytest.fixture
def work(here: Platform) -> Iterator[Work]:
    made = Work(here, "rolling")
    made.deploy("one")
    yield made
    here.api("DELETE", "/api/repos/delete", {"name": made.name, "type": "space"})


def test_a_good_revision_takes_over_without_a_failed_request(work: Work) -> None:
    with Visitors(work) as visitors:
        work.push({"README.md": readme(), "app.py": app("two", slow=0.5)})
        until(lambda: visitors.seen[-1]["says"] == "two", "visitors get the new one")
        until(lambda: len(work.sandboxes()) == 1, lambda: f"the old one ends\n{work.said()}", ROLL)
        visitors.goes_on()
    assert not visitors.failed
    assert len({told["born"] for told in visitors.seen}) == 2
    assert work.stage("RUNNING")


def test_a_revision_that_never_answers_replaces_nothing_and_is_shown(work: Work) -> None:
    with Visitors(work) as visitors:
        work.push({"README.md": readme("startup_duration_timeout: 3s"), "app.py": NEVER})
        work.stage("RUNNING_APP_STARTING")
        why = work.stage("RUNNING", why="did not start: No answer within 3 s")
        visitors.goes_on()
    assert 'Its last line: "loading"' in why
    assert "Push, rebuild or restart to try again." in why
    assert not visitors.failed
    assert {told["says"] for told in visitors.seen} == {"one"}
    assert len(work.sandboxes()) == 1


@pytest.mark.parametrize(
    ("path", "asked", "tells"),
    [
        ("secrets", {"key": "KEPT_SECRET", "value": "s"}, {"KEPT_SECRET": "s"}),
        ("variables", {"key": "KEPT_VARIABLE", "value": "v"}, {"KEPT_VARIABLE": "v"}),
        ("hardware", {"flavor": "small"}, {}),
        ("restart", None, {}),
    ],
)
def test_a_changed_setting_restarts_it_without_a_failed_request(work: Work, path: str, asked, tells) -> None:
    with Visitors(work) as visitors:
        before = visitors.seen[-1]["born"]
        work.here.api("POST", f"/api/spaces/{work.full}/{path}", asked)
        until(lambda: visitors.seen[-1]["born"] != before, "another process answers")
        until(lambda: len(work.sandboxes()) == 1, lambda: f"the old one ends\n{work.said()}", ROLL)
        visitors.goes_on()
    assert not visitors.failed
    assert visitors.seen[-1]["env"] == tells
    assert len({told["born"] for told in visitors.seen}) == 2
    if path == "hardware":
        assert work.runtime()["hardware"] == {"current": "small", "requested": "small"}


def test_a_crash_loop_backs_off_and_says_why(work: Work) -> None:
    work.push({"README.md": readme(), "app.py": SHORT_LIVED + app("short")})
    why = work.stage("RUNTIME_ERROR", why="2 times in a row")
    assert 'status 7. Its last line: "this was all". Next try at ' in why
    assert not work.sandboxes()
    work.deploy("mended")


def test_a_restart_by_a_person_tries_a_failed_revision_again(work: Work) -> None:
    work.push({"README.md": readme(), "app.py": SECOND_TRY + app("second")})
    assert '"not yet"' in work.stage("RUNNING", why="did not start")
    assert work.visit()["says"] == "one"
    work.here.api("POST", f"/api/spaces/{work.full}/restart")
    work.tells("second")
