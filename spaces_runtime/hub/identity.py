"""Who asks: an access token as Bearer or as the password of Basic, or the session cookie of the hub's own pages."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from typing import Final, cast

from fastapi import Request

from spaces_runtime.domain.errors import BadCredentials, Unknown
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, TokenShown
from spaces_runtime.hub.wire import endpoint

SAFE: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and by which access token; None: by the session of a browser, or nobody."""

    person: Person | None = None
    token: TokenShown | None = None


def desk(request: Request) -> Desk:
    """What operations need; put there by create_app()."""
    return cast(Desk, request.app.state.desk)


async def person(request: Request) -> Person | None:
    """Who asks; None: nobody who says so.

    Raises:
        BadCredentials: when a token was sent and is not good.
    """
    return (await caller(request)).person


async def signed_in(request: Request) -> Person:
    """Who asks.

    Raises:
        Unknown: nobody who says so.
    """
    who = await person(request)
    if who is None:
        raise Unknown(what="do this", why="nobody is signed in", then="Send an access token, or sign in.")
    return who


async def caller(request: Request) -> Caller:
    """Who asks, looked up once a request."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = await _looked_up(request)
        request.state.caller = known
    return known


async def _looked_up(request: Request) -> Caller:
    people = desk(request).people
    header = request.headers.get("authorization")
    if header is not None:
        token = token_in(header)
        found = await people.by_token(token) if token else None
        if found is None:
            raise BadCredentials
        who, shown = found
        return Caller(person=replace(who, role=shown.role), token=shown)
    session = request.cookies.get(session_cookie(request))
    if not session or not own_page(request):
        return Caller()
    return Caller(person=await people.by_session(session))


def token_in(header: str) -> str:
    """The access token an Authorization header carries; empty: none. Basic: any user name, the token as password."""
    scheme, _, given = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (NotBase64, UnicodeDecodeError):
        return ""


def session_cookie(request: Request) -> str:
    """The cookie's name. `__Host-` keeps a Space on a sister host from planting one; browsers want https for it."""
    return "__Host-spaces-session" if endpoint(request).startswith("https:") else "spaces-session"


def own_page(request: Request) -> bool:
    """Whether a browser's cookie speaks for its person here, and not for a foreign page that uses it.

    Opening a page, also by a link from elsewhere, always does; a call or a form only from our own pages. A Space is
    the same site as the hub in local mode, so the cookie's SameSite alone does not keep it out.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        opening = request.headers.get("sec-fetch-mode") == "navigate" and request.method in SAFE
        return site in ("same-origin", "none") or (opening and not request.scope["path"].startswith("/api/"))
    origin = request.headers.get("origin")
    if origin is not None:
        return origin == endpoint(request)
    return request.method in SAFE
