"""The values of a card, which its author wrote freely: read with care. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from builder.frontmatter import Plain

__all__ = ["Plain", "mapping", "text", "words"]
LONGEST: Final = 500  # characters of one word


def words(value: Plain) -> tuple[str, ...]:
    """One value or a list of them as texts; what is no text or number is left out."""
    each = value if isinstance(value, list) else [value]
    said = (str(one).strip() for one in each if isinstance(one, str | int | float) and not isinstance(one, bool))
    return tuple(dict.fromkeys(word for word in said if 0 < len(word) <= LONGEST and word.isprintable()))


def text(value: Plain) -> str:
    """The text, or the number as text; empty for all else."""
    found = words(value if not isinstance(value, list) else None)
    return found[0] if found else ""


def mapping(value: Plain) -> Mapping[str, Plain]:
    """The keys of a mapping; none for all else."""
    return value if isinstance(value, dict) else {}
