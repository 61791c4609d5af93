"""What a protected Space says of itself to those who may use it and not read it: its face, and nothing of its code.

The one place that decides: repo info, listings and pages all ask it. What it was at other revisions is history, which
takes Verb.READ as every file does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.summary import USES, Summary

FACE: Final = (  # of the front matter: what stands on the app's page
    "title", "emoji", "colorFrom", "colorTo", "short_description", "thumbnail", "sdk", "license", "pinned", "tags",
)  # fmt: skip
WITHIN: Final = (USES, "dataset:", "source_datasets:", "base_model:", "arxiv:")  # tags that tell what the code uses


def is_within(tag: str) -> bool:
    """Whether only those who may read the code may find a Space by this tag."""
    return tag.startswith(WITHIN)


def told(who: Person | None, repo: Repo, summary: Summary) -> Summary:
    """As much of what the files say as this person may know."""
    if may(who, Verb.READ, repo):
        return summary
    return replace(
        summary,
        tags=tuple(tag for tag in summary.tags if not is_within(tag)),
        models=(),
        datasets=(),
        base_models=(),
        relation="",
        card={key: value for key, value in summary.card.items() if key in FACE},
    )
