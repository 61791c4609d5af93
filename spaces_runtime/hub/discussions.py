"""Discussions and pull requests over the API."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.discussions import Discussion, Happening, Status, What
from spaces_runtime.domain.errors import Fault, Missing
from spaces_runtime.domain.operations.discussions import Talk, find_discussion, talk
from spaces_runtime.domain.repo import Commit, Repo
from spaces_runtime.hub.asked import api, asked
from spaces_runtime.hub.wire import body, flag, iso, text_of, told, unquoted

router = APIRouter()
PAGE = 50
MOST_DIGITS = 9
Shape = dict[str, Any]


@api(router, "/discussions", "GET")
async def listing(request: Request) -> Shape:
    """Newest first; `p`: the page, from 0."""
    found = await asked(request, Verb.READ)
    kind, status, author = told(request, "type"), told(request, "status"), told(request, "author")
    live = {"open": (Status.OPEN, Status.DRAFT), "closed": (Status.CLOSED, Status.MERGED)}.get(status, tuple(Status))
    rows = [
        one
        for one in await found.desk.discussions.of(found.repo.id)
        if one.status in live
        and author.lower() in ("", one.author.lower())
        and kind in ("", "all", "pull_request" if one.is_pull else "discussion")
    ]
    start = _number(told(request, "p") or "0") * PAGE
    page = [_shown(found.repo, one) for one in rows[start : start + PAGE]]
    return {"discussions": page, "count": len(rows), "start": start}


@api(router, "/discussions", "POST")
async def create(request: Request) -> Shape:
    """`{title, description?, pullRequest?}`."""
    speaks = await _speaks(request)
    wanted = await body(request)
    title, text = text_of(wanted, "title"), text_of(wanted, "description", "")
    made = await speaks.open(title, text, pull=wanted.get("pullRequest") is True)
    return {"num": made.number, "pullRequest": made.is_pull}


@api(router, "/discussions/{number}", "GET")
async def details(request: Request) -> Shape:
    """With all that was said and done; `diff`: of a pull request, what it would change."""
    found = await asked(request, Verb.READ)
    one = await find_discussion(found.desk, found.repo, _asked_number(request))
    events = [(said.at, _event(said)) for said in await found.desk.discussions.happenings(one)]
    shown = _shown(found.repo, one)
    if one.is_pull:
        commits = await found.desk.pulls.commits(found.repo.id, one.ref, one.base)
        events += [(commit.at, _commit_event(commit)) for commit in commits]
        proposal = await found.desk.pulls.proposal(found.repo.id, one.ref, one.base)
        shown["changes"] = {"base": "refs/heads/main", **({"mergeCommitId": one.merged} if one.merged else {})}
        shown["filesWithConflicts"] = [] if one.merged else list(proposal.conflicts)
        if flag(request, "diff"):
            shown["diff"] = proposal.diff
    # A commit knows its second only, and what was said in the same second stands first.
    return shown | {"events": [event for _, event in sorted(events, key=lambda pair: int(pair[0]))]}


@api(router, "/discussions/{number}/comment", "POST")
async def comment(request: Request) -> Shape:
    """`{comment}`."""
    speaks = await _speaks(request)
    said = await speaks.comment(_asked_number(request), text_of(await body(request), "comment"))
    return {"newMessage": _event(said)}


@api(router, "/discussions/{number}/comment/{comment}/edit", "POST")
async def edit(request: Request) -> Shape:
    """`{content}`."""
    return await _edit(request, text_of(await body(request), "content"), hide=False)


@api(router, "/discussions/{number}/comment/{comment}/hide", "POST")
async def hide(request: Request) -> Shape:
    """For good."""
    return await _edit(request, "", hide=True)


@api(router, "/discussions/{number}/title", "POST")
async def title(request: Request) -> Shape:
    """`{title}`."""
    speaks = await _speaks(request)
    return {"newTitle": _event(await speaks.rename(_asked_number(request), text_of(await body(request), "title")))}


@api(router, "/discussions/{number}/status", "POST")
async def status(request: Request) -> Shape:
    """`{status: open|closed, comment?}`."""
    speaks, number = await _speaks(request), _asked_number(request)
    wanted = await body(request)
    chosen = {"open": Status.OPEN, "closed": Status.CLOSED}.get(text_of(wanted, "status"))
    if chosen is None:
        raise Fault(what="change the status", why="it must be open or closed")
    said = await speaks.set_status(number, chosen)
    await _also(speaks, number, wanted)
    return {"newStatus": _event(said)}


@api(router, "/discussions/{number}/merge", "POST")
async def merge(request: Request) -> Shape:
    """`{comment?}`."""
    speaks, number = await _speaks(request), _asked_number(request)
    wanted = await body(request)
    said = await speaks.merge(number)
    await _also(speaks, number, wanted)
    return {"newStatus": _event(said)}


async def _speaks(request: Request) -> Talk:
    found = await asked(request, Verb.READ)
    return talk(found.desk, found.who, found.repo, time.time())


def _asked_number(request: Request) -> int:
    return _number(unquoted(request.path_params["number"]))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise Missing(what="find the discussion", why=f"{text!r} is no number of one")
    return int(text)


async def _also(speaks: Talk, number: int, wanted: Shape) -> None:
    if text := text_of(wanted, "comment", "").strip():
        await speaks.comment(number, text)


async def _edit(request: Request, text: str, *, hide: bool) -> Shape:
    speaks = await _speaks(request)
    said = unquoted(request.path_params["comment"])
    return {"updatedComment": _event(await speaks.edit(_asked_number(request), said, text=text, hide=hide))}


def _shown(repo: Repo, one: Discussion) -> Shape:
    return {
        "num": one.number,
        "title": one.title,
        "author": {"name": one.author},
        "createdAt": iso(one.created_at),
        "status": one.status.value,
        "isPullRequest": one.is_pull,
        "repo": {"name": repo.full, "type": repo.kind.value},
    }


def _event(said: Happening) -> Shape:
    data: Shape = {"status": said.text}
    if said.what is What.COMMENT:
        data = {"edited": said.edited, "hidden": said.hidden, "latest": {"raw": said.text}}
    elif said.what is What.TITLE:
        data = {"from": said.before, "to": said.text}
    shown = {"id": said.id, "type": said.what.value, "createdAt": iso(said.at), "author": {"name": said.author}}
    return shown | {"data": data}


def _commit_event(commit: Commit) -> Shape:
    data = {"subject": commit.title, "oid": commit.id}
    shown = {"id": commit.id, "type": "commit", "createdAt": iso(commit.at), "author": {"name": commit.author}}
    return shown | {"data": data}
