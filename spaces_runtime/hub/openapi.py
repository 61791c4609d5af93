"""What this hub answers to, as OpenAPI: addresses, methods and the parts of a path; no more than that is claimed.

Queries, bodies and answers are those of the public hub's clients, which handlers read and write by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from spaces_runtime.hub.wire import endpoint

ADDRESS: Final = "/.well-known/openapi.json"  # where the public hub has its own
ABOUT: Final = """\
Addresses, methods and path parameters. Queries, bodies and answers are not described here: they are what
huggingface_hub 2.4 and the other clients of the Hugging Face Hub send and expect. Whatever fails answers JSON
`{"error": "..."}`, with the same text in X-Error-Message and, where clients look for one, a code in X-Error-Code."""
PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
PARTS: Final = {  # name of a path parameter → what it is
    "namespace": "A person or an organisation; case does not matter.",
    "name": "Of the repo; case does not matter.",
    "rev": "A branch, a tag, a commit or a ref; a slash in it is written %2F.",
    "path": "Of a file or folder in the repo.",
    "prefix": "What the paths begin with.",
    "branch": "A branch; a slash in it is written %2F.",
    "tag": "A tag; a slash in it is written %2F.",
    "plural": "models, datasets or spaces.",
    "state": "pending, accepted or rejected.",
    "user": "Of a person: the name; below /xet what an upload token names.",
    "org": "An organisation.",
    "token": "The id of an access token, not the token.",
    "number": "Of a discussion or pull request.",
    "comment": "The id of a comment.",
    "lock": "The id of a lock.",
    "subdomain": "The first label of a Space's host.",
    "ticket": "Signed by the hub, which gives out the whole address.",
    "installation": "Names this hub's store; part of an address that the hub gives out.",
    "xorb": "The hash that Xet clients compute of what they upload.",
    "file": "The hash that Xet clients compute of a file, or its sha256.",
    "topic": "What a client counts; nothing is kept.",
}
router = APIRouter()


@router.get(ADDRESS, include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """This hub's OpenAPI document."""
    return document(request.app.state.routers, endpoint(request))


def document(routers: Sequence[APIRouter], hub: str) -> dict[str, Any]:
    """Of all routes that are for clients. hub: its address."""
    paths: dict[str, dict[str, Any]] = {}
    for route in _routes(routers):
        path = PARAMETER.sub(r"{\1}", route.path)
        for method in sorted(route.methods or ()):
            # The route that is tried first is the one that answers.
            paths.setdefault(path, {}).setdefault(method.lower(), _operation(route, path, method.lower()))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Spaces Runtime", "version": version("spaces-runtime"), "description": ABOUT},
        "servers": [{"url": hub}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],  # what is public is so without a token, too
    }


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                yield route


def _operation(route: APIRoute, path: str, method: str) -> dict[str, Any]:
    summary = re.split(r"(?<=\.)\s", " ".join((route.endpoint.__doc__ or "").split()))[0]
    parameters = [
        {"name": name, "in": "path", "required": True, "description": PARTS[name], "schema": {"type": "string"}}
        for name in PARAMETER.findall(path)
    ]
    return {
        "operationId": f"{method}_{re.sub(r'[^a-zA-Z0-9]+', '_', path).strip('_')}",
        "summary": summary,
        **({"parameters": parameters} if parameters else {}),
        "responses": {"default": {"description": "As the clients of the Hugging Face Hub expect it."}},
    }
