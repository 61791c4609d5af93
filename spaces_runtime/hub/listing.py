"""Listings of models, datasets and Spaces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain import outside
from spaces_runtime.domain.access import Verb, may, sight
from spaces_runtime.domain.listing import Listed, Query, parameters_of, place_of, sort_of
from spaces_runtime.domain.operations.show import show_all
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.summary import USES
from spaces_runtime.hub.asked import kind_of
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.pages import turned
from spaces_runtime.hub.repo_json import LIVE, check_expand, narrowed, repo_json, sibling_json
from spaces_runtime.hub.spaces import fields_of, is_browser
from spaces_runtime.hub.wire import flag, listed, next_link, number, told

router = APIRouter()
PAGE: Final = 500
CARD: Final = frozenset({"cardData", "model-index", "widgetData", "description", "citation"})  # what is read from it
FULL_PAGE: Final = 100  # rows whose files are listed too
APPS: Final = {  # what can load a model, and the tags of which it needs one
    "llama.cpp": ("gguf",),
    "lmstudio": ("gguf",),
    "ollama": ("gguf",),
    "jan": ("gguf",),
    "vllm": ("safetensors",),
    "sglang": ("safetensors",),
    "tgi": ("safetensors",),
    "mlx-lm": ("mlx",),
    "diffusers": ("diffusers",),
}


@router.get("/api/models")
@router.get("/api/datasets")
@router.get("/api/spaces")
async def listing(request: Request) -> JSONResponse:
    """Repos that this person may see, the newest first if nothing else is asked for."""
    who, kind, expand = await person(request), kind_of(request), frozenset(listed(request, "expand"))
    check_expand(kind, expand)
    files = flag(request, "full") or "siblings" in expand
    query = _query(request, who, kind, most=FULL_PAGE if files else PAGE)
    if "inference" in request.query_params or "inference_provider" in request.query_params:
        return JSONResponse([])  # nobody serves models of this hub
    rows, cursor = await turned(request, query)
    shown = [_row(request, who, row, expand) for row in rows]
    if kind is Kind.SPACE and (flag(request, "full") or LIVE & expand):
        await _add_live(request, rows, shown)
    if files:
        await _add_files(request, who, rows, shown)
    if "usedStorage" in expand:
        sizes = await desk(request).storage.used([row.repo.id for row in rows])
        for row, fields in zip(rows, shown, strict=True):
            fields["usedStorage"] = sizes[row.repo.id]
    answer = [narrowed(row, expand) for row in shown] if expand else shown
    return JSONResponse(answer, headers=next_link(request, cursor))


def _query(request: Request, who: Person | None, kind: Kind, *, most: int) -> Query:
    sort, rising = sort_of(told(request, "sort")), told(request, "direction") == "1"
    cursor = told(request, "cursor")
    return Query(
        kind=kind,
        seen=sight(who),
        owner=told(request, "author"),
        words=tuple(word for text in listed(request, "search") for word in text.split()),
        tags=_tags(request),
        gated=flag(request, "gated") if told(request, "gated") else None,
        parameters=parameters_of(told(request, "num_parameters")),
        linked=flag(request, "linked"),
        sort=sort,
        rising=rising,
        after=place_of(cursor, sort, rising=rising) if cursor else None,
        limit=number(request, "limit", default=most, most=most),
        card=_wants_cards(request),
    )


def _wants_cards(request: Request) -> bool:
    return flag(request, "full") or flag(request, "cardData") or bool(CARD & {*listed(request, "expand")})


def _tags(request: Request) -> tuple[frozenset[str], ...]:
    """Each a set of which a repo must have one."""
    wanted = [*listed(request, "filter"), *listed(request, "pipeline_tag"), *listed(request, "library")]
    wanted += [name if ":" in name else f"dataset:{name}" for name in listed(request, "trained_dataset")]
    found = [frozenset({tag, tag.removeprefix("language:")}) for tag in wanted if tag]
    for key in ("models", "datasets"):
        found += [frozenset({f"{USES}{key[:-1]}:{name.lower()}"}) for name in listed(request, key)]
    found += [frozenset(APPS.get(app.lower(), ())) for app in listed(request, "apps")]
    return tuple(found)


def _row(request: Request, who: Person | None, row: Listed, expand: frozenset[str]) -> dict[str, Any]:
    shown = repo_json(row.repo, None, outside.told(who, row.repo, row.summary) if row.summary else None)
    if "downloadsAllTime" in expand:
        shown["downloadsAllTime"] = row.repo.downloads_ever
    if "baseModels" in expand and row.summary is not None:
        shown["baseModels"] = list(row.summary.base_models)
    if not expand and not flag(request, "config"):
        shown.pop("config", None)
    return shown


async def _add_live(request: Request, rows: Sequence[Listed], shown: Sequence[dict[str, Any]]) -> None:
    views = {view.repo.id: view for view in await show_all(desk(request), [row.repo for row in rows], time.time())}
    browser = is_browser(request)
    for row, fields in zip(rows, shown, strict=True):
        view = views.get(row.repo.id)
        if view is not None:
            fields.update({**fields_of(view, browser=browser), "sdk": fields["sdk"]})


async def _add_files(
    request: Request, who: Person | None, rows: Sequence[Listed], shown: Sequence[dict[str, Any]]
) -> None:
    for row, fields in zip(rows, shown, strict=True):
        if row.repo.head is not None and may(who, Verb.READ, row.repo):
            entries = await desk(request).repos.tree(row.repo.id, row.repo.head, "", recursive=True)
            fields["siblings"] = [sibling_json(entry, blobs=False) for entry in entries if not entry.folder]
