"""The tags there are, by type: what filters of listings can be given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import sight
from spaces_runtime.domain.card import FORMATS, LIBRARIES
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.summary import TASKS
from spaces_runtime.hub.identity import desk, person

router = APIRouter()
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
KNOWN: Final = {task: "pipeline_tag" for _, task in TASKS.values() if task} | {
    name: "library" for _, name in (*FORMATS, *LIBRARIES)
}
PREFIXES: Final = {
    Kind.MODEL: ("license", "dataset", "region", "arxiv"),
    Kind.DATASET: (
        *("task_categories", "task_ids", "language", "license", "size_categories", "multilinguality", "format"),
        *("annotations_creators", "language_creators", "source_datasets", "modality", "library", "arxiv"),
    ),
}


@router.get("/api/models-tags-by-type")
@router.get("/api/datasets-tags-by-type")
async def tags_by_type(request: Request) -> dict[str, list[dict[str, str]]]:
    """Of the repos that this person may see, the most used first."""
    kind = Kind.MODEL if "/models" in request.scope["path"] else Kind.DATASET
    return by_type(kind, await desk(request).index.popular_tags(kind, sight(await person(request))))


def by_type(kind: Kind, tags: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Sort tags into types. Lineage is no tag that a person chooses from a list."""
    found: dict[str, list[dict[str, str]]] = {}
    for tag in tags:
        if not tag.startswith("base_model:"):
            word, label = _type_of(kind, tag)
            found.setdefault(word, []).append({"id": tag, "label": label, "type": word})
    return found


def _type_of(kind: Kind, tag: str) -> tuple[str, str]:
    word, colon, label = tag.partition(":")
    if colon and word in PREFIXES[kind]:
        return word, label
    if kind is Kind.MODEL and tag in KNOWN:
        return KNOWN[tag], tag
    return ("language", tag) if kind is Kind.MODEL and LANGUAGE.fullmatch(tag) else ("other", tag)
