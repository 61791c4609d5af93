"""The headers of a model's shards in one answer: a client reads shapes and types without a request per file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import EntryMissing, Fault
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.repo import Entry
from spaces_runtime.domain.safetensors import FIRST, LONGEST, header_length
from spaces_runtime.hub.asked import Asked, asked
from spaces_runtime.hub.wire import unquoted

router = APIRouter()
MOST_SHARDS: Final = 400
LONGEST_INDEX: Final = 16 * 2**20  # bytes


@router.get("/api/models/{namespace}/{name}/safetensors-metadata/{path:path}")
async def headers(request: Request) -> JSONResponse:
    """`{index, headers: {shard: header}}` of the index at `path`, on main; the index without its map, as it says less.

    Raises:
        EntryMissing: of the index or of a shard that it names.
    """
    found = await asked(request, Verb.FETCH)
    path = unquoted(request.path_params["path"])
    revision = await found.desk.repos.resolve(found.repo.id, "main")
    index = _object(path, await _start(found, revision, path, LONGEST_INDEX))
    shards = index.pop("weight_map", None)
    if not isinstance(shards, dict):
        raise Fault(what=f"read {path}", why="it has no weight_map", then="Name the index of a model in shards.")
    names = sorted({str(shard) for shard in shards.values()})[:MOST_SHARDS]
    folder = path.rpartition("/")[0]
    read = {name: await _header(found, revision, f"{folder}/{name}".lstrip("/")) for name in names}
    return JSONResponse({"index": index, "headers": read})


async def _header(found: Asked, revision: RevisionId, path: str) -> Mapping[str, Any]:
    length = header_length(await _start(found, revision, path, FIRST))
    if not length:
        raise Fault(what=f"read {path}", why="it is not a safetensors file")
    return _object(path, (await _start(found, revision, path, length))[FIRST:])


async def _start(found: Asked, revision: RevisionId, path: str, length: int) -> bytes:
    """The first bytes of a file, wherever its content lies."""
    entry: Entry = await found.desk.repos.entry(found.repo.id, revision, path)
    if entry.lfs is not None:
        return await found.desk.blobs.start(entry.lfs.sha256, length)
    if entry.folder or entry.size > LONGEST:
        raise EntryMissing(path)
    return (await found.desk.repos.read(found.repo.id, revision, path))[:length]


def _object(path: str, content: bytes) -> dict[str, Any]:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Fault(what=f"read {path}", why="it is not a JSON object")
    return read
