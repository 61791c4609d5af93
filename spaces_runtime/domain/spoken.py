"""Times and spans as people read them. Absolute, so that a sentence stays true while nothing happens."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86400.0


def clock(at: float, now: float) -> str:
    """A moment, Unix seconds: the time of day, with the date when it is not within half a day of now."""
    moment = datetime.fromtimestamp(at, UTC)
    if abs(at - now) < DAY / 2:
        return f"{moment:%H:%M} UTC"
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def span(seconds: float) -> str:
    """A length of time, two digits at most: 5 ms, 0.2 s, 15 min, 48 h, 7 days."""
    if seconds < 0.0995:  # noqa: PLR2004 - from here on tenths of a second
        return f"{max(1, round(seconds * 1000))} ms"
    for unit, size, most in (("s", 1.0, 90.0), ("min", 60.0, 90.0), ("h", 3600.0, 72.0)):
        if seconds < size * most:
            count = seconds / size
            return f"{count:.1f} {unit}" if size == 1.0 and count < 9.95 and count % 1 else f"{count:.0f} {unit}"  # noqa: PLR2004
    return f"{seconds / DAY:.0f} days"


def sentence(text: str) -> str:
    """Words of an engine or a builder, so that another sentence may follow."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?", "…")) else text + "."
