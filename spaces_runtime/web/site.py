"""What every page is made with: the desk, the templates, who asks."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from spaces_runtime.domain.errors import Fault, Gated, Missing, Renamed, Unknown
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind

HERE: Final = Path(__file__).parent
TITLES: Final = {401: "Sign in first", 403: "Not allowed", 404: "Not found", 409: "Taken", 503: "Away for a while"}

Identify = Callable[[Request], Awaitable[Person | None]]
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """identify: who asks, by the hub's session. cookie: the session cookie's name for this request.

    visitor_key: signs visits to private Spaces.
    """

    desk: Desk
    identify: Identify
    cookie: Callable[[Request], str]
    visitor_key: bytes
    templates: Environment

    async def page(self, request: Request, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - what the template needs
        """Render. Every template knows who asks, where, and whether Spaces run without a sandbox."""
        values.setdefault("section", "spaces")
        html = await self.templates.get_template(template).render_async(
            who=await self.identify(request),
            path=request.url.path,
            machine=platform.node(),
            hub=self.desk.names.hub_url,
            trusts=self.desk.settings.trust_spaces,
            **values,
        )
        return HTMLResponse(html, status, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        names = self.desk.names
        spaces = f"{names.scheme}://*.{names.domain}{names.port}"
        policy = f"default-src 'self'; img-src 'self' data:; frame-src {spaces}; form-action 'self'; base-uri 'none'"
        return {
            "Content-Security-Policy": f"{policy}; frame-ancestors 'self'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
        }

    async def signed_in(self, request: Request) -> Person:
        """Who asks.

        Raises:
            Unknown: nobody who says so.
        """
        who = await self.identify(request)
        if who is None:
            raise Unknown(what="open this page", why="nobody is signed in")
        return who

    def handler(self, answer: Handler) -> Handler:
        """A page's handler: a person's fault becomes a page with one sentence and one way on."""

        @wraps(answer)
        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except Fault as fault:
                return await self.fault(request, fault)

        return answered

    async def fault(self, request: Request, fault: Fault) -> Response:
        """The page for a fault; missing and hidden look alike, and a page that moved is where it is now."""
        if isinstance(fault, Renamed):
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{_moved(request, fault.now)}{query}", 307)
        if isinstance(fault, Unknown) and request.method == "GET":
            return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
        why = str(fault)
        if isinstance(fault, Missing):
            why = f"There is nothing at {unquote(request.url.path)}, or it is private."
        title = TITLES.get(fault.status, "That is not possible")
        return await self.page(
            request,
            "error.html",
            status=fault.status,
            title=title,
            why=why,
            sign_in=fault.status in (401, 404),
            ask=f"/{Kind(fault.kind).prefix}{fault.name}/ask-access" if isinstance(fault, Gated) else "",
        )


def _moved(request: Request, now: str) -> str:
    """The page's path with the repo's new name instead of the old one."""
    path = str(request.scope["path"])
    old = "/".join(request.path_params[key] for key in ("ns", "name"))
    return path.replace(f"/{old}", f"/{now}", 1)


def templates() -> Environment:
    """The templates; an unknown name in one is an error, not an empty string."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        enable_async=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["bytes"] = spoken_bytes
    made.filters["moment"] = spoken_moment
    return made


def spoken_bytes(size: int) -> str:
    """Three digits and a unit: 812 B, 4.1 kB, 81.2 MB. The space does not break."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:  # noqa: PLR2004 - SI steps
        value, units = value / 1000, units[1:]
    return f"{value:.0f}\u00a0B" if units[0] == "B" else f"{value:.1f}\u00a0{units[0]}"


def spoken_moment(at: float) -> str:
    """Unix seconds as a full date and time."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"
