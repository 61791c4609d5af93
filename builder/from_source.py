"""`python -m builder.from_source`: one source → a wheel. Started in a sandbox without a network.

The package's own code runs here, so whatever this leaves is believed by nobody: see builder/workshop.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import deque
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from builder.progress import say
from builder.wheels import remove

OUTCOME: Final = "outcome.json"
WHEEL: Final = "wheel"  # the folder that it is left in
KEPT: Final = 60  # last lines that are told
PASSED: Final = ("PATH", "LANG")


def main() -> None:
    """Unpack, build, say how it went."""
    parser = argparse.ArgumentParser(prog="builder.from_source", description=__doc__)
    for name in ("--source", "--tools", "--work"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--inside", default="", help="the folder of the package, below the top of its source")
    parser.add_argument("--python", required=True)
    parser.add_argument("--path", required=True, help="PATH for the build")
    told = parser.parse_args()
    try:
        tree = _unpacked(told.source, told.work / "tree")
        status, said = _build(tree / told.inside, told.tools, told.work, told.python, told.path)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        status, said = 1, [f"its source cannot be unpacked: {error}"]
    (told.work / OUTCOME).write_text(json.dumps({"status": status, "said": said}))
    for name in ("tree", "cache", "tmp"):
        remove(told.work / name)
    sys.exit(status)


def _unpacked(source: Path, into: Path) -> Path:
    """The top folder of the source, writable."""
    if source.is_dir():
        shutil.copytree(source, into, symlinks=True)
        return into
    shutil.unpack_archive(source, into, filter=None if source.suffix == ".zip" else "data")
    inner = list(into.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else into


def _build(tree: Path, tools: Path, work: Path, python: str, path: str) -> tuple[int, list[str]]:
    """Status, and the last lines it said; all of them go to the log."""
    env = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(work), "TMPDIR": str(work / "tmp")}
    env |= {"UV_CACHE_DIR": str(work / "cache"), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    env |= {"UV_OFFLINE": "1", "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
    (work / "tmp").mkdir(parents=True, exist_ok=True)
    argv = [find_uv_bin(), "build", "--wheel", "--no-index", "--find-links", str(tools), "--python", python]
    argv += ["--no-create-gitignore", "--out-dir", str(work / WHEEL), str(tree)]
    last: deque[str] = deque(maxlen=KEPT)
    with subprocess.Popen(  # noqa: S603  a list, never a shell
        argv, cwd=tree, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        for raw in child.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            say(f"  {line}")
            last.append(line)
    return child.returncode, list(last)


if __name__ == "__main__":
    main()
