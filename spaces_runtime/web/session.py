"""Signing in and out, and the tokens that programs sign in with."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from spaces_runtime.domain.errors import Fault, Refused, Unknown
from spaces_runtime.domain.operations import people
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.web.site import Site

WEEKS = 14 * 86400  # seconds a browser keeps the session


async def ask(site: Site, request: Request) -> Response:
    """The form."""
    return await site.page(request, "signin.html", next=onward(request.query_params.get("next")), user="", wrong="")


async def enter(site: Site, request: Request) -> Response:
    """Name and password, and on to where the person was going."""
    form = await request.form()
    user, password, next_page = (str(form.get(key, "")) for key in ("user", "password", "next"))
    try:
        _, session = await people.sign_in(site.desk, name=user, password=password)
    except Unknown:
        wrong = "This name and password do not belong together."
        return await site.page(request, "signin.html", status=401, next=onward(next_page), user=user, wrong=wrong)
    answer = RedirectResponse(onward(next_page), 303)
    name = site.cookie(request)
    answer.set_cookie(name, session, WEEKS, httponly=True, samesite="lax", secure=name.startswith("__Host-"))
    return answer


async def leave(site: Site, request: Request) -> Response:
    """End the session, here and in the database."""
    name = site.cookie(request)
    if await site.identify(request) and (session := request.cookies.get(name)):
        await people.sign_out(site.desk, session)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(name, secure=name.startswith("__Host-"), httponly=True, samesite="lax")
    return answer


def onward(page: str | None) -> str:
    """A page of ours to go to; anything that could lead elsewhere becomes the first page."""
    if not page or not page.startswith("/") or page.startswith(("//", "/\\")) or urlsplit(page).netloc:
        return "/"
    return page


async def tokens(site: Site, request: Request) -> Response:
    """A person's tokens."""
    who = await _by_session(site, request)
    return await site.page(request, "tokens.html", tokens=await people.tokens(site.desk, who), made="")


async def make_token(site: Site, request: Request) -> Response:
    """A new one, shown this once."""
    who = await _by_session(site, request)
    form = await request.form()
    try:
        role = Role(str(form.get("role", "")))
    except ValueError:
        raise Fault(what="make a token", why="it must allow read or write") from None
    made = await people.create_token(site.desk, who, name=str(form.get("name", "")), role=role)
    return await site.page(request, "tokens.html", tokens=await people.tokens(site.desk, who), made=made)


async def revoke_token(site: Site, request: Request) -> Response:
    """Take one back; it stops working at once."""
    await people.delete_token(site.desk, await _by_session(site, request), str(request.path_params["token"]))
    return RedirectResponse("/settings/tokens", 303)


async def _by_session(site: Site, request: Request) -> Person:
    """A token that leaked must not make itself more tokens, nor one that may only read a better one."""
    who = await site.signed_in(request)
    if request.headers.get("authorization") is not None:
        why = "a token was sent, and those are made by people"
        raise Refused(what="see or change access tokens", why=why, then="Sign in with your password.")
    return who
