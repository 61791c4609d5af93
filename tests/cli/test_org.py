"""`spaces org`, on a data folder where nothing runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# Each command in a process of its own, for it becomes another user; importing what they share once is far quicker.
RUN = """
import json, os, sys
from typer.testing import CliRunner
from spaces_runtime.cli.main import app
for words, stdin in json.load(sys.stdin):
    if os.fork() == 0:
        done = CliRunner().invoke(app, words, input=stdin)
        print(json.dumps([done.exit_code, done.stdout, str(done.exception or "")]), flush=True)
        os._exit(0)
    os.wait()
"""


def spaces(data: Path, *commands: str) -> list[tuple[int, str, str]]:
    """Run them one after the other: status, output, and the fault of each."""
    told = json.dumps([[["--data", str(data), *command.split()], "correct horse\n"] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=told, capture_output=True, text=True, timeout=60, check=True
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_an_organisation_is_made_filled_emptied_and_deleted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = spaces(
        tmp_path / "data",
        "user add ann --password-stdin",
        "user add ben --password-stdin",
        "org add Team --admin ann --fullname Crew",
        "org set team ben --role read",
        "org members TEAM",
        "org list",
        "org set team ben --role king",
        "org remove team ann",
        "org add ANN --admin ben",
        "org remove team ben",
        "org members team",
        "org delete team",
        "org list",
    )
    statuses, said, faults = zip(*done, strict=True)
    assert [place for place, status in enumerate(statuses) if status] == [6, 7, 8]
    assert said[4] == "ann  admin\nben  read\n"
    assert (said[5], said[10], said[12]) == ("Team  Crew\n", "ann  admin\n", "")
    assert "It is one of read, contributor, write, admin" in faults[6]
    assert "nobody would be left who leads it" in faults[7]
    assert "the name is taken" in faults[8]
