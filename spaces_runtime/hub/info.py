"""Repo info: what a repo is, at its head or any other revision."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.operations.kin import bases_of, children_of, counts_of, users_of
from spaces_runtime.domain.outside import told
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.summary import Summary
from spaces_runtime.hub.asked import Asked, api, asked, kind_of
from spaces_runtime.hub.card_data import cards
from spaces_runtime.hub.repo_json import LIVE, check_expand, narrowed, repo_json, sibling_json
from spaces_runtime.hub.spaces import is_browser, space_fields
from spaces_runtime.hub.summaries import summaries
from spaces_runtime.hub.wire import flag, listed

router = APIRouter()


@api(router, "", "GET", "HEAD")
@api(router, "/revision/{rev}", "GET", "HEAD")
async def info(request: Request) -> JSONResponse:
    """Every load of a model begins here: a few ms, so the answer is encoded only once.

    Who may only use a Space sees its face as it is now: what it was before is as much its author's as its code.
    """
    now = "rev" not in request.path_params
    verb = Verb.VISIT if kind_of(request) is Kind.SPACE and now else Verb.READ
    found = await asked(request, verb)
    revision = await found.revision(request)
    expand = frozenset(listed(request, "expand"))
    check_expand(found.repo.kind, expand)
    said = told(found.who, found.repo, await summaries(request).at(found.repo, revision))
    shown = repo_json(found.repo, revision, said)
    if found.repo.kind is Kind.SPACE and (not expand or LIVE & expand):
        shown |= {
            **await space_fields(found.desk, found.repo, who=found.who, browser=is_browser(request)),
            "sdk": shown["sdk"],
        }
    if may(found.who, Verb.READ, found.repo) and (not expand or "siblings" in expand):
        entries = await found.desk.repos.tree(found.repo.id, revision, "", recursive=True)
        blobs = flag(request, "blobs")
        shown["siblings"] = [sibling_json(entry, blobs=blobs) for entry in entries if not entry.folder]
    if not expand or "usedStorage" in expand:
        shown["usedStorage"] = (await found.desk.storage.used([found.repo.id]))[found.repo.id]
    if "evalResults" in expand and found.repo.kind is Kind.MODEL:
        shown["evalResults"] = await cards(request).filed_results(found.repo, revision)
    shown |= await _related(found, said, expand)
    return JSONResponse(narrowed(shown, expand) if expand else shown)


async def _related(found: Asked, said: Summary, expand: Collection[str]) -> dict[str, Any]:
    """Other repos that have to do with it, as far as this person sees them; beside the Spaces only when asked for."""
    shown: dict[str, Any] = {}
    if "downloadsAllTime" in expand:
        shown["downloadsAllTime"] = found.repo.downloads_ever
    if found.repo.kind is not Kind.MODEL:
        return shown
    if not expand or "spaces" in expand:
        shown["spaces"] = [repo.full for repo in await users_of(found.desk, found.who, found.repo)]
    if "baseModels" in expand and said.base_models:
        bases = await bases_of(found.desk, found.who, said.base_models)
        # The public hub's shape: the client only passes it on, and what reads it looks for these keys.
        models = [{"_id": base.repo.id, "id": base.repo.full} if base.repo else {"id": base.name} for base in bases]
        shown["baseModels"] = {"relation": said.relation, "models": models}
    if "childrenModelCount" in expand:
        shown["childrenModelCount"] = counts_of(await children_of(found.desk, found.who, found.repo))
    return shown
