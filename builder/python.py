"""Which Pythons are installed here. Only base interpreters are ever started, isolated and without site packages."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from builder.command import run
from builder.faults import ConfigError, shown
from builder.frontmatter import FILE
from builder.recipe import Recipe

_ASK = "import sys; print(sys.version.split()[0], sys.implementation.name, sys.base_prefix, sep='\\n')"
OLDEST: Final = (3, 8)  # that uv and our own launcher take
ANSWERS: Final = 3  # lines
_NAMED = re.compile(r"python3\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """A base interpreter. version: exact, such as 3.11.7; prefix: the folder an environment made from it needs."""

    path: str
    version: str
    prefix: str

    @property
    def minor(self) -> str:
        """Such as 3.11."""
        return ".".join(self.version.split(".")[:2])

    @property
    def order(self) -> tuple[int, ...]:
        """The version as numbers."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version))


def ours() -> Python:
    """The one that runs the platform."""
    version = platform.python_version()
    minor = ".".join(version.split(".")[:2])
    path = Path(sys.base_prefix) / "bin" / f"python{minor}"
    return Python(path=str(path.resolve()), version=version, prefix=sys.base_prefix)


def asked(path: str) -> Python | None:
    """What the interpreter at `path` says of itself; None: it does not start, or is no CPython."""
    try:
        ended = run([path, "-I", "-S", "-c", _ASK], seconds=10)
    except OSError:  # TimeoutError is one
        return None
    told = ended.out.splitlines()
    if ended.status != 0 or len(told) != ANSWERS or told[1] != "cpython":
        return None
    minor = ".".join(told[0].split(".")[:2])
    real = Path(told[2]) / "bin" / f"python{minor}"  # not the shim that a version manager put on PATH
    return Python(path=str(real.resolve()), version=told[0], prefix=told[2]) if real.exists() else None


@cache
def installed(path: str) -> tuple[Python, ...]:
    """All there are on PATH (`path`) and beside ours, the newest last."""
    found = {python.version: python for python in map(asked, _candidates(path)) if python is not None}
    found[ours().version] = ours()
    new = [python for python in found.values() if python.order >= OLDEST]
    return tuple(sorted(new, key=lambda python: python.order))


def _candidates(path: str) -> Iterator[str]:
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    folders += sorted(Path(sys.base_prefix).parent.glob("*/bin"))  # how version managers lay them out
    for folder in folders:
        if folder.is_dir() and os.access(folder, os.R_OK):
            yield from (str(file) for file in sorted(folder.iterdir()) if _NAMED.fullmatch(file.name) and _real(file))


def _real(file: Path) -> bool:
    """A program, and no script: a version manager's shim takes its time to say that it starts nothing."""
    try:
        with file.open("rb") as begin:
            return begin.read(4) == b"\x7fELF"
    except OSError:
        return False


def choose(recipe: Recipe, path: str) -> Python:
    """The Python a Space asked for, or ours. path: as PATH.

    Raises: ConfigError that lists those installed.
    """
    wish, mine = recipe.python_version, ours()
    if not wish or wish in (mine.version, mine.minor):
        return mine
    there = installed(path)
    for python in reversed(there):
        if wish in (python.version, python.minor):
            return python
    found = f"python_version is {shown(wish)}, which is not installed here"
    versions = tuple(python.version for python in there)
    raise ConfigError(
        file=FILE, line=recipe.python_version_line, found=found, then=f"Installed: {', '.join(versions)}."
    )
