"""Packages are kept once, whoever asks for them; and what a Space needs to be built again is kept with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.platform import Platform
from tests.promises.world import Work, app, readme, role, until

SPACES = 20
NOBODY = "http://127.0.0.1:9/simple"  # port 9 discards; nobody listens there


def test_twenty_spaces_of_one_environment_cost_one(here: Platform, steady: Work) -> None:
    environments, disk = _environments(here), _disk(here.data / "store")
    works = [Work(here, f"one-of-{n}") for n in range(SPACES)]
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda work: work.deploy(work.name), works))
    assert len({each["born"] for each in told}) == SPACES
    assert _environments(here) == environments
    assert _disk(here.data / "store") < 1.5 * disk  # not 20; its bytecode may be compiled meanwhile
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda work: here.api("DELETE", "/api/repos/delete", {"name": work.name, "type": "space"}), works)
        )
    until(lambda: not any(work.sandboxes() for work in works), "none of them runs on")


@pytest.fixture
def work(here: Platform) -> Work:
    return Work(here, "again")


@pytest.fixture
def environment(here: Platform, work: Work) -> Path:
    """Its own, that no other Space has."""
    before = _environments(here)
    work.push(_files("before"))
    work.tells("before")
    [own] = _environments(here) - before
    return own


@pytest.fixture
def no_index(here: Platform, environment: Path) -> Iterator[None]:
    """The operator's index is away."""
    file = here.data / "spaces.toml"
    before = file.read_text()
    file.write_text(f'{before}\n[build]\nindex = "{NOBODY}"\n')
    _replaced(here)
    yield
    file.write_text(before)
    _replaced(here)


@pytest.mark.usefixtures("no_index")
def test_without_its_index_and_environment_a_space_is_built_again(work: Work, environment: Path) -> None:
    shutil.rmtree(environment)
    work.push(_files("from kept wheels"))
    work.tells("from kept wheels")
    assert environment.is_dir()
    work.push(_files("something new") | {"requirements.txt": "six==1.17.0\n"})
    work.stage("RUNNING", why="The package index cannot be reached")
    assert work.visit()["says"] == "from kept wheels"


def _files(says: str) -> dict[str, str | bytes]:
    return {"README.md": readme(), "app.py": app(says), "requirements.txt": "six==1.16.0\n"}


def _replaced(here: Platform) -> None:
    """`spaces restart`, to its end."""
    before = {which: set(role(here, which)) for which in ("scheduler", "gateway")}
    here.spaces("restart")
    for which, old in before.items():
        until(lambda which=which, old=old: len(now := set(role(here, which))) == len(old) and not now & old, which)


def _environments(here: Platform) -> set[Path]:
    return {path for path in (here.data / "store" / "envs").iterdir() if not path.name.startswith(".")}


def _disk(folder: Path) -> int:
    """Bytes on disk; a file with many names counts once."""
    found = {}
    for place, _, files in os.walk(folder):
        for name in files:
            known = (Path(place) / name).lstat()
            found[known.st_ino] = known.st_blocks * 512
    return sum(found.values())
