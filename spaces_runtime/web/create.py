"""What is the shortest way to a running app?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.operations.hardware import offers
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.templates import TEMPLATES
from spaces_runtime.web.settings import choices
from spaces_runtime.web.site import Site

VISIBILITIES: Final = (
    ("public", "Public", "Anyone sees the app and the code."),
    ("protected", "Protected", "Anyone uses the app; only you see the code."),
    ("private", "Private", "Only you. Strangers get “not found”."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a person filled in."""

    name: str = ""
    template: str = TEMPLATES[0].name
    hardware: str = ""
    visibility: str = "public"


async def form(site: Site, request: Request) -> Response:
    """The empty form."""
    await site.signed_in(request)
    return await _form(site, request, Form(hardware=site.desk.settings.default_hardware), wrong="")


async def create(site: Site, request: Request) -> Response:
    """Create it, put the template in, and go to its page."""
    who = await site.signed_in(request)
    given = await request.form()
    filled = Form(**{key: str(given.get(key, "")).strip() for key in ("name", "template", "hardware", "visibility")})
    try:
        repo = await _created(site, who, filled)
    except Fault as fault:
        return await _form(site, request, filled, wrong=str(fault))
    return RedirectResponse(f"/spaces/{repo.full}", 303)


async def _created(site: Site, who: Person, filled: Form) -> Repo:
    template = next((t for t in TEMPLATES if t.name == filled.template), TEMPLATES[-1])
    try:
        visibility = Visibility(filled.visibility)
    except ValueError:
        raise Fault(what="create the Space", why=f'"{filled.visibility}" is no visibility') from None
    new = NewRepo(
        kind=Kind.SPACE, namespace=who.name, name=filled.name, visibility=visibility, sdk=template.sdk,
        hardware=filled.hardware, template=template,
    )  # fmt: skip
    return await create_repo(site.desk, who, new, time.time())


async def _form(site: Site, request: Request, filled: Form, *, wrong: str) -> Response:
    names = site.desk.names
    return await site.page(
        request,
        "create.html",
        status=400 if wrong else 200,
        form=filled,
        wrong=wrong,
        templates=TEMPLATES,
        **choices(await offers(site.desk)),
        visibilities=VISIBILITIES,
        domain=f"{names.domain}{names.port}",
    )
