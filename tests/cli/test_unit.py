"""The unit of systemd says what systemd understands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "spaces.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("mistake", ["", "KillMode"])
def test_systemd_finds_nothing_wrong_with_the_unit_and_would_say_so(tmp_path, mistake):
    text = UNIT.read_text().replace("/opt/spaces/bin/spaces", "/bin/true")
    file = tmp_path / "spaces.service"
    file.write_text(text.replace(mistake, f"No{mistake}") if mistake else text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, check=False
    )
    assert (f"No{mistake}" if mistake else "") in said.stderr
    assert bool(said.stderr) == bool(mistake)
