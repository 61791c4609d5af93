"""`spaces gc`: what a Space needs to start stays; the rest goes, whole."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from builder.artifact import Artifact
from builder.sweep import YOUNG
from spaces_runtime.domain.layout import MOUNTS, Layout
from spaces_runtime.domain.storage import Removed
from spaces_runtime.wiring.collect import Needed, collect
from tests.builder.conftest import Store
from tests.builder.local_index import LocalIndex

LATER = time.time() + 2 * YOUNG


class House:
    """A data folder with builds of Spaces."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "data")
        self.store = Store(self.layout.store, LocalIndex(root / "index"))
        self.store.index.add("thing", "1.0")

    def build(self, space: str, requirements: str = "") -> Artifact:
        """As the scheduler leaves it: the lock beside the build."""
        self.store.previous = ()
        made = self.store.build({"requirements.txt": requirements})
        kept = self.layout.builds / space / "r-0" / "made"
        kept.mkdir(parents=True)
        shutil.copy(self.store.previous[0] / "lock.json", kept)
        (self.layout.logs / space).mkdir(parents=True)
        return made

    def collect(self, **spaces: Artifact) -> dict[str, Removed]:
        """With these Spaces left."""
        builds = frozenset((space, "r-0") for space in spaces)
        kept = Needed(artifacts=tuple(spaces.values()), builds=builds, spaces=frozenset(spaces))
        return {removed.what: removed for removed in collect(self.layout, kept, LATER)}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_needed_environment_stays_and_an_unneeded_one_goes_with_its_wheels_builds_and_logs(house: House) -> None:
    one, other = house.build("one"), house.build("other", "thing\n")
    house.store.finish(one)
    removed = house.collect(one=one)
    assert house.store.environments == [Path(one.location)]
    assert any(Path(one.location).rglob("*.pyc")), "its bytecode too"
    assert not Path(other.location).exists()
    assert list(house.layout.wheels.rglob("thing-*.whl")) == []
    assert list(house.layout.wheels.rglob("gradio-*.whl")) != []
    for folder in (house.layout.builds, house.layout.logs):
        assert [path.name for path in folder.iterdir()] == ["one"]
    counts = [removed[what].count for what in ("environments", "builds", "logs of deleted Spaces")]
    assert counts == [1, 1, 1]
    assert removed["environments"].size > 0


def test_a_shared_environment_stays_while_one_space_names_it(house: House) -> None:
    one, other = house.build("one"), house.build("other")
    assert one.location == other.location
    house.collect(other=other)
    assert Path(one.location).is_dir()
    house.collect()
    assert not Path(one.location).exists()


def test_what_was_made_just_now_stays(house: House) -> None:
    made = house.build("one")
    collect(house.layout, Needed(artifacts=(), builds=frozenset(), spaces=frozenset()), time.time())
    assert Path(made.location).is_dir()
    assert (house.layout.builds / "one").is_dir()


def test_what_a_running_instance_mounts_stays_and_the_rest_goes(house: House) -> None:
    for name in ("shown", "left", ".half-made"):
        (house.layout.mounts / name / "files").mkdir(parents=True)
    instance = house.layout.node / "instances" / "i1"
    instance.mkdir(parents=True)
    (instance / MOUNTS).write_text('["shown"]')
    assert house.collect()["volumes not mounted"].count == 2
    assert [path.name for path in house.layout.mounts.iterdir()] == ["shown"]
