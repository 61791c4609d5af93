"""Likes of repos, and requests for access to gated ones."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing, Refused, Unknown
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.operations import gating, people
from spaces_runtime.domain.operations.find import visible
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.regard import AccessRequest, AccessState
from spaces_runtime.domain.repo import Kind
from spaces_runtime.hub.asked import Asked, api, asked, kind_of, web
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.repo_json import page_of
from spaces_runtime.hub.users import user_row
from spaces_runtime.hub.wire import body, endpoint, iso, next_link, number, text_of, told, unquoted

router = APIRouter()
PAGE = 1000


async def _seen(request: Request) -> Asked:
    return await asked(request, Verb.VISIT if kind_of(request) is Kind.SPACE else Verb.READ)


def _likes(found: Asked) -> Person:
    """Who likes it or no longer does: a token that may only read must not say so."""
    what = f"like {found.repo.full}"
    if found.who is None:
        raise Unknown(what=what, why="nobody is signed in", then="Send an access token.")
    if found.who.role is not Role.WRITE:
        raise Refused(what=what, why="this access token may only read", then="Use one with the role write.")
    return found.who


@api(router, "/like", "POST")
async def like(request: Request) -> dict[str, bool]:
    """Once a person; again is fine."""
    found = await _seen(request)
    who = _likes(found)
    await found.desk.likes.put(found.repo.id, who.id, by=who.name)
    return {"success": True}


@api(router, "/like", "DELETE")
async def unlike(request: Request) -> dict[str, bool]:
    """Take it back."""
    found = await _seen(request)
    who = _likes(found)
    await found.desk.likes.delete(found.repo.id, who.id, by=who.name)
    return {"success": True}


@api(router, "/likers", "GET")
async def likers(request: Request) -> JSONResponse:
    """Who likes it, by name."""
    found = await _seen(request)
    limit = number(request, "limit", default=PAGE, most=PAGE)
    names = await found.desk.likes.likers(found.repo.id, after=told(request, "cursor"), limit=limit + 1)
    shown = names[:limit]
    link = next_link(request, shown[-1] if len(names) > limit else "")
    return JSONResponse([user_row(request, name) for name in shown], headers=link)


@router.get("/api/users/{user}/likes")
async def likes(request: Request, user: str) -> JSONResponse:
    """What somebody likes, newest first, as far as the asker may see it."""
    who, liked_by = await person(request), await people.find_person(desk(request), unquoted(user))
    seen = [each for each in await desk(request).likes.of(liked_by.id) if visible(who, each.repo)]
    rows, cursor = page_of(seen, told(request, "cursor"), number(request, "limit", default=PAGE, most=PAGE))
    shown = [{"createdAt": iso(row.at), "repo": {"name": row.repo.full, "type": row.repo.kind.value}} for row in rows]
    return JSONResponse(shown, headers=next_link(request, cursor))


@api(router, "/ask-access", "POST")
async def ask(request: Request) -> dict[str, str]:
    """Ask to be let in to a gated repo."""
    found = await asked(request, Verb.READ)
    return {"status": (await gating.ask(found.desk, found.who, found.repo)).value}


@web(router, "/ask-access", "POST")
async def ask_on_page(request: Request) -> Response:
    """The same from a page's form; leads back to the page."""
    found = await asked(request, Verb.READ)
    await gating.ask(found.desk, found.who, found.repo)
    return RedirectResponse(f"{endpoint(request)}/{found.repo.kind.prefix}{found.repo.full}", 303)


@api(router, "/user-access-request/handle", "POST")
async def handle(request: Request) -> dict[str, bool]:
    """`{user | userId | requestId, status, rejectionReason?}`."""
    found, wanted = await asked(request, Verb.WRITE), await body(request)
    state = _state(text_of(wanted, "status"))
    reason = text_of(wanted, "rejectionReason", "")
    await gating.settle(found.desk, found.who, found.repo, await _whose(found, wanted), state, reason)
    return {"success": True}


@api(router, "/user-access-request/grant", "POST")
async def grant(request: Request) -> dict[str, bool]:
    """`{user | userId}`: let somebody in who did not ask."""
    found, wanted = await asked(request, Verb.WRITE), await body(request)
    name = text_of(wanted, "user", "")
    if not name:
        user = await found.desk.people.by_id(UserId(text_of(wanted, "userId")))
        name = user.name if user else text_of(wanted, "userId")
    await gating.grant(found.desk, found.who, found.repo, name)
    return {"success": True}


@api(router, "/user-access-request/{state}", "GET")
async def requests(request: Request) -> JSONResponse:
    """Those that are pending, accepted or rejected."""
    found = await asked(request, Verb.WRITE)
    state = _state(unquoted(request.path_params["state"]))
    every = await gating.requests(found.desk, found.who, found.repo, state)
    rows, cursor = page_of(every, told(request, "cursor"), number(request, "limit", default=PAGE, most=PAGE))
    return JSONResponse([_row(request, row) for row in rows], headers=next_link(request, cursor))


def _row(request: Request, row: AccessRequest) -> dict[str, Any]:
    shown = {"requestId": row.id, "status": row.state.value, "timestamp": iso(row.at)}
    return {**shown, "user": user_row(request, row.user), "rejectionReason": row.reason or None}


def _state(word: str) -> AccessState:
    found = next((state for state in AccessState if state.value == word), None)
    if found is None:
        raise Fault(what="read the request", why=f"{word!r} is neither pending, accepted nor rejected")
    return found


async def _whose(found: Asked, wanted: dict[str, Any]) -> UserId:
    """Raises: Missing: nobody has that name, or there is no such request."""
    if request := text_of(wanted, "requestId", ""):
        known = await found.desk.accesses.by_id(found.repo.id, request)
        if known is None:
            raise Missing(what=f"find the request {request}", why=f"{found.repo.full} has no such request")
        return known[1]
    if user := text_of(wanted, "userId", ""):
        return UserId(user)
    return (await people.find_person(found.desk, text_of(wanted, "user"))).id
