"""One-segment ids of classic models: an operator's alias answers 307 to `ns/name`, on API, download and git."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.repo import GIT_KINDS, Kind
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.wire import endpoint, unquoted

# What follows a repo's id in the clients' addresses. A repo of one of these names below an alias would be hidden by it.
API = frozenset(
    {
        *("revision", "tree", "paths-info", "refs", "commits", "auth-check", "xet-read-token", "xet-write-token"),
        *("preupload", "commit", "runtime", "host", "safetensors-metadata", "treesize"),
    }
)
PAGES = frozenset(
    {"resolve", "raw", "blob", "tree", "commits", "commit", "info", "git-upload-pack", "git-receive-pack"}
)


@dataclass(frozen=True, slots=True)
class OneSegment:
    """An address whose repo id may be an alias: what stands before it, the id, what follows."""

    kind: Kind
    before: str
    name: str
    after: str


def one_segment(path: str) -> OneSegment | None:
    """Read a raw path; None: its repo id cannot be an alias, or it names no repo."""
    first, *rest = path.removeprefix("/").split("/")
    if first == "api":
        kind = next((kind for kind in GIT_KINDS if rest and rest[0] == kind.plural), None)
        return _split(kind, f"/api/{rest[0]}", rest[1:], API) if kind else None
    kind = next((kind for kind in (Kind.DATASET, Kind.SPACE) if first == kind.plural), None)
    if kind is not None:
        return _split(kind, f"/{first}", rest, PAGES)
    return _split(Kind.MODEL, "", [first, *rest], PAGES)


def _split(kind: Kind, before: str, parts: list[str], words: frozenset[str]) -> OneSegment | None:
    name, *after = parts or [""]
    if not name or (after and after[0] not in words):
        return None
    return OneSegment(kind, before, name.removesuffix(".git"), "".join(f"/{part}" for part in after))


class Aliases:
    """Before the routes: follow an alias, where there is one that the asker may know of."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        found = one_segment(scope["path"]) if scope["type"] == "http" else None
        answer = await _moved(Request(scope), found) if found else None
        await (answer or self.app)(scope, receive, send)


async def _moved(request: Request, found: OneSegment) -> Response | None:
    try:
        repo = await desk(request).index.alias(found.kind, unquoted(found.name))
        if repo is None or not may(await person(request), Verb.READ, repo):
            return None
    except Fault:
        return None  # the route says what is wrong with the address or the token
    query = f"?{request.url.query}" if request.url.query else ""
    target = f"{endpoint(request)}{found.before}/{repo.full}{found.after}{query}"
    return Response(status_code=307, headers={"Location": target})
