"""Organisations over the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Sight, role_in, sight
from spaces_runtime.domain.errors import Fault, Missing
from spaces_runtime.domain.listing import Place, Query, cursor_of, place_of, sort_of
from spaces_runtime.domain.operations import orgs
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import OrgRole
from spaces_runtime.domain.repo import GIT_KINDS, Kind
from spaces_runtime.hub.identity import desk, person, signed_in
from spaces_runtime.hub.users import counts, letter_avatar, org_row, user_row
from spaces_runtime.hub.wire import body, iso, next_link, number, text_of, told, unquoted

router = APIRouter()
ORG = "/api/organizations/{org}"
PAGE = 500


@router.post("/api/organizations/create")
async def create(request: Request) -> dict[str, Any]:
    """`{name, fullname?, details?}`: who makes it leads it."""
    who, wanted = await signed_in(request), await body(request)
    texts = {key: text_of(wanted, key, "") for key in ("fullname", "details")}
    made = await orgs.create_org(desk(request), who, name=text_of(wanted, "name"), **texts)
    return {"id": made.id, **org_row(request, made)}


@router.get(ORG + "/overview")
async def overview(request: Request, org: str) -> dict[str, Any]:
    """What others see of it: only repos that the asker may see are counted."""
    found = await orgs.find_org(desk(request), unquoted(org))
    return {
        **org_row(request, found),
        "details": found.details or None,
        "isVerified": False,
        "isFollowing": False,
        "createdAt": iso(found.created_at),
        "numUsers": await desk(request).orgs.count(found.name),
        **await counts(desk(request), await person(request), found.name),
        "numFollowers": 0,
    }


@router.get(ORG + "/members")
async def members(request: Request, org: str) -> JSONResponse:
    """By name."""
    found = await orgs.find_org(desk(request), unquoted(org))
    limit = number(request, "limit", default=PAGE, most=PAGE)
    rows = await desk(request).orgs.members(found.name, after=told(request, "cursor"), limit=limit + 1)
    shown = [{**user_row(request, name), "role": role.value} for name, role in rows[:limit]]
    return JSONResponse(shown, headers=next_link(request, rows[limit - 1][0] if len(rows) > limit else ""))


@router.put(ORG + "/members/{user}")
async def set_member(request: Request, org: str, user: str) -> dict[str, bool]:
    """`{role}`: make somebody a member, or change what they may."""
    who, word = await signed_in(request), text_of(await body(request), "role")
    role = next((role for role in OrgRole if role.value == word), None)
    if role is None:
        said = ", ".join(role.value for role in OrgRole)
        raise Fault(what="change the members", why=f"there is no role {word!r}", then=f"It is one of {said}.")
    await orgs.set_role(desk(request), who, unquoted(org), unquoted(user), role)
    return {"success": True}


@router.delete(ORG + "/members/{user}")
async def remove_member(request: Request, org: str, user: str) -> dict[str, bool]:
    """Take somebody out, or leave."""
    await orgs.set_role(desk(request), await signed_in(request), unquoted(org), unquoted(user), None)
    return {"success": True}


@router.get(ORG + "/followers")
async def followers(request: Request, org: str) -> list[dict[str, Any]]:
    """Nobody follows anybody here."""
    await orgs.find_org(desk(request), unquoted(org))
    return []


@router.get(ORG + "/avatar.svg")
async def avatar(request: Request, org: str) -> Response:
    """Its first letter."""
    return letter_avatar((await orgs.find_org(desk(request), unquoted(org))).name)


@router.get("/api/settings/repositories")
async def own_repos(request: Request) -> JSONResponse:
    """Everything in the signed-in person's namespace, with its size."""
    return await _repos(request, (await signed_in(request)).name)


@router.get(ORG + "/settings/repositories")
async def org_repos(request: Request, org: str) -> JSONResponse:
    """The same of an organisation, for its members.

    Raises:
        Missing: to others as if there were none.
    """
    who, found = await signed_in(request), await orgs.find_org(desk(request), unquoted(org))
    if not who.admin and role_in(who, found.name) is None:
        raise Missing(what=f"find the repos of {found.name}", why=f"{who.name} is not a member")
    return await _repos(request, found.name)


async def _repos(request: Request, namespace: str) -> JSONResponse:
    """One kind after the other, so that a page's cursor stays true whatever is created meanwhile."""
    at, seen = desk(request), sight(await person(request))
    limit, cursor = number(request, "limit", default=PAGE, most=PAGE), told(request, "cursor")
    kinds = [*GIT_KINDS, Kind.BUCKET]
    word, _, rest = cursor.partition(".")
    at_kind = next((kind for kind in kinds if kind.value == word), kinds[0])
    rows, after = await _page(at, seen, namespace, at_kind, rest, limit)
    following = kinds[kinds.index(at_kind) + 1 :]
    link = f"{at_kind.value}.{after}" if after else f"{following[0].value}." if following else ""
    return JSONResponse(rows, headers=next_link(request, link))


async def _page(  # noqa: PLR0917 - whose, what, from where
    at: Desk, seen: Sight, namespace: str, kind: Kind, cursor: str, limit: int
) -> tuple[list[dict[str, Any]], str]:
    sort = sort_of("")
    after = place_of(cursor, sort, rising=False) if cursor else None
    query = Query(kind=kind, seen=seen, owner=namespace, after=after, limit=limit + 1)
    found = await at.index.page(query)
    rows = [row.repo for row in found[:limit]]
    sizes = await at.storage.used([repo.id for repo in rows])
    whole = (await at.storage.use_of(namespace)).used or 1
    shown = [
        {
            "id": repo.full,
            "type": repo.kind.value,
            "updatedAt": iso(repo.updated_at),
            "visibility": repo.visibility.value,
            "storage": sizes[repo.id],
            "storagePercent": round(100 * sizes[repo.id] / whole, 2),
        }
        for repo in rows
    ]
    last = found[limit - 1] if len(found) > limit else None
    return shown, cursor_of(Place(key=last.key, id=last.repo.id), query) if last else ""
