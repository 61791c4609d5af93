"""What nothing needs goes; what a Space needs to start stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

from builder.artifact import Artifact
from builder.build import at_once
from builder.lock import Lock, load
from builder.sources import Sources
from builder.sweep import YOUNG, sweep
from builder.sweep import Store as Shared
from builder.wheels import remove
from tests.builder.conftest import NOWHERE, Store

LATER = time.time() + 2 * YOUNG


def shared(store: Store) -> Shared:
    return Shared(**{name: store.root / name for name in ("envs", "cache", "wheels", "bases", "locks", "own")})


def lock_of(folder: Path) -> Lock:
    lock = load(folder)
    assert lock is not None
    return lock


def two(store: Store) -> tuple[Artifact, Lock, Artifact, Lock]:
    """Two Spaces; the second has one package more."""
    store.index.add("thing", "1.0")
    one, its = store.build(), lock_of(store.previous[0])
    store.previous = ()
    other, their = store.build({"requirements.txt": "thing\n"}), lock_of(store.previous[0])
    return one, its, other, their


def test_an_environment_that_nothing_names_goes_with_its_own_wheels(store: Store) -> None:
    one, its, other, _ = two(store)
    unused = shared(store).unused([one], [its], now=LATER)
    assert Path(other.location) in unused
    assert not any(str(path) == one.location for path in unused)
    assert sweep(unused) > 0
    assert store.environments == [Path(one.location)]
    assert [path.name for path in (store.root / "wheels").rglob("*.whl") if path.name.startswith("thing")] == []


def test_what_is_left_is_enough_to_build_again_without_an_index(store: Store) -> None:
    one, its, _, _ = two(store)
    sweep(shared(store).unused([one], [its], now=LATER))
    store.previous = (store.root / "builds" / "1",)
    remove(Path(one.location))
    assert store.build(sources=Sources(index=NOWHERE)).location == one.location


def test_nothing_goes_while_everything_is_named(store: Store) -> None:
    one, its, other, their = two(store)
    assert [p for p in shared(store).unused([one, other], [its, their], now=LATER) if not p.name.startswith(".")] == []
    assert at_once(store.plan({"requirements.txt": "thing\n"})) is not None


def test_what_was_made_just_now_stays(store: Store) -> None:
    store.build()
    assert shared(store).unused([], [], now=time.time()) == ()


def test_a_half_built_environment_goes_when_it_is_old(store: Store) -> None:
    store.build()
    leftover = store.root / "envs" / ".new-dead"
    leftover.mkdir()
    os.utime(leftover, (0, 0))
    assert leftover in shared(store).unused([], [], now=time.time())
