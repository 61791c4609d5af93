"""Every page in one list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request, Response

from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Kind
from spaces_runtime.web import bucket, create, explore, files, session, settings, space
from spaces_runtime.web import repo as repo_page
from spaces_runtime.web.readmes import Readmes
from spaces_runtime.web.site import HERE, Identify, Site, templates

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
OF_SPACE = "/spaces/{ns}/{name}"


def routes(desk: Desk, *, identify: Identify, cookie: Callable[[Request], str], visitor_key: bytes) -> APIRouter:
    """The pages of the hub. See Site for the arguments."""
    site = Site(desk=desk, identify=identify, cookie=cookie, visitor_key=visitor_key, templates=templates())
    cards, readmes = Cards(desk), Readmes(site)
    router = APIRouter(include_in_schema=False)

    def add(path: str, answer: Callable[..., Awaitable[Response]], *given: object, method: str = "GET") -> None:
        handler = site.handler(partial(answer, *given))
        router.add_route(path, handler, methods=[method])

    router.add_route("/static/{name}", partial(_static, _read_static()), methods=["GET"])
    add("/", explore.spaces, site, cards)
    add("/spaces", explore.spaces, site, cards)
    add("/models", explore.repos, site, Kind.MODEL)
    add("/datasets", explore.repos, site, Kind.DATASET)
    add("/buckets/{ns}/{name}", bucket.tree, site)
    add("/buckets/{ns}/{name}/tree/{path:path}", bucket.tree, site)
    add("/login", session.ask, site)
    add("/login", session.enter, site, method="POST")
    add("/logout", session.leave, site, method="POST")
    add("/settings/tokens", session.tokens, site)
    add("/settings/tokens", session.make_token, site, method="POST")
    add("/settings/tokens/{token}/delete", session.revoke_token, site, method="POST")
    add("/new-space", create.form, site)
    add("/new-space", create.create, site, method="POST")
    add(OF_SPACE, space.app, site, cards)
    add(OF_SPACE + "/live", space.live, site, cards)
    add(OF_SPACE + "/logs", space.logs, site, cards)
    add(OF_SPACE + "/logs/{source}", space.log_file, site, cards)
    add(OF_SPACE + "/restart", space.restart, site, cards, method="POST")
    add(OF_SPACE + "/pause", space.pause, site, cards, method="POST")
    add(OF_SPACE + "/settings", settings.form, site, cards)
    add(OF_SPACE + "/settings/{what:path}", settings.change, site, cards, method="POST")
    for kind in (Kind.SPACE, Kind.DATASET, Kind.MODEL):  # models last: their addresses have no prefix
        repo = f"/{kind.prefix}{{ns}}/{{name}}"
        if kind is not Kind.SPACE:
            add(repo, repo_page.card, site, cards, readmes, kind)
        add(repo + "/tree/{rev}", files.tree, site, cards, readmes, kind)
        add(repo + "/tree/{rev}/{path:path}", files.tree, site, cards, readmes, kind)
        add(repo + "/blob/{rev}/{path:path}", files.blob, site, cards, kind)
    return router


def _read_static() -> dict[str, tuple[bytes, str, str]]:
    """The few files every page uses, by name: content, media type, ETag."""
    found = (path for path in (HERE / "static").iterdir() if path.suffix in TYPES)
    return {path.name: (path.read_bytes(), TYPES[path.suffix], _etag(path)) for path in found}


def _etag(path: Path) -> str:
    return f'"{sha256(path.read_bytes()).hexdigest()[:32]}"'


async def _static(known: dict[str, tuple[bytes, str, str]], request: Request) -> Response:
    name = request.path_params["name"]
    if name not in known:
        raise Missing(what=f"find {name}", why="there is no such file")
    content, kind, etag = known[name]
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)
