"""Finding Spaces by words, and asking beforehand what one may do to a repo."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain import outside
from spaces_runtime.domain.access import Verb, sight
from spaces_runtime.domain.listing import Listed, Query, Sort
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.show import View, show_all
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.plain import text
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.stage import Stage
from spaces_runtime.domain.templates import OWNER, TEMPLATES
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.spaces import runtime_of
from spaces_runtime.hub.wire import flag, kind_of, listed, told, unquoted

router = APIRouter()
MOST = 50  # results of a search
MOST_SEARCHED = 5000  # Spaces that are looked through
AWAKE = (Stage.RUNNING, Stage.RUNNING_BUILDING, Stage.RUNNING_APP_STARTING, Stage.APP_STARTING, Stage.SLEEPING)


@router.get("/api/spaces/semantic-search")
async def search(request: Request) -> list[dict[str, Any]]:
    """Spaces whose name or card has every word of `q`; sleeping ones count as running: a visit is enough."""
    who, words = await person(request), told(request, "q").lower().split()
    sdks, every = set(listed(request, "sdk")), flag(request, "includeNonRunning")
    tags = tuple(frozenset({tag}) for tag in listed(request, "filter"))
    query = Query(kind=Kind.SPACE, seen=sight(who), tags=tags, sort=Sort.TRENDING, limit=MOST_SEARCHED, card=True)
    seen = [_seen(who, row) for row in await desk(request).index.page(query)]
    rows = [row for row in seen if _fits(row, words, sdks)]
    views = {view.repo.id: view for view in await show_all(desk(request), [row.repo for row in rows], time.time())}
    found = [(row, views[row.repo.id]) for row in rows if row.repo.id in views]
    return [_row(row, view) for row, view in found if every or view.stage in AWAKE][:MOST]


def _seen(who: Person | None, row: Listed) -> Listed:
    return replace(row, summary=outside.told(who, row.repo, row.summary)) if row.summary else row


def _fits(row: Listed, words: list[str], sdks: set[str]) -> bool:
    card = row.summary.card if row.summary else {}
    said = " ".join(text(card.get(key)) for key in ("title", "short_description"))
    tags = " ".join(row.summary.tags) if row.summary else ""
    hay = f"{row.repo.full} {said} {tags}".lower()
    return all(word in hay for word in words) and (not sdks or row.repo.sdk in sdks)


def _row(row: Listed, view: View) -> dict[str, Any]:
    repo, card = row.repo, row.summary.card if row.summary else {}
    return {
        "id": repo.full,
        "author": repo.namespace,
        "title": text(card.get("title")) or repo.name,
        "emoji": text(card.get("emoji")),
        "sdk": repo.sdk or None,
        "likes": repo.likes,
        "private": repo.private,
        "tags": list(row.summary.tags) if row.summary else [],
        "runtime": runtime_of(view),
        "ai_short_description": text(card.get("short_description")) or None,
        "trendingScore": row.key,
    }


@router.get("/api/spaces/templates")
async def templates() -> dict[str, list[Any]]:
    """What a new Space may start from."""
    shown = [
        {"name": each.title, "repoId": f"{OWNER}/{each.name}", "sdk": each.sdk, "preferredPrivate": False}
        for each in TEMPLATES
        if each.files
    ]
    return {"templates": shown}


@router.get("/api/{plural}/{namespace}/{name}/auth-check")
@router.get("/api/{plural}/{namespace}/{name}/auth-check/write")
async def auth_check(request: Request, plural: str, namespace: str, name: str) -> dict[str, bool]:
    """Whether this person may read its files, or write to it: nothing else happens."""
    verb = Verb.WRITE if request.scope["path"].endswith("/write") else Verb.FETCH
    await find_repo(desk(request), await person(request), kind_of(plural), unquoted(namespace), unquoted(name), verb)
    return {"success": True}
