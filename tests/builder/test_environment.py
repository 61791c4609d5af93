"""From lock to environment, with real uv and tiny wheels."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from builder.artifact import Artifact
from builder.build import at_once, whole
from builder.lock import load
from builder.python import ours
from builder.resolve import cpu_torch
from builder.result import End
from builder.sources import Sources
from builder.wheels import remove
from tests.builder.conftest import NOWHERE, Store
from tests.builder.local_index import write_wheel

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
AWAY = Sources(index=NOWHERE)


def site(artifact: Artifact) -> Path:
    return Path(artifact.location) / "lib" / f"python{MINOR}" / "site-packages"


def bytecode(artifact: Artifact, module: str) -> Path:
    path = site(artifact) / module
    return path.parent / "__pycache__" / f"{path.stem}.cpython-{MINOR.replace('.', '')}.pyc"


def test_a_gradio_space_becomes_a_command_on_port_7860(store: Store) -> None:
    artifact = store.build()
    assert artifact.command == ("/env/bin/python", "/launch.py", "app.py")
    assert artifact.port == 7860
    assert (site(artifact) / "gradio" / "__init__.py").read_text() == "VERSION = '6.31.0'\n"


def test_the_newest_gradio_is_installed_when_the_readme_names_none(store: Store) -> None:
    artifact = store.build({"README.md": "---\nsdk: gradio\n---\n"})
    assert "99.0" in (site(artifact) / "gradio" / "__init__.py").read_text()


def test_a_streamlit_space_runs_on_8501(store: Store) -> None:
    store.index.add("streamlit", "1.40.0")
    artifact = store.build({"README.md": "---\nsdk: streamlit\nsdk_version: 1.40.0\napp_file: app.py\n---\n"})
    assert artifact.port == 8501
    assert artifact.command[:4] == ("/env/bin/python", "-m", "streamlit", "run")


def test_no_file_of_an_environment_can_be_written(store: Store) -> None:
    artifact = store.build()
    store.finish(artifact)
    location = Path(artifact.location)
    modes = [path.lstat().st_mode for path in (location, *location.rglob("*")) if not path.is_symlink()]
    assert [mode for mode in modes if mode & 0o222] == []
    assert all(mode & (0o005 if stat.S_ISDIR(mode) else 0o004) for mode in modes), "another user cannot read it"


def test_a_wheels_pth_file_runs_nothing_at_build(store: Store, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"import pathlib; pathlib.Path({str(mark)!r}).write_text('ran')\n"
    store.index.add("sly", "1.0", {"sly/__init__.py": code, "sly.pth": code, "sitecustomize.py": code})
    artifact = store.build({"requirements.txt": "sly\n"})
    assert not mark.exists()
    python = Path(artifact.location) / "bin" / "python"
    subprocess.run([python, "-c", ""], check=True, cwd=tmp_path)
    assert mark.exists(), "the wheel is harmless, so this test shows nothing"


def test_every_module_has_bytecode_that_names_its_place_in_the_sandbox(store: Store) -> None:
    artifact = store.build()
    store.finish(artifact)
    compiled = bytecode(artifact, "gradio/__init__.py").read_bytes()
    assert f"/env/lib/python{MINOR}/site-packages/gradio/__init__.py".encode() in compiled
    assert compiled[4] == 1, "bytecode must be trusted without a look at the source"


def test_a_module_that_does_not_compile_stops_nothing(store: Store) -> None:
    store.index.add("old", "1.0", {"old/__init__.py": "", "old/python2.py": "print 'hello'\n"})
    artifact = store.build({"requirements.txt": "old\n"})
    store.finish(artifact)
    assert bytecode(artifact, "old/__init__.py").exists()
    assert not bytecode(artifact, "old/python2.py").exists()


def test_a_push_that_changes_code_only_needs_no_build(store: Store) -> None:
    first = store.build()
    second = at_once(store.plan({"app.py": "print()"}, sources=AWAY))
    assert second is not None
    assert second.location == first.location
    assert second.digest != first.digest


def test_nothing_is_at_once_before_the_first_build(store: Store) -> None:
    assert at_once(store.plan()) is None


def test_equal_input_gives_an_equal_artifact(store: Store) -> None:
    first, second = store.build(revision="a" * 40), store.build(revision="a" * 40)
    assert first.digest == second.digest


def test_a_lock_is_kept_while_the_requirements_stand(store: Store) -> None:
    store.index.add("thing", "1.0")
    store.build({"requirements.txt": "thing\n"})
    store.index.add("thing", "2.0")
    same = store.build({"requirements.txt": "thing\n", "app.py": "print()"})
    assert (site(same) / "thing" / "__init__.py").read_text() == "VERSION = '1.0'\n"


def test_a_new_resolution_comes_when_the_requirements_change(store: Store) -> None:
    store.index.add("thing", "1.0")
    store.build({"requirements.txt": "thing\n"})
    store.index.add("thing", "2.0")
    changed = store.build({"requirements.txt": "thing>=1\n"})
    assert (site(changed) / "thing" / "__init__.py").read_text() == "VERSION = '2.0'\n"


def test_a_person_may_ask_for_a_new_resolution_and_sees_the_difference(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.index.add("thing", "1.0")
    store.build({"requirements.txt": "thing\n"})
    store.index.add("thing", "2.0")
    afresh = store.build({"requirements.txt": "thing\n"}, afresh=True)
    assert (site(afresh) / "thing" / "__init__.py").read_text() == "VERSION = '2.0'\n"
    assert "thing 1.0 → 2.0" in capsys.readouterr().out


def test_with_index_and_environment_gone_it_builds_again(store: Store) -> None:
    first = store.build({"requirements.txt": "requests\n"})
    for environment in store.environments:
        remove(environment)
    again = store.build({"requirements.txt": "requests\n"}, sources=AWAY)
    assert again.location == first.location
    assert (site(again) / "gradio" / "__init__.py").exists()


def test_without_uvs_cache_the_kept_wheels_are_enough(store: Store) -> None:
    store.build()
    for environment in store.environments:
        remove(environment)
    remove(store.root / "cache")
    assert (site(store.build(sources=AWAY)) / "gradio" / "__init__.py").exists()


def test_an_index_that_is_away_is_said_so(store: Store) -> None:
    result = store.failed(sources=AWAY)
    assert result.end is End.FAILED
    assert result.why.startswith("The package index cannot be reached: ")


def test_twenty_spaces_of_one_environment_share_one_folder(store: Store) -> None:
    locations = set()
    for number in range(20):
        store.previous = ()  # another Space
        locations.add(store.build({"app.py": f"print({number})"}).location)
    assert len(locations) == 1
    assert len(store.environments) == 1


def test_two_environments_share_files_and_bytecode_of_a_wheel(store: Store) -> None:
    store.index.add("thing", "1.0")
    one = store.build()
    store.finish(one)
    other = store.build({"requirements.txt": "thing\n"})
    assert one.location != other.location
    for path in (Path("gradio/__init__.py"), bytecode(one, "gradio/__init__.py").relative_to(site(one))):
        assert os.path.samefile(site(one) / path, site(other) / path)


def test_only_new_wheels_are_compiled(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.index.add("thing", "1.0")
    store.finish(store.build())
    other = store.build({"requirements.txt": "thing\n"})
    assert "1 module will be compiled while the app runs" in capsys.readouterr().out
    store.finish(other)
    assert "  1 new, " in capsys.readouterr().out


def test_a_half_built_environment_is_no_environment(store: Store) -> None:
    artifact = store.build()
    final = Path(artifact.location)
    leftover = final.with_name(f".new-{final.name}-killed")
    final.rename(leftover)
    again = store.build()
    assert again.location == str(final)
    assert not leftover.exists()


def test_two_builds_of_one_environment_wait_for_each_other(store: Store) -> None:
    plans = [store.plan(), store.plan()]
    locations: list[str] = []
    threads = [threading.Thread(target=lambda p=plan: locations.append(whole(p).location)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(locations) == 2
    assert len(set(locations)) == 1
    assert [path.name for path in (store.root / "envs").glob(".new-*")] == []


def test_a_wheel_that_is_not_the_one_of_the_lock_is_not_installed(store: Store) -> None:
    store.build()
    for environment in store.environments:
        remove(environment)
    remove(store.root / "wheels")
    store.index.add("gradio", "6.31.0", {"gradio/__init__.py": "print('another')\n"})
    result = store.failed()
    assert "is not the file it was" in result.why


def test_the_best_wheel_for_this_python_is_taken(store: Store) -> None:
    tag = f"cp{MINOR.replace('.', '')}"
    store.index.add("native", "1.0", {"native/__init__.py": "KIND = 'plain'\n"})
    linux = f"{tag}-{tag}-manylinux_2_17_{os.uname().machine}"
    store.index.add("native", "1.0", {"native/__init__.py": "KIND = 'native'\n"}, tag=linux)
    artifact = store.build({"requirements.txt": "native\n"})
    assert (site(artifact) / "native" / "__init__.py").read_text() == "KIND = 'native'\n"


def test_what_a_wheel_says_of_files_outside_itself_is_not_believed(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("")
    claims = (str(outside), f"../../../../../../../../..{outside}")
    store.index.add("liar", "1.0", {"liar/__init__.py": ""}, claims=claims)
    store.build({"requirements.txt": "liar\n"})
    assert not (tmp_path / "__pycache__").exists()


def test_the_lock_is_kept_as_text_too(store: Store) -> None:
    store.build()
    lines = (store.previous[0] / "lock.txt").read_text().splitlines()
    lock = load(store.previous[0])
    assert lock is not None
    assert any(line.startswith("gradio==6.31.0 --hash=sha256:") for line in lines)
    assert len(lines) == len(lock.wheels)


def test_a_push_that_changes_code_only_takes_no_time(store: Store) -> None:
    store.build()
    plan = store.plan()
    begun = time.perf_counter()
    assert at_once(plan) is not None
    assert time.perf_counter() - begun < 0.2


def test_a_wheel_in_the_repo_is_installed(store: Store) -> None:
    plan = store.plan({"requirements.txt": "./own/mine-1.0-py3-none-any.whl\n"})
    (plan.code / "own").mkdir()
    write_wheel(plan.code / "own" / "mine-1.0-py3-none-any.whl", "mine", "1.0", {"mine.py": "HERE = 1\n"})
    assert (site(whole(plan)) / "mine.py").read_text() == "HERE = 1\n"


def test_a_folder_of_wheels_in_the_repo_is_looked_into(store: Store) -> None:
    plan = store.plan({"requirements.txt": "--find-links own\nmine\n"})
    (plan.code / "own").mkdir()
    write_wheel(plan.code / "own" / "mine-1.0-py3-none-any.whl", "mine", "1.0", {"mine.py": "HERE = 1\n"})
    assert (site(whole(plan)) / "mine.py").read_text() == "HERE = 1\n"


def test_a_changed_wheel_in_the_repo_is_installed_anew(store: Store) -> None:
    for value in ("1", "2"):
        plan = store.plan({"requirements.txt": "./mine-1.0-py3-none-any.whl\n"})
        write_wheel(plan.code / "mine-1.0-py3-none-any.whl", "mine", "1.0", {"mine.py": f"HERE = {value}\n"})
        assert (site(whole(plan)) / "mine.py").read_text() == f"HERE = {value}\n"


def test_the_newest_cpu_build_of_torch_in_a_local_folder_is_pinned(tmp_path: Path) -> None:
    tag = f"cp{MINOR.replace('.', '')}"
    linux = f"{tag}-{tag}-manylinux_2_17_{os.uname().machine}"
    for name in (f"2.9.0+cpu-{linux}", f"2.13.0+cpu-{linux}", f"2.14.0-{linux}", "2.15.0+cpu-cp27-cp27m-win32"):
        (tmp_path / f"torch-{name}.whl").touch()
    assert cpu_torch((str(tmp_path), "https://example.org/wheels"), ours()) == "torch==2.13.0+cpu\n"
    assert cpu_torch((), ours()) == ""
