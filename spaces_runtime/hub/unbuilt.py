"""What the clients know and this hub does not do yet: said clearly, never pretended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request

from spaces_runtime.domain.errors import Missing, RepoMissing, Unsupported
from spaces_runtime.hub.aliases import one_segment

REPO = "/api/{kind}/{namespace}/{name}"
EVERY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
UNBUILT = (  # (path, methods, what it is); the first that fits
    ("/api/jobs/{rest:path}", "GET POST PUT PATCH DELETE", "jobs"),
    ("/api/scheduled-jobs/{rest:path}", "GET POST PUT PATCH DELETE", "jobs"),
    (f"{REPO}/discussions/{{number}}/pin", "POST", "pinning a discussion"),
    (f"{REPO}/dev-mode", "POST", "dev mode"),
    (f"{REPO}/storage", "POST DELETE", "paid disks"),
    (f"{REPO}/replicas", "POST", "more than one replica"),
    (f"{REPO}/metrics", "GET", "the stream of a Space's usage"),
    ("/api/organizations/{rest:path}", "GET POST PUT DELETE", "this part of organisations"),
    ("/api/collections", "GET POST", "collections"),
    ("/api/collections/{rest:path}", "GET POST PATCH PUT DELETE", "collections"),
    ("/api/settings/webhooks", "GET POST", "webhooks"),
    ("/api/settings/webhooks/{rest:path}", "GET POST DELETE", "webhooks"),
    ("/api/inference/{rest:path}", "GET POST", "hosted inference"),
    ("/api/tasks", "GET", "hosted inference"),
    (f"{REPO}/leaderboard", "GET", "leaderboards of datasets"),
    ("/api/kernels/{rest:path}", "GET", "kernels"),
    ("/uploads", "POST", "files attached to discussions"),
    ("/api/daily_papers", "GET", "papers"),
    ("/papers/{paper}", "GET", "papers"),
    ("/api/papers", "GET", "papers"),
    ("/api/papers/{rest:path}", "GET", "papers"),
    ("/oauth/{rest:path}", "GET POST", "signing in through the hub"),
    ("/.well-known/openid-configuration", "GET", "signing in through the hub"),
)


def router() -> APIRouter:
    """Comes after all that is built, so that building a part takes it out of the table's reach at once.

    The rest of /api is answered here too: without it a page of two segments would be found there.
    """
    routes = APIRouter()
    for path, methods, what in UNBUILT:
        routes.add_api_route(path, _saying(what), methods=methods.split(), include_in_schema=False)
    routes.add_api_route("/api", nothing, methods=EVERY, include_in_schema=False)
    routes.add_api_route("/api/{rest:path}", nothing, methods=EVERY, include_in_schema=False)
    return routes


async def nothing(request: Request) -> None:
    """A 404 as JSON. A name of one word that is no alias is a missing repo, which clients tell by its code."""
    path, method = request.scope["path"], request.method
    if (found := one_segment(path)) is not None:
        raise RepoMissing(found.name)
    raise Missing(what=f"{method} {path}", why="this hub has nothing there")


def _saying(what: str) -> Callable[[], Awaitable[None]]:
    async def unbuilt() -> None:
        raise Unsupported(what=f"use {what}", why="this hub does not have it yet")

    return unbuilt
