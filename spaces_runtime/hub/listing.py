"""Listings of models, datasets and Spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.hub.asked import kind_of
from spaces_runtime.hub.card_data import cards
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.repo_json import narrowed, page_of, repo_json, sibling_json
from spaces_runtime.hub.spaces import is_browser, space_fields
from spaces_runtime.hub.wire import flag, listed, next_link, number, told

router = APIRouter()
PAGE = 1000
CREATED = ("createdAt", "created_at")


@router.get("/api/models")
@router.get("/api/datasets")
@router.get("/api/spaces")
async def listing(request: Request) -> JSONResponse:
    """Repos that this person may see. Newest change first, or newest first: nothing here is counted or liked."""
    who, kind, searches = await person(request), kind_of(request), listed(request, "search")
    repos = await desk(request).index.listing(
        kind, namespace=told(request, "author") or None, search=searches[0] if searches else ""
    )
    verb = Verb.VISIT if kind is Kind.SPACE else Verb.READ
    seen = [repo for repo in repos if may(who, verb, repo) and all(s.lower() in repo.full.lower() for s in searches)]
    if told(request, "sort") in CREATED:
        seen.sort(key=lambda repo: repo.created_at, reverse=True)
    page, cursor = page_of(
        await _filtered(request, seen), told(request, "cursor"), number(request, "limit", default=PAGE, most=PAGE)
    )
    rows = [await _row(request, repo, readable=may(who, Verb.READ, repo)) for repo in page]
    return JSONResponse(rows, headers=next_link(request, cursor))


async def _filtered(request: Request, repos: Sequence[Repo]) -> Sequence[Repo]:
    """All filters must match; reads cards only when there are any."""
    wanted = [*listed(request, "filter"), *listed(request, "pipeline_tag")]
    wanted += [f"dataset:{name}" for name in listed(request, "trained_dataset")]
    linked = {key: listed(request, key) for key in ("models", "datasets") if listed(request, key)}
    if not wanted and not linked:
        return repos
    found = []
    for repo in repos:
        shown = repo_json(repo, None, await _card(request, repo))
        tags = {*shown["tags"], shown.get("sdk")}
        if all(tag in tags for tag in wanted) and all(set(names) <= set(shown[key]) for key, names in linked.items()):
            found.append(repo)
    return found


async def _row(request: Request, repo: Repo, *, readable: bool) -> dict[str, Any]:
    card, expand, full = await _card(request, repo), listed(request, "expand"), flag(request, "full")
    shown = repo_json(repo, None, card)
    if not (full or flag(request, "cardData") or "cardData" in expand):
        shown.pop("cardData", None)
    if repo.kind is Kind.SPACE and (full or {"runtime", "subdomain", "host"} & set(expand)):
        shown |= await space_fields(desk(request), repo, browser=is_browser(request)) | {"sdk": shown["sdk"]}
    if readable and repo.head and (full or "siblings" in expand):
        entries = await desk(request).repos.tree(repo.id, repo.head, "", recursive=True)
        shown["siblings"] = [sibling_json(entry, blobs=False) for entry in entries if not entry.folder]
    return narrowed(shown, repo.kind, expand) if expand else shown


async def _card(request: Request, repo: Repo) -> Any:  # noqa: ANN401 - a card is what its author wrote
    return await cards(request).of(repo.id, repo.head) if repo.head else {}
