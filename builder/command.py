"""Runs one program to its end: argv as a list, an environment made from nothing, a limit on its time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.sources import network


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """status: negative for a signal. out, err: what it said."""

    status: int
    out: str
    err: str


def run(
    argv: Sequence[str], *, seconds: float, cwd: Path = Path("/"), env: Mapping[str, str] | None = None, text: str = ""
) -> Ended:
    """text: its standard input. Raises: TimeoutError, it was ended; FileNotFoundError, there is no such program."""
    own = {
        **network(os.environ),
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        **(env or {}),
    }
    try:
        ended = subprocess.run(  # noqa: S603  a list, never a shell; what comes from a repo is checked where it is read
            list(argv), cwd=cwd, env=own, input=text, timeout=seconds, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} took longer than {seconds:.0f} s") from error
    return Ended(status=ended.returncode, out=ended.stdout, err=ended.stderr)
