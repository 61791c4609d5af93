"""What is settled once stays settled: for a Space, for others that ask for the same, and after a failed attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.build import BORROWED, at_once, notes
from builder.lock import load
from builder.resolve import Resolver
from builder.result import End
from builder.sources import Sources
from builder.sweep import YOUNG, sweep
from builder.sweep import Store as Shared
from builder.wheels import remove
from tests.builder.conftest import NOWHERE, Store
from tests.builder.local_index import write_wheel

THING = {"requirements.txt": "thing\n"}


def versions(folder: Path) -> dict[str, str]:
    lock = load(folder)
    assert lock is not None
    return {wheel.name: wheel.version for wheel in lock.wheels}


def away(store: Store) -> None:
    """The index is gone, under the address it had."""
    store.index.simple.rename(store.index.simple.with_name("away"))


@pytest.fixture
def settled(store: Store) -> Store:
    """A Space with thing 1.0, after which thing 2.0 came out."""
    store.index.add("thing", "1.0")
    store.build(THING)
    store.index.add("thing", "2.0")
    return store


def another(store: Store) -> None:
    store.previous = ()


def test_a_new_space_with_the_same_inputs_builds_while_the_index_is_away(settled: Store) -> None:
    another(settled)
    away(settled)
    for environment in settled.environments:
        remove(environment)
    remove(settled.root / "cache" / "uv")
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "1.0"


def test_a_new_space_with_the_same_inputs_needs_no_job_and_is_told_whose_versions_it_has(settled: Store) -> None:
    another(settled)
    plan = settled.plan(THING)
    assert at_once(plan) is not None
    assert BORROWED in notes(plan)
    assert BORROWED not in notes(settled.plan(THING)), "the versions are its own by now"


@pytest.mark.parametrize(
    "changes",
    [{"files": {"requirements.txt": "thing>=0\n"}}, {"accelerator": "cuda"}, {"sources": Sources(index=NOWHERE)}],
)
def test_other_inputs_are_settled_anew(settled: Store, changes: dict[str, object]) -> None:
    another(settled)
    files = changes.pop("files", THING)
    assert at_once(settled.plan(files, **changes)) is None  # type: ignore[arg-type]


def test_a_rebuild_resolves_anew_and_others_get_what_it_found(settled: Store) -> None:
    another(settled)
    settled.build(THING, afresh=True)
    assert versions(settled.previous[0])["thing"] == "2.0"
    another(settled)
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "2.0"


def test_an_own_lock_comes_before_what_others_settled(settled: Store) -> None:
    own = settled.previous
    another(settled)
    settled.build(THING, afresh=True)
    settled.previous = own
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "1.0"


def test_a_resolution_that_fails_undoes_itself(settled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    away(settled)
    failed = settled.failed(THING, afresh=True)
    assert failed.end is End.FAILED
    assert "The new resolution is undone" in capsys.readouterr().out
    assert load(settled.previous[0]) is None
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "1.0"


def test_a_resolution_that_cannot_be_installed_undoes_itself(
    settled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"thing/__init__.py": "ANOTHER = 'than the index says'\n"}
    write_wheel(settled.index.files / "thing-2.0-py3-none-any.whl", "thing", "2.0", other)
    failed = settled.failed(THING, afresh=True)
    assert "thing-2.0" in failed.why
    said = capsys.readouterr().out
    assert "The new resolution is undone" in said
    assert load(settled.previous[0]) is None, "the next build would keep to it"
    another_space, settled.previous = settled.previous, ()
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "1.0", "others never see it"
    settled.previous = another_space
    settled.build(THING)
    assert versions(settled.previous[0])["thing"] == "1.0"


def test_a_shared_lock_goes_with_the_last_build_that_holds_it(settled: Store) -> None:
    folders = {name: settled.root / name for name in ("envs", "cache", "wheels", "bases", "locks", "own")}
    lock = load(settled.previous[0])
    assert lock is not None
    shared = Shared(**folders)
    later = (settled.root / "locks").stat().st_mtime + 2 * YOUNG
    [kept] = (settled.root / "locks").iterdir()
    assert kept not in shared.unused([], [lock], now=later)
    sweep(shared.unused([], [], now=later))
    assert not kept.exists()


def test_torch_costs_one_resolution(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []
    settle = Resolver.settle

    def counted(self: Resolver, wanted: object, built: object = (), *, extra: tuple[str, ...] = ()) -> object:
        asked.append(tuple(extra))
        return settle(self, wanted, built, extra=extra)  # type: ignore[arg-type]

    monkeypatch.setattr(Resolver, "settle", counted)
    links = tmp_path / "links"
    links.mkdir()
    cpu = store.index.add("torch", "2.9.0+cpu")
    cpu.rename(links / cpu.name)
    store.index.add("torch", "2.9.1")
    sources = Sources(index=store.index.url, links=(str(links),))
    store.build({"requirements.txt": "torch\n"}, sources=sources)
    assert versions(store.previous[0])["torch"] == "2.9.0+cpu"
    assert len(asked) == 1
    store.build({"requirements.txt": "torch==2.9.1\n"}, sources=sources)
    assert versions(store.previous[0])["torch"] == "2.9.1", "no CPU build of it: the plain one"
    assert len(asked) == 3
