"""What a build tells its author: one line a step, with what it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """One line of the build log, there at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def step(doing: str) -> Iterator[list[str]]:
    """Say what begins, and what it took; what is put into the list is told beside it."""
    say(f"{doing} …")
    begun = time.monotonic()
    result: list[str] = []
    yield result
    say(f"  {', '.join([*result, f'{time.monotonic() - begun:.1f} s'])}")


def size(count: int) -> str:
    """Bytes as people read them."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def count(number: int, noun: str) -> str:
    """1 package, 56 packages."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
