"""What clients send or ask at each start, whoever the hub is: answered, kept nowhere."""

from __future__ import annotations

from fastapi import APIRouter, Response

router = APIRouter()


@router.api_route("/api/telemetry/{topic:path}", methods=["GET", "HEAD"])
async def telemetry() -> Response:
    """Usage counters of clients; we count nothing."""
    return Response()


@router.get("/api/agent-harnesses")
async def harnesses() -> dict[str, dict[str, str]]:
    """Which coding assistants the client should recognise in its user agent: none."""
    return {"harnesses": {}}
