"""What happened to a Space, over the API; a route of ours, no client asks for it yet."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.settings import space_of
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.timeline import MOST, Happened, What, said
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.spaces import SPACE
from spaces_runtime.hub.wire import iso, number, unquoted

router = APIRouter()


@router.get(SPACE + "/timeline")
async def timeline(request: Request, namespace: str, name: str) -> list[dict[str, Any]]:
    """Newest first, `limit` of them; for those who may read the logs."""
    who = await person(request)
    repo = await find_repo(desk(request), who, Kind.SPACE, unquoted(namespace), unquoted(name), Verb.WRITE)
    limit = number(request, "limit", default=100, most=MOST)
    return [_json(each) for each in await desk(request).timeline.of(await space_of(desk(request), repo), limit)]


def _json(happened: Happened) -> dict[str, Any]:
    """rung and seconds: only where there is one; by: null: the platform itself."""
    return {
        "at": iso(happened.at),
        "what": happened.what.value,
        "said": said(happened),
        "why": "" if happened.what is What.CHANGED else happened.why,
        "by": happened.by or None,
        **({"rung": happened.rung} if happened.rung else {}),
        **({"seconds": round(happened.took, 6)} if happened.took else {}),
    }
