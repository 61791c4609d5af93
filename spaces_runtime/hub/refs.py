"""Branches, tags and the history of a repo."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import RevisionMissing, Unsupported
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.hub.asked import Asked, api, asked
from spaces_runtime.hub.repo_json import commit_json, offset, ref_json
from spaces_runtime.hub.wire import body, flag, listed, next_link, number, text_of, unquoted

router = APIRouter()
PAGE = 50


@api(router, "/refs", "GET")
async def refs(request: Request) -> dict[str, Any]:
    """Where each branch and tag stands."""
    found = await asked(request, Verb.READ)
    shown: dict[str, Any] = {
        "branches": [ref_json(ref) for ref in await found.desk.repos.branches(found.repo.id)],
        "converts": [],
        "tags": [ref_json(ref) for ref in await found.desk.repos.tags(found.repo.id)],
    }
    if flag(request, "include_prs"):
        shown["pullRequests"] = [ref_json(ref) for ref in await found.desk.pulls.refs(found.repo.id)]
    return shown


@api(router, "/commits/{rev}", "GET")
async def history(request: Request) -> JSONResponse:
    """Newest first."""
    found = await asked(request, Verb.READ)
    revision, begin = await found.page(request)
    start, limit = offset(begin), number(request, "limit", default=PAGE, most=1000)
    commits = await found.desk.repos.history(found.repo.id, revision, skip=start, limit=limit + 1)
    cursor = f"{revision}.{start + limit}" if len(commits) > limit else ""
    formatted = "formatted" in listed(request, "expand")
    rows = [commit_json(commit, formatted=formatted) for commit in commits[:limit]]
    return JSONResponse(rows, headers=next_link(request, cursor))


@api(router, "/branch/{branch}", "POST")
async def create_branch(request: Request) -> dict[str, bool]:
    """`{startingPoint?, emptyBranch?}`."""
    found = await asked(request, Verb.WRITE)
    wanted = await body(request)
    if wanted.get("emptyBranch"):
        raise Unsupported(what="create an empty branch", why="this hub does not have them", then="Start from main.")
    start = await found.desk.repos.resolve(found.repo.id, text_of(wanted, "startingPoint", "main"))
    branch = unquoted(request.path_params["branch"])
    await found.desk.repos.set_branch(found.repo.id, branch, start)
    await _note(found, f"create branch {branch}")
    return {"success": True}


@api(router, "/branch/{branch}", "DELETE")
async def delete_branch(request: Request) -> dict[str, bool]:
    """Any but main."""
    found = await asked(request, Verb.WRITE)
    branch = unquoted(request.path_params["branch"])
    await found.desk.repos.delete_branch(found.repo.id, branch)
    await _note(found, f"delete branch {branch}")
    return {"success": True}


@api(router, "/tag/{rev}", "POST")
async def create_tag(request: Request) -> dict[str, bool]:
    """`{tag, message?}`, at a revision, which is looked for first."""
    found = await asked(request, Verb.WRITE)
    revision = await found.revision(request)
    wanted = await body(request)
    tag, message = text_of(wanted, "tag"), text_of(wanted, "message", "")
    by = found.who.name if found.who else ""
    await found.desk.repos.set_tag(found.repo.id, tag, revision, message, by)
    await _note(found, f"create tag {tag}")
    return {"success": True}


@api(router, "/tag/{tag}", "DELETE")
async def delete_tag(request: Request) -> dict[str, bool]:
    """Only tags: a branch of the name stays."""
    found = await asked(request, Verb.WRITE)
    tag = unquoted(request.path_params["tag"])
    await found.desk.repos.delete_tag(found.repo.id, tag)
    await _note(found, f"delete tag {tag}")
    return {"success": True}


@api(router, "/super-squash/{branch}", "POST")
async def squash(request: Request) -> dict[str, str]:
    """`{message?}`: one commit without history, the same files."""
    found = await asked(request, Verb.WRITE)
    branch = unquoted(request.path_params["branch"])
    if branch not in {ref.name for ref in await found.desk.repos.branches(found.repo.id)}:
        raise RevisionMissing(branch)
    message = text_of(await body(request), "message", f"Super-squash branch {branch}")
    by = found.who.name if found.who else ""
    made = await found.desk.repos.squash(found.repo.id, branch, author=by, message=message)
    await _note(found, f"squash {branch} to {made[:7]}")
    await pushed(found.desk, found.repo, by=by)
    return {"commitId": made}


async def _note(found: Asked, what: str) -> None:
    await found.desk.index.audit(found.who.name if found.who else "", what, found.repo.full)
