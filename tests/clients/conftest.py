"""The unmodified clients, each in a process of its own: they read their endpoint when they are imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub.conftest import Account, ann, api, bob, data, hub, make, root  # noqa: F401 - fixtures
from tests.hub.serving import Hub

Run = Callable[..., str]


@dataclass(frozen=True)
class Hf:
    """The command line of ann's laptop, in a folder of its own: hf("repos", "create", "ann/x") gives what it said."""

    folder: Path
    process: subprocess.Popen[str]

    def __call__(self, *words: str, given: str = "", fails: bool = False, token: bool = True) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"words": words, "input": given, "token": token}) + "\n")
        self.process.stdin.flush()
        done = json.loads(self.process.stdout.readline())
        assert (done["code"] != 0) is fails, f"hf {' '.join(words)}: {done['said']}"
        return str(done["said"])


@pytest.fixture(scope="module")
def hf(hub: Hub, ann: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hf]:  # noqa: F811
    folder = tmp_path_factory.mktemp("laptop")
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(folder),
        "HF_HOME": str(folder / "hf"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": ann.write,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    words = [sys.executable, "-m", "tests.clients.hf_server"]
    process = subprocess.Popen(
        words, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Hf(folder, process)
    finally:
        process.communicate(timeout=20)


@pytest.fixture
def run(hub: Hub, ann: Account, tmp_path: Path) -> Run:  # noqa: F811
    """Runs Python as ann on her laptop: run(code, HF_HUB_DISABLE_XET="1") gives what it printed."""

    def go(code: str, *, fails: bool = False, **more: str) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": ann.write,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    return go
