"""The feed of a bucket's changes, for clients that keep listings: it says that something changed, not what.

On `reset` clients drop what they keep of the bucket and come again. So nothing has to be remembered for them here, and
no change is ever missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.hub.asked import Asked
from spaces_runtime.hub.buckets import BUCKET, asked_bucket
from spaces_runtime.hub.wire import iso, told

router = APIRouter()
LOOK: Final = 1.0  # seconds between looks; a follower costs one small question each
KEEP_ALIVE: Final = 15.0  # seconds of silence
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get(BUCKET + "/events")
async def events(request: Request) -> Response:
    """`?cursor=` of an earlier `ready`, or `?since=` the bucket's `updatedAt`: a change after it is told at once."""
    found = await asked_bucket(request, Verb.READ)
    seen = told(request, "cursor") or told(request, "since")
    return StreamingResponse(_told(found, seen), media_type="text/event-stream", headers=HEADERS)


async def _told(found: Asked, seen: str) -> AsyncIterator[str]:
    """Ends with the first change; and without a word once the bucket is gone or closed to the one who asked."""
    silent = 0.0
    now = await _state(found)
    if now is not None and seen in ("", *now):
        seen = now[0]
        yield event("ready", cursor=seen)
    while (now := await _state(found)) is not None:
        if seen not in now:
            yield event("reset", reason="the bucket has changed")
            return
        if silent >= KEEP_ALIVE:
            yield ": still here\n\n"
            silent = 0.0
        await asyncio.sleep(LOOK)
        silent += LOOK


async def _state(found: Asked) -> tuple[str, str] | None:
    """What names the bucket's present state: exactly, and as bucket info says it."""
    bucket = await found.desk.index.by_id(found.repo.id)
    if bucket is None or not may(found.who, Verb.READ, bucket):
        return None
    at = (await found.desk.buckets.size([bucket.id]))[bucket.id].changed_at or bucket.created_at
    return repr(at), iso(at)


def event(name: str, **told: str) -> str:
    """One event of the stream."""
    return f"event: {name}\ndata: {json.dumps(told)}\n\n"
