"""A platform process without privilege can read the code and nothing of root's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import spaces_runtime
from spaces_runtime.domain.layout import HUB

ROOT = Path(spaces_runtime.__file__).parents[1]
PROGRAM = """
import os, sys
from pathlib import Path
from spaces_runtime.cli.drop import become, end_with_parent
become("hub", [Path(sys.base_prefix), Path(sys.prefix), Path({root!r}), Path({data!r})])
end_with_parent()
import wave  # nothing imported it before: found although the interpreter may lie in root's own folder
status = Path("/proc/self/status").read_text()
caps = next(line for line in status.splitlines() if line.startswith("CapEff"))
try:
    secret = Path({secret!r}).read_text()
except OSError as error:
    secret = type(error).__name__
print(os.getuid(), caps.split()[1], secret, Path({data!r}, "mine").read_text())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
def test_a_process_that_gave_up_root_reads_its_own_and_nothing_of_roots(tmp_path):
    secret, data = tmp_path / "secret", tmp_path / "data"
    secret.write_text("s")
    secret.chmod(0o600)
    data.mkdir(mode=0o755)
    (data / "mine").write_text("m")
    tmp_path.chmod(0o700)  # closed to others, as /root is
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(root=str(ROOT), data=str(data), secret=str(secret))],
        capture_output=True, text=True, check=True, timeout=60, umask=0o077,
    )  # fmt: skip
    assert done.stdout.split() == [str(HUB), "0000000000000000", "FileNotFoundError", "m"]
