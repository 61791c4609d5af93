"""Finding Spaces by words, and asking beforehand what one may do to a repo."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.show import View, show_all
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.stage import Stage
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.spaces import runtime_of
from spaces_runtime.hub.wire import flag, kind_of, told, unquoted

router = APIRouter()
MOST = 50  # results of a search
AWAKE = (Stage.RUNNING, Stage.RUNNING_BUILDING, Stage.RUNNING_APP_STARTING, Stage.APP_STARTING, Stage.SLEEPING)


@router.get("/api/spaces/semantic-search")
async def search(request: Request) -> list[dict[str, Any]]:
    """Spaces whose name has every word of `q`; sleeping ones count as running: a visit is enough."""
    who, words, sdk = await person(request), told(request, "q").lower().split(), told(request, "sdk")
    repos = [
        repo
        for repo in await desk(request).index.listing(Kind.SPACE, search=words[0] if words else "")
        if may(who, Verb.VISIT, repo) and _fits(repo, words, sdk)
    ]
    views = await show_all(desk(request), repos, time.time())
    every = flag(request, "includeNonRunning")
    return [_row(view) for view in views if every or view.stage in AWAKE][:MOST]


def _fits(repo: Repo, words: list[str], sdk: str) -> bool:
    name = repo.full.lower()
    return all(word in name for word in words) and sdk in ("", repo.sdk)


def _row(view: View) -> dict[str, Any]:
    repo = view.repo
    named = {"id": repo.full, "author": repo.namespace, "title": repo.name, "sdk": repo.sdk or None}
    return {**named, "likes": 0, "private": repo.private, "tags": [], "runtime": runtime_of(view)}


@router.get("/api/spaces/templates")
async def templates() -> dict[str, list[Any]]:
    """Spaces to copy from: none; a new one starts with what the create page offers."""
    return {"templates": []}


@router.get("/api/{plural}/{namespace}/{name}/auth-check")
@router.get("/api/{plural}/{namespace}/{name}/auth-check/write")
async def auth_check(request: Request, plural: str, namespace: str, name: str) -> dict[str, bool]:
    """Whether this person may read it, or write to it: nothing else happens."""
    verb = Verb.WRITE if request.scope["path"].endswith("/write") else Verb.READ
    await find_repo(desk(request), await person(request), kind_of(plural), unquoted(namespace), unquoted(name), verb)
    return {"success": True}
