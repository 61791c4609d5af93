"""How long from `git push` to an answer of the new revision."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from bench.by_hand import seconds_from_nothing
from bench.platform import HELLO, Platform, commit, platform, working_copy
from bench.rows import Row, at_most, median, row

PUSHES = 3


def rows() -> list[Row]:
    """push.first_warm and push.code_only."""
    first, code = _first_and_code()
    by_hand = seconds_from_nothing()
    return [
        row(
            "push.first_warm", first, "s", rival="venv, pip install, python app.py by hand", rival_value=by_hand,
            target="≤ 8 s", judge=at_most(8.0), note="wheels cached, no environment; until the app says so itself",
        ),
        row(
            "push.code_only", code, "s", rival="venv, pip install, python app.py by hand", rival_value=by_hand,
            target="≤ 3 s", judge=at_most(3.0), note=f"median of {PUSHES}; until the new revision's own text is served",
        ),
    ]  # fmt: skip


def rows_in_containers() -> list[Row]:
    """engine.docker.first_build and engine.docker.push. SPACES_TEST_BASE names another base than the usual one."""
    base = os.environ.get("SPACES_TEST_BASE", "")
    first, code = _first_and_code(SPACES_ENGINE="docker", **({"SPACES_DOCKER_BASE": base} if base else {}))
    by_hand = seconds_from_nothing()
    return [
        row(
            "engine.docker.first_build", first, "s", rival="venv, pip install, python app.py by hand",
            rival_value=by_hand, target="≤ 10 s", judge=at_most(10.0),
            note="wheels cached, no environment; from push until the app in its container says so itself",
        ),
        row(
            "engine.docker.push", code, "s", rival="venv, pip install, python app.py by hand", rival_value=by_hand,
            target="≤ 4 s", judge=at_most(4.0), note=f"code only; median of {PUSHES}; until the new revision answers",
        ),
    ]  # fmt: skip


def _first_and_code(**environ: str) -> tuple[float, float]:
    """Seconds from push to answer: a first build with warm caches, and a change of code."""
    with platform(**environ) as here:
        copy = working_copy(HELLO)
        here.create("hello")
        _pushed(here, copy, "hello", "cold cache")  # fills the cache of wheels
        shutil.rmtree(here.data / "store" / "envs")
        (here.data / "store" / "envs").mkdir(mode=0o755)
        _owned_like(here.data / "store" / "envs", here.data / "store" / "wheels")
        here.create("second")
        first = _pushed(here, copy, "second", "first")
        here.until_compiled()
        return first, median([_pushed(here, copy, "second", f"revision {n}") for n in range(PUSHES)])


def _pushed(here: Platform, copy: Path, name: str, text: str) -> float:
    """Seconds from push to the first answer with this revision's own text."""
    app = copy / "app.py"
    marker = f"bench {text} {time.time_ns()}"
    app.write_text((HELLO / "app.py").read_text().replace('title="Hello"', f'title="{marker}"'))
    commit(copy, text)
    began = time.perf_counter()
    here.push(copy, name)
    while True:
        status, body = here.get(name)
        if status == 200 and marker.encode() in body:
            return time.perf_counter() - began
        runtime = here.api("GET", f"/api/spaces/bench/{name}/runtime")
        if runtime["stage"].endswith("ERROR"):
            raise RuntimeError(str(runtime))
        time.sleep(0.01)


def _owned_like(folder: Path, other: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, other.stat().st_uid, other.stat().st_gid)
