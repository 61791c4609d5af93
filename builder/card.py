"""What is wrong with a README, for any kind of repo: the answer of validate-yaml. Pure."""

from __future__ import annotations

from typing import Final

from builder import card_rules, rules
from builder.frontmatter import front_matter

NO_BLOCK: Final = "Begin README.md with a block of settings between two --- lines, with sdk: gradio in it."
NO_METADATA: Final = "empty or missing yaml metadata in repo card"


def check_card(content: str, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Errors and warnings, each a sentence for the author. kind: model, dataset or space."""
    matter = front_matter(content)
    if not matter.present or (not matter.entries and not matter.errors):
        return (), (NO_METADATA,)
    errors = list(matter.errors)
    if kind == "space":
        errors += rules.check(matter.entries)
        return tuple(map(str, errors)), rules.warnings(matter.entries)
    errors += card_rules.check(kind, matter.entries)
    return tuple(map(str, errors)), card_rules.warnings(matter.entries)
