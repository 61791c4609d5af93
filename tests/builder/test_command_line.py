"""`python -m builder`: what it leaves, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builder.result import End, load
from tests.builder.conftest import Store


def run(store: Store, files: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], Path]:
    plan = store.plan(files)
    told = [
        part
        for name in ("code", "out", "envs", "cache", "wheels", "bases", "locks", "own")
        for part in (f"--{name}", getattr(plan, name))
    ]
    argv = [sys.executable, "-m", "builder", *told, "--revision", plan.revision, "--index", store.index.url]
    return subprocess.run(argv, capture_output=True, text=True, check=False), plan.out


def test_it_leaves_an_artifact_and_tells_each_step(store: Store) -> None:
    ended, out = run(store, {})
    assert ended.returncode == 0, ended.stderr
    result = load(out)
    assert result is not None
    assert result.end is End.DONE
    assert result.artifact is not None
    assert Path(result.artifact.location).is_dir()
    for step in ("Resolving requirements", "Downloading 6 packages", "Installing 6 packages", "Built in"):
        assert step in ended.stdout


@pytest.mark.parametrize(
    ("files", "state", "why"),
    [
        (
            {"README.md": "---\nsdk: gradio\ncolorFrom: teal\n---\n"},
            "invalid",
            'README.md line 3: colorFrom is "teal".',
        ),
        (
            {"README.md": "---\nsdk: gradio\napp_file: x.py\n---\n"},
            "no_app",
            "README.md names x.py; the repo has app.py.",
        ),
        ({"README.md": "---\nsdk: docker\n---\n", "Dockerfile": ""}, "invalid", "README.md line 2: sdk is docker, and"),
        ({"README.md": "---\nsdk: gradio\npython_version: 3.4\n---\n"}, "invalid", 'python_version is "3.4", which is'),
        (
            {"requirements.txt": "gradio==5.4\n"},
            "failed",
            "requirements.txt line 1 asks for gradio==5.4, README.md line 4 for",
        ),
        (
            {"requirements.txt": "six\nnope\n"},
            "failed",
            "requirements.txt line 1 asks for six, which the package index",
        ),
        ({"requirements.txt": "requests==\n"}, "failed", 'requirements.txt line 1: "requests==" is not a requirement'),
        ({"packages.txt": "-o x\n"}, "failed", 'packages.txt line 1: "-o" is not the name of a Debian package'),
    ],
)
def test_every_fault_is_a_sentence_and_exit_0(store: Store, files: dict[str, str], state: str, why: str) -> None:
    ended, out = run(store, files)
    assert ended.returncode == 0, ended.stderr
    told = json.loads((out / "result.json").read_text())
    assert told["state"] == state
    assert why in told["why"]
    assert told["why"] in ended.stdout


def test_links_in_a_repo_lead_nowhere(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key-material\n")
    plan = store.plan()
    (plan.code / "requirements.txt").symlink_to(secret)
    (plan.code / "sub").symlink_to(tmp_path)
    assert plan.tree.read("requirements.txt") is None
    assert plan.tree.read("sub/secret") is None
    assert plan.tree.read("README.md") is not None


def test_a_result_that_was_not_written_whole_is_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    (tmp_path / "result.json").write_text('{"state": "do')
    assert load(tmp_path) is None
