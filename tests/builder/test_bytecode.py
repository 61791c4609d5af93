"""Bytecode comes while apps already run from their environment: additive, whole, once, and never lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.artifact import Artifact
from builder.build import at_once
from builder.compile_files import Line, imported
from builder.environment import UNCOMPILED
from builder.lock import load_file
from builder.sweep import sweep
from builder.wheels import remove
from tests.builder.conftest import Store

LATER = (sys.executable, "-m", "builder.later")
MANY = 400


def uncompiled(artifact: Artifact) -> Path:
    return Path(artifact.location) / UNCOMPILED


def compiled(artifact: Artifact) -> list[Path]:
    return sorted(Path(artifact.location).rglob("*.pyc"))


def later(store: Store, artifact: Artifact) -> list[str]:
    return [*LATER, "--env", artifact.location, "--cache", str(store.root / "cache")]


def slow(store: Store) -> Artifact:
    """An environment that takes a moment to compile."""
    text = "".join(f"def f{n}(a, b={n}): return [a, b, {{'x': {n}}}]\n" for n in range(300))
    store.index.add("many", "1.0", {f"many/m{n:03}.py": text for n in range(MANY)})
    return store.build({"requirements.txt": "many\n"})


def test_an_environment_is_ready_before_its_bytecode(store: Store) -> None:
    artifact = store.build()
    assert compiled(artifact) == []
    assert uncompiled(artifact).exists()
    assert at_once(store.plan({"app.py": "print()"})) is not None
    store.finish(artifact)
    assert compiled(artifact)
    assert not uncompiled(artifact).exists()


def test_an_environment_of_known_wheels_needs_no_compiling(store: Store) -> None:
    store.finish(store.build())
    for environment in store.environments:
        remove(environment)
    again = store.build()
    assert compiled(again)
    assert not uncompiled(again).exists()


def test_python_takes_the_bytecode_as_it_would_its_own(store: Store) -> None:
    artifact = store.build()
    store.finish(artifact)
    python = Path(artifact.location) / "bin" / "python"
    told = subprocess.run([python, "-v", "-c", "import gradio"], capture_output=True, text=True, check=True).stderr
    assert any("code object from" in line and "/gradio/__pycache__/" in line for line in told.splitlines())


def test_killed_and_begun_again_it_goes_on_where_it_was(store: Store) -> None:
    artifact = slow(store)
    child = subprocess.Popen(later(store, artifact), stdout=subprocess.DEVNULL, process_group=0)
    while len(before := compiled(artifact)) < MANY // 10:
        assert child.poll() is None, "it was too quick to be killed"
    os.killpg(child.pid, 9)
    child.wait()
    assert uncompiled(artifact).exists()
    kept = {path: path.stat().st_ino for path in before}
    store.finish(artifact)
    assert len(list(Path(artifact.location).glob("lib/*/site-packages/many/__pycache__/*.pyc"))) == MANY
    assert {path: path.stat().st_ino for path in before} == kept, "what was there is not made anew"
    assert not [path for path in Path(artifact.location).rglob("*") if path.name.endswith(".new")]


def test_two_at_once_for_one_environment_wait_for_each_other(store: Store) -> None:
    artifact = slow(store)
    children = [subprocess.Popen(later(store, artifact), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(bool(text) for text in told) == [False, True], "the second finds nothing to do"


def test_an_environment_that_is_removed_meanwhile_is_no_fault_and_does_not_come_back(store: Store) -> None:
    artifact = slow(store)
    child = subprocess.Popen(later(store, artifact), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(compiled(artifact)) < MANY // 10:
        assert child.poll() is None
    assert sweep([Path(artifact.location)]) > 0
    _, said = child.communicate(timeout=60)
    assert said.strip() == "The environment was removed meanwhile."
    assert not Path(artifact.location).exists()
    assert [path.name for path in (store.root / "envs").iterdir() if path.name.startswith(".gone")] == []


def test_what_the_app_imports_comes_first(store: Store) -> None:
    line = Line(["a", "other", "used", "used.deep", "used.deep.leaf", "z"], ["used"])
    assert line.take() == "used"
    line.found("used", ["deep.leaf", "nothing"])
    assert [line.take() for _ in range(5)] == ["used.deep", "used.deep.leaf", "a", "other", "z"]
    assert line.take() is None


def test_a_relative_import_is_understood_from_where_it_stands() -> None:
    line = Line(["b", "pkg.b", "pkg.sub.b"], [])
    line.found("pkg.sub.a", ["b"])
    assert line.take() in {"b", "pkg.b", "pkg.sub.b"}


def test_an_apps_own_files_tell_what_it_imports_at_its_start_before_the_rest(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import own\nimport web\ndef f():\n    import heavy.part\n")
    (tmp_path / "own.py").write_text("import numbers_of\n")
    (tmp_path / "broken.py").write_text("def\n")
    found = imported(str(tmp_path / "app.py"))
    wanted = ["web", "numbers_of", "heavy", "heavy.part"]
    assert [name for name in dict.fromkeys(found) if name in wanted] == wanted


def test_the_lock_it_was_made_from_is_what_an_environment_keeps(store: Store) -> None:
    artifact = store.build()
    lock = load_file(uncompiled(artifact))
    assert lock is not None
    assert "gradio" in {wheel.name for wheel in lock.wheels}


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_only_folders_of_bytecode_are_ever_open(store: Store) -> None:
    artifact = store.build()
    with pytest.raises(PermissionError):
        (Path(artifact.location) / "x").touch()
