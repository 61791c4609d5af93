"""python_version: ours, another that is installed, or a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from builder import python
from builder.faults import ConfigError
from builder.recipe import Recipe, Sdk
from tests.builder.conftest import Store

SEARCH = os.environ["PATH"]
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def asking(version: str) -> Recipe:
    return Recipe(sdk=Sdk.GRADIO, python_version=version, python_version_line=4, app_file="app.py", port=7860)


@pytest.mark.parametrize("wish", ["", MINOR, python.ours().version])
def test_ours_is_taken_when_it_fits(wish: str) -> None:
    assert python.choose(asking(wish), "") == python.ours()


def test_ours_is_a_base_interpreter_and_no_environment() -> None:
    path = Path(python.ours().path)
    assert path.is_file()
    assert sys.prefix == sys.base_prefix or not path.is_relative_to(sys.prefix)


def test_one_that_is_not_installed_is_a_config_error_that_lists_those_that_are() -> None:
    with pytest.raises(ConfigError) as caught:
        python.choose(asking("3.99"), SEARCH)
    assert str(caught.value).startswith('README.md line 4: python_version is "3.99", which is not installed here.')
    assert python.ours().version in caught.value.then


def test_a_script_that_only_bears_the_name_is_not_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    shim = tmp_path / "python3.99"
    shim.write_text(f"#!/bin/sh\ntouch {mark}\n")
    shim.chmod(0o755)
    python.installed.cache_clear()
    assert all(found.minor != "3.99" for found in python.installed(str(tmp_path)))
    assert not mark.exists()


def test_a_space_runs_on_another_python_that_is_installed(store: Store) -> None:
    others = [found for found in python.installed(SEARCH) if found.minor != MINOR]
    if not others:
        pytest.skip("this machine has one Python only")
    other = others[-1]
    readme = f"---\nsdk: gradio\npython_version: {other.minor}\n---\n"
    artifact = store.build({"README.md": readme}, search=SEARCH)
    store.finish(artifact)
    link = Path(artifact.location) / "bin" / "python"
    assert link.resolve().is_relative_to(Path(other.prefix).resolve())
    site = Path(artifact.location) / "lib" / f"python{other.minor}" / "site-packages"
    assert (site / "gradio" / "__pycache__" / f"__init__.cpython-{other.minor.replace('.', '')}.pyc").exists()
