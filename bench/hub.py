"""The hub itself: reading lists and repos, and moving content. Each part has its own platform and its own module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench import hub_reading
from bench.rows import Row

PARTS: Final[tuple[Callable[[], list[Row]], ...]] = (hub_reading.rows,)


def rows() -> list[Row]:
    """hub.list, hub.info, hub.missing."""
    return [row for part in PARTS for row in part()]
