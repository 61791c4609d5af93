"""Builds from source, seen from outside: what is fetched, what is taken, and what is said of a failure."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from builder import sdists, trouble
from builder.build import SOURCES, Build, ended, whole
from builder.lock import load
from builder.python import ours
from builder.result import End, Result
from builder.sources import Sources
from builder.sweep import YOUNG, sweep
from builder.sweep import Store as Shared
from builder.workshop import confined
from tests.builder.conftest import Store
from tests.builder.hostile import archive, offer, source

TURNS = 8


def built(plan: Build) -> Result:
    """All turns of a build; its sources are built as plain children here."""
    for _ in range(TURNS):
        result = ended(lambda: whole(plan))
        assert result is not None
        if result.end is not End.UNBUILT:
            return result
        for key in result.sources:
            told, _ = confined(plan.out / SOURCES / key, plan.code)
            argv = [
                sys.executable,
                "-m",
                "builder.from_source",
                *told,
                "--python",
                ours().path,
                "--path",
                "/usr/bin:/bin",
            ]
            subprocess.run(argv, check=False, capture_output=True)
    raise AssertionError("it asks for ever more")


def packages(result: Result) -> dict[str, str]:
    assert result.artifact is not None, result.why
    found = Path(result.artifact.location).glob("lib/*/site-packages/*.dist-info")
    return dict(path.name.removesuffix(".dist-info").split("-") for path in found)


def wheels_of_own(store: Store) -> list[Path]:
    return list((store.root / "own").rglob("*.whl"))


def with_package(store: Store, text: str, **more: str) -> Build:
    """A repo with a package of its own below `own`."""
    return store.plan({"requirements.txt": text, **{f"own/{k}": v for k, v in source("mine", **more).items()}})  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["./own", "-e ./own", "mine @ ./own", "own/ ; python_version > '3'", "./own[web]"])
def test_a_package_of_the_repo_is_installed(store: Store, line: str) -> None:
    assert packages(built(with_package(store, f"{line}\n")))["mine"] == "1.0"


def test_an_archive_of_the_repo_is_installed(store: Store) -> None:
    plan = store.plan({"requirements.txt": "./mine-1.0.tar.gz\n"})
    archive(plan.code, "mine", "1.0", source("mine"))
    assert packages(built(plan))["mine"] == "1.0"


def test_the_repo_itself_may_be_a_package(store: Store) -> None:
    result = built(store.plan({"requirements.txt": "-e .\n", **source("mine")}))
    assert packages(result)["mine"] == "1.0"


def test_a_package_that_changes_is_built_anew_and_one_that_does_not_is_not(store: Store) -> None:
    first = built(with_package(store, "./own\n"))
    same = built(with_package(store, "./own\n"))
    other = built(with_package(store, "./own\n", version="2.0"))
    assert packages(first) == packages(same)
    assert packages(other)["mine"] == "2.0"
    assert first.artifact is not None
    assert same.artifact is not None
    assert same.artifact.location == first.artifact.location
    assert not list((store.root / "builds" / "2" / SOURCES).glob("*")), "nothing was built for the second"


def test_what_a_package_from_source_needs_is_installed_too(store: Store) -> None:
    store.index.add("helper", "3.0")
    offer(store.index, "thing", requires=("helper>=2",))
    assert packages(built(store.plan({"requirements.txt": "thing\n"})))["helper"] == "3.0"


def test_a_wheel_is_taken_where_there_is_one(store: Store) -> None:
    offer(store.index, "thing", "2.0")
    store.index.add("thing", "1.0")
    result = built(store.plan({"requirements.txt": "thing\n"}))
    assert packages(result)["thing"] == "1.0"


@pytest.mark.parametrize("line", ["thing<2", "user", "user\nthing"])
def test_the_source_of_a_version_that_fits_is_built(store: Store, line: str) -> None:
    for version in ("1.0", "1.5", "2.0"):
        offer(store.index, "thing", version)
    store.index.add("user", "1.0", needs=["thing<2"])
    assert packages(built(store.plan({"requirements.txt": f"{line}\n"})))["thing"] == "1.5"


def test_two_sources_of_which_one_needs_the_other_are_built_in_turn(store: Store) -> None:
    offer(store.index, "one", requires=("two",))
    offer(store.index, "two")
    found = packages(built(store.plan({"requirements.txt": "one\n"})))
    assert {"one", "two"} <= found.keys()


def test_what_has_neither_wheel_nor_source_is_refused_as_before(store: Store) -> None:
    store.index.add("old", "1.0", tag="cp38-cp38-manylinux_2_17_x86_64")
    result = built(store.plan({"requirements.txt": "old\n"}))
    assert result.why.startswith("requirements.txt line 1 asks for old==1.0, which has no wheel for Python")


def test_a_source_that_is_another_package_than_was_asked_for_is_refused(store: Store) -> None:
    result = built(with_package(store, "requests\nother @ ./own\n"))
    assert (result.file, result.line) == ("requirements.txt", 2)
    assert "it is mine, and other was asked for" in result.why


def test_what_a_build_needs_and_the_index_does_not_have_is_said(store: Store) -> None:
    offer(store.index, "thing", tools=("no-such-tool",))
    result = built(store.plan({"requirements.txt": "thing\n"}))
    assert "what its build needs cannot be had" in result.why
    assert "no-such-tool" in result.why


@pytest.mark.parametrize(
    "need", ["-r /etc/hostname", "six\n-r /etc/hostname", "x @ file:///etc/x-1-py3-none-any.whl", "./x"]
)
def test_what_a_build_needs_is_a_name_and_never_a_path_of_the_machine(store: Store, need: str) -> None:
    offer(store.index, "thing", tools=(need,))
    result = built(store.plan({"requirements.txt": "thing\n"}))
    assert "which is no name with a version" in result.why


def test_a_changed_archive_is_not_built(store: Store) -> None:
    offer(store.index, "thing").write_bytes(b"something else")
    result = built(store.plan({"requirements.txt": "thing\n"}))
    assert "another sha256" in result.why


def test_an_address_that_does_not_answer_is_said_with_its_line(store: Store) -> None:
    sources = Sources(index=store.index.url, hosts=("127.0.0.1:9",))
    result = built(store.plan({"requirements.txt": "requests\nhttp://127.0.0.1:9/x-1.0.tar.gz\n"}, sources=sources))
    assert (result.end, result.file, result.line) == (End.FAILED, "requirements.txt", 2)
    assert "cannot be fetched" in result.why


def test_what_was_built_goes_with_the_last_build_that_holds_it(store: Store) -> None:
    result = built(with_package(store, "./own\n"))
    assert result.artifact is not None
    lock = load(store.previous[0])
    assert lock is not None
    folders = {name: store.root / name for name in ("envs", "cache", "wheels", "bases", "locks", "own")}
    later = time.time() + 2 * YOUNG
    assert sweep(Shared(**folders).unused([result.artifact], [lock], now=later)) == 0
    assert Path(result.artifact.location).is_dir()
    assert wheels_of_own(store) != []
    sweep(Shared(**folders).unused([], [], now=later))
    assert not Path(result.artifact.location).exists()
    assert wheels_of_own(store) == []


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (
            "error: command 'gcc' failed: No such file or directory",
            "It needs gcc, which is not there. Add build-essential",
        ),
        ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed: No such file or directory", "Add build-essential"),
        ("unable to execute 'gcc': No such file or directory", "It needs gcc"),
        ("error: linker `cc` not found", "It needs cc"),
        ("No CMAKE_C_COMPILER could be found.", "It needs a compiler"),
        ("error: can't find Rust compiler", "Add rustc and cargo to packages.txt"),
        ("x.c:1:10: fatal error: pq/libpq-fe.h: No such file or directory", "It needs the header pq/libpq-fe.h"),
        ("/usr/bin/ld: cannot find -lpq: No such file or directory", "It needs the library pq"),
        ("OSError: [Errno 28] No space left on device", "its disk is full"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_says_what_to_do(said: str, says: str) -> None:
    assert says in trouble.told(["Building wheel...", *said.splitlines()])


def test_only_plain_names_are_fetched_for_a_build_that_asks_for_more() -> None:
    absent = "cause: Because {0} was not found in the provided package locations and you require {1}, we can conclude"
    assert trouble.wanted([absent.format("cmake", "cmake>=3.15")]) == ("cmake>=3.15",)
    assert trouble.wanted([absent.format("x", "x@file:///etc/passwd")]) == ()
    assert trouble.wanted(["you require nothing"]) == ()


def test_the_newest_source_that_takes_this_python_is_found(store: Store, tmp_path: Path) -> None:
    page = store.index.simple / "thing"
    page.mkdir()
    links = "".join(
        f'<a href="../../files/thing-{version}.tar.gz"{more}>x</a>'
        for version, more in (
            ("1.0", ""),
            ("2.0", ' data-requires-python="&gt;=3.99"'),
            ("1.9", ' data-yanked=""'),
            ("1.5", ""),
            ("3.0rc1", ""),
        )
    )
    (page / "index.html").write_text(links)
    sources = Sources(index=store.index.url)
    found = sdists.newest("thing", SpecifierSet(), "3.11.7", sources)
    assert found is not None
    assert str(found.version) == "1.5"
    assert found.url == (store.index.files / "thing-1.5.tar.gz").as_uri()
    assert sdists.newest("thing", SpecifierSet(">5"), "3.11.7", sources) is None
    assert sdists.newest("other", SpecifierSet(), "3.11.7", sources) is None
    early = sdists.newest("thing", SpecifierSet(), "3.11.7", sources, prereleases=True)
    assert early is not None
    assert str(early.version) == "3.0rc1"
