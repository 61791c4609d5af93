"""What can I change about a Space, and what will that do?"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from spaces_runtime.domain.access import Verb, may_operate
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.hardware import Offer
from spaces_runtime.domain.operations import settings
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.hardware import offers
from spaces_runtime.web.shown import about
from spaces_runtime.web.site import Site
from spaces_runtime.web.space import Here, here

Change = Callable[[Site, Here, FormData], Awaitable[None]]


def choices(found: Sequence[Offer]) -> dict[str, list[dict[str, str]]]:
    """Tiers for a form: those that can be chosen, and those that cannot, each with why."""
    told = [(each, {"name": each.tier.name, "about": about(each.tier), "note": each.note}) for each in found]
    return {
        "tiers": [row for each, row in told if not each.why_not],
        "absent": [{**row, "why": each.why_not} for each, row in told if each.why_not],
    }


async def form(site: Site, cards: Cards, request: Request) -> Response:
    """All settings with what each change does."""
    at = await here(site, cards, request, Verb.WRITE)
    return await _form(site, request, at, wrong="")


async def _form(site: Site, request: Request, at: Here, *, wrong: str) -> Response:
    desk = site.desk
    sleep = await desk.spaces.sleep_time(at.view.id)
    return await site.page(
        request,
        "settings.html",
        status=400 if wrong else 200,
        **choices(await offers(desk)),
        sleep="" if sleep is None else sleep,
        platform_sleep=f"{desk.settings.sleep.frozen:.0f}",
        variables=sorted((await settings.variables(desk, at.who, at.repo)).items()),
        secrets=sorted((await settings.secrets(desk, at.who, at.repo)).items()),
        internet=at.view.internet,
        everybody_offline=not desk.settings.internet,
        operates=may_operate(at.who),
        wrong=wrong,
        **at.told("settings"),
    )


async def change(site: Site, cards: Cards, request: Request) -> Response:
    """One change; a wrong one leaves the page with its reason and changes nothing."""
    at = await here(site, cards, request, Verb.WRITE)
    make = CHANGES.get(str(request.path_params["what"]))
    if make is None:
        return RedirectResponse(f"{at.shown.page}/settings", 303)
    try:
        await make(site, at, await request.form())
    except Fault as fault:
        return await _form(site, request, at, wrong=str(fault))
    return RedirectResponse(f"{at.shown.page}/settings", 303)


async def _hardware(site: Site, at: Here, given: FormData) -> None:
    await settings.set_hardware(site.desk, at.who, at.repo, _text(given, "hardware"), time.time())


async def _sleep(site: Site, at: Here, given: FormData) -> None:
    text = _text(given, "seconds").strip()
    try:
        seconds = int(text) if text else None
    except ValueError:
        raise Fault(what="set the sleep time", why=f'"{text}" is not a whole number of seconds') from None
    await settings.set_sleep(site.desk, at.who, at.repo, seconds)


async def _internet(site: Site, at: Here, given: FormData) -> None:
    await settings.set_internet(site.desk, at.who, at.repo, _text(given, "internet") == "on")


async def _variable(site: Site, at: Here, given: FormData) -> None:
    name, value = _text(given, "key"), _text(given, "value")
    await settings.put_variable(site.desk, at.who, at.repo, name=name, value=value, description="")


async def _no_variable(site: Site, at: Here, given: FormData) -> None:
    await settings.delete_variable(site.desk, at.who, at.repo, _text(given, "key"))


async def _secret(site: Site, at: Here, given: FormData) -> None:
    name, value = _text(given, "key"), _text(given, "value")
    await settings.put_secret(site.desk, at.who, at.repo, name=name, value=value, description="")


async def _no_secret(site: Site, at: Here, given: FormData) -> None:
    await settings.delete_secret(site.desk, at.who, at.repo, _text(given, "key"))


def _text(given: FormData, key: str) -> str:
    value = given.get(key, "")
    return value if isinstance(value, str) else ""


CHANGES: dict[str, Change] = {
    "hardware": _hardware,
    "sleep": _sleep,
    "internet": _internet,
    "variables": _variable,
    "variables/delete": _no_variable,
    "secrets": _secret,
    "secrets/delete": _no_secret,
}
