"""A model among its kin: the rows and the drawing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from spaces_runtime.domain.card import Facts
from spaces_runtime.domain.lineage import base_tag
from spaces_runtime.domain.operations.kin import Kin
from spaces_runtime.domain.repo import Repo

ROWS: Final = 12
ROW: Final = 44  # pixels: the grid of the drawing beside the list
WORDS: Final = {"finetune": "fine-tuned", "adapter": "adapter", "merge": "merge", "quantized": "quantized"}


def lineage(repo: Repo, facts: Facts, kin: Kin) -> Mapping[str, Any] | None:
    """The rows of the drawing: bases, this model, what came of it; and where the rest is. None: it stands alone."""
    if not kin.bases and not kin.children:
        return None
    above = [{"name": base.name, "page": base.repo and f"/{base.repo.full}", "word": "base"} for base in kin.bases]
    room = max(ROWS - len(above) - 1, 1)
    below = [
        {"name": child.repo.full, "page": f"/{child.repo.full}", "word": WORDS[child.relation.value]}
        for child in kin.children[:room]
    ]
    groups = [
        (WORDS[how], n, "/models?" + urlencode({"tag": f"base_model:{how}:{repo.full}"}))
        for how, n in kin.counts.items()
    ]
    return {
        "above": above[:ROWS], "below": below, "groups": groups,
        "more": len(kin.children) - len(below), "all": "/models?" + urlencode({"tag": base_tag(repo.full)}),
        "word": WORDS[facts.relation.value] if facts.relation else "",
        "drawing": drawing(len(above[:ROWS]), len(below)),
    }  # fmt: skip


def drawing(above: int, below: int) -> Mapping[str, Any]:
    """Rails and dots on a grid of rows: bases lead into this model, and out of it to what came of it."""
    middle = [ROW * row + ROW // 2 for row in range(above + 1 + below)]
    me = middle[above]
    rails = [f"M12 {y}C12 {y + 26} 36 {me - 26} 36 {me}" for y in middle[:above]]
    rails += [f"M36 {me}V{y - ROW // 2}C36 {y - 6} 42 {y} 54 {y}" for y in middle[above + 1 :]]
    return {"height": ROW * len(middle), "rails": "".join(rails), "bases": middle[:above], "me": me,
            "children": middle[above + 1 :]}  # fmt: skip
