"""Who am I, who is that, and my access tokens."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from spaces_runtime.domain.access import sight
from spaces_runtime.domain.errors import Fault, Refused
from spaces_runtime.domain.listing import Query
from spaces_runtime.domain.operations import people
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import visible
from spaces_runtime.domain.people import Organisation, OrgRole, Person, Role, TokenShown
from spaces_runtime.domain.repo import Kind
from spaces_runtime.hub.identity import Caller, caller, desk, person, signed_in
from spaces_runtime.hub.wire import body, endpoint, iso, text_of, unquoted

router = APIRouter()
HUES = 360


@router.get("/api/whoami-v2")
async def whoami(request: Request) -> dict[str, Any]:
    """What `hf auth whoami` prints; `gradio deploy` wants the role to be exactly `write`."""
    who = await signed_in(request)
    asker = await caller(request)
    return {
        "type": "user",
        "id": who.id,
        "name": who.name,
        "fullname": who.name,
        "emailVerified": False,
        "isPro": False,
        "isAdmin": who.admin,
        "avatarUrl": avatar_url(request, who.name),
        "canPay": False,
        "orgs": [_membership(request, org, role) for org, role in await desk(request).orgs.of(who.id)],
        "auth": _auth(asker),
    }


def _auth(asker: Caller) -> dict[str, Any]:
    if asker.token is None:
        return {"type": "session"}
    role, created = asker.token.role.value, iso(asker.token.created_at)
    shown = {"displayName": asker.token.name, "role": role, "createdAt": created}
    return {"type": "access_token", "accessToken": shown}


@router.get("/api/users/{user}/overview")
async def overview(request: Request, user: str) -> dict[str, Any]:
    """What others see of a person: only repos that the asker may see are counted."""
    at, who = desk(request), await person(request)
    found = await people.find_person(at, unquoted(user))
    unused = ("numDiscussions", "numPapers", "numUpvotes", "numFollowing", "numFollowers")
    return {
        **user_row(request, found.name),
        **await counts(at, who, found.name),
        **dict.fromkeys(unused, 0),
        "numLikes": sum(visible(who, each.repo) for each in await at.likes.of(found.id)),
        "orgs": [org_row(request, org) for org, _ in await at.orgs.of(found.id)],
    }


async def counts(at: Desk, who: Person | None, namespace: str) -> dict[str, int]:
    """How many repos of each kind a namespace has, of those that this person may see."""
    named = {"numModels": Kind.MODEL, "numDatasets": Kind.DATASET, "numSpaces": Kind.SPACE}
    return {
        key: await at.index.count(Query(kind=kind, seen=sight(who), owner=namespace)) for key, kind in named.items()
    }


def user_row(request: Request, name: str) -> dict[str, Any]:
    """A person in a list."""
    picture = avatar_url(request, name)
    return {"type": "user", "user": name, "fullname": name, "avatarUrl": picture, "isPro": False}


def org_row(request: Request, org: Organisation) -> dict[str, Any]:
    """An organisation in a list."""
    picture = f"{endpoint(request)}/api/organizations/{org.name}/avatar.svg"
    return {"type": "org", "name": org.name, "fullname": org.fullname, "avatarUrl": picture}


def _membership(request: Request, org: Organisation, role: OrgRole) -> dict[str, Any]:
    return {"id": org.id, **org_row(request, org), "roleInOrg": role.value, "isEnterprise": False, "canPay": False}


@router.get("/api/users/{user}/followers")
@router.get("/api/users/{user}/following")
async def follows(request: Request, user: str) -> list[dict[str, Any]]:
    """Nobody follows anybody here."""
    await people.find_person(desk(request), unquoted(user))
    return []


@router.get("/api/users/{user}/avatar.svg")
async def avatar(request: Request, user: str) -> Response:
    """The first letter of a name on a colour of its own."""
    return letter_avatar((await people.find_person(desk(request), unquoted(user))).name)


def letter_avatar(name: str) -> Response:
    """A picture without a picture."""
    hue = sum(ord(letter) * (place + 7) for place, letter in enumerate(name)) % HUES
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" '
        f'fill="hsl({hue} 55% 42%)"/><text x="32" y="43" font-family="sans-serif" font-size="32" fill="#fff" '
        f'text-anchor="middle">{escape(name[0].upper())}</text></svg>'
    )
    return Response(picture, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})


def avatar_url(request: Request, name: str) -> str:
    """Where a person's picture is."""
    return f"{endpoint(request)}/api/users/{name}/avatar.svg"


@router.get("/api/settings/tokens")
async def tokens(request: Request) -> list[dict[str, Any]]:
    """The signed-in person's, without the tokens themselves."""
    who = await _by_session(request)
    return [_shown(token) for token in await people.tokens(desk(request), who)]


@router.post("/api/settings/tokens")
async def create_token(request: Request) -> dict[str, Any]:
    """`{displayName, role}` → `{token}`, this once."""
    who, asked = await _by_session(request), await body(request)
    role = text_of(asked, "role", Role.READ.value)
    if role not in (Role.READ.value, Role.WRITE.value):
        raise Fault(what="create the token", why=f"there is no role {role!r}", then="It is read or write.")
    token = await people.create_token(desk(request), who, name=text_of(asked, "displayName"), role=Role(role))
    return {"token": token}


@router.delete("/api/settings/tokens/{token}")
async def delete_token(request: Request, token: str) -> dict[str, bool]:
    """Take one back, at once. token: its id."""
    await people.delete_token(desk(request), await _by_session(request), unquoted(token))
    return {"success": True}


def _shown(token: TokenShown) -> dict[str, Any]:
    shown = {"id": token.id, "displayName": token.name, "role": token.role.value}
    return {**shown, "createdAt": iso(token.created_at)}


async def _by_session(request: Request) -> Person:
    """A token that leaked must not make itself more tokens."""
    who = await signed_in(request)
    if (await caller(request)).token is not None:
        raise Refused(what="manage tokens", why="that needs a signed-in browser, not a token")
    return who
