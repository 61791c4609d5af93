"""`spaces org`, as an operator uses it: each command a process of its own, on a data folder where nothing runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SPACES = Path(sys.executable).with_name("spaces")


def spaces(data: Path, *words: str, stdin: str = "", fails: bool = False) -> str:
    done = subprocess.run(
        [SPACES, "--data", data, *words], input=stdin, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def test_an_organisation_is_made_and_led(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    data = tmp_path / "data"
    spaces(data, "user", "add", "ann", "--password-stdin", stdin="correct horse\n")
    spaces(data, "org", "add", "Team", "--admin", "ann", "--fullname", "The team")
    assert spaces(data, "org", "members", "TEAM") == "ann  admin\n"
    assert "nobody would be left who leads it" in spaces(data, "org", "remove", "team", "ann", fails=True)
