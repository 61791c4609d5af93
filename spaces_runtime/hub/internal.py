"""What the gateways ask the hub. They refuse `/internal/` from outside, so only they get here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.errors import BadCredentials
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.operations.visit import may_visit
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.wire import told

router = APIRouter(include_in_schema=False)


@router.get("/internal/visitor")
async def visitor(request: Request) -> Response:
    """200 `{user, name}` when the bearer of this Authorization header may enter `?space=`, else 403."""
    try:
        who = await person(request)
    except BadCredentials as fault:
        return JSONResponse({"error": fault.said}, status_code=403)
    if not await may_visit(desk(request), who, SpaceId(told(request, "space"))):
        return JSONResponse({"error": "may not enter this Space"}, status_code=403)
    found: dict[str, Any] = {"user": who.id if who else None, "name": who.name if who else None}
    return JSONResponse(found)
