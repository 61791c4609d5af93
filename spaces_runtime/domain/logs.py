"""Build and run logs: files, kept past crash, restart and rebuild.

A log is `logs/<space id>/{build,run}.log`, lines of `<ISO-8601 UTC with microseconds>Z <text>\\n`, in order.
When it passes its limit (25 MB), the writer renames it to `.log.1` (replacing an older one) and starts anew: the kept
history is `.log.1` then `.log`, at most 50 MB a kind. Text is UTF-8 with wrong bytes replaced, control characters as
the app wrote them, at most 8 KiB a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

LIMIT = 25_000_000  # bytes of one log file
LONGEST = 8192  # bytes of one line


class Source(Enum):
    """Which log; the value is the clients' word."""

    BUILD = "build"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Line:
    """stamp: ISO-8601 UTC as written; text without newline."""

    stamp: str
    text: str


def stamp(now: float) -> str:
    """Unix seconds as logs write them."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def written(now: float, text: bytes) -> bytes:
    """One line as it stands in the file. text: without newline."""
    return stamped(stamp(now), text)


def stamped(at: str, text: bytes) -> bytes:
    """The same, for a line whose stamp somebody else gave it."""
    clean = text[:LONGEST].decode(errors="replace").rstrip("\r")
    return f"{at} {clean}\n".encode()


def parsed(line: bytes) -> Line:
    """The way back. line: with or without newline."""
    at, _, text = line.rstrip(b"\n").decode(errors="replace").partition(" ")
    return Line(at, text)
