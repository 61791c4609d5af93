"""The unmodified clients, each in a process of its own: they read their endpoint when they are imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub.conftest import Account, ann, bob, data, hub, make  # noqa: F401 - fixtures
from tests.hub.serving import Hub

Run = Callable[..., str]


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
