"""Volumes of a Space over the API: the contract, §9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.volumes import checked_volumes, set_volumes
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.setup import Volume
from spaces_runtime.hub.asked import asked
from spaces_runtime.hub.wire import body, text_of

router = APIRouter()
PATH = "/api/spaces/{namespace}/{name}/volumes"
HIDDEN = "private/private"  # instead of the name of a source that the asker may not see


@router.put(PATH)
async def put(request: Request) -> dict[str, Any]:
    """`{volumes: [{type, source, mountPath, revision?, readOnly?, path?}]}` → the list as it is now."""
    found = await asked(request, Verb.WRITE)
    volumes = await checked_volumes(found.desk, found.who, volumes_of(await body(request), required=True))
    await set_volumes(found.desk, found.who, found.repo, volumes)
    return {"volumes": await volumes_json(found.desk, found.who, volumes)}


@router.delete(PATH)
async def delete(request: Request) -> dict[str, Any]:
    """Without any; an error where there are none, as clients expect."""
    found = await asked(request, Verb.WRITE)
    address = await found.desk.spaces.of_repo(found.repo.id)
    spaces = await found.desk.spaces.snapshot([address.space]) if address else ()
    if not any(space.setup.volumes for space in spaces):
        raise Fault(what=f"remove the volumes of {found.repo.full}", why="it has none")
    await set_volumes(found.desk, found.who, found.repo, ())
    return {"volumes": []}


def volumes_of(wanted: Mapping[str, Any], *, required: bool = False) -> list[Volume]:
    """What a request lists; its sources are not looked up.

    Raises:
        Fault: it is no list of volumes.
    """
    given = wanted.get("volumes")
    if given is None and not required:
        return []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise Fault(what="read the request", why="volumes must be a list of objects with type, source and mountPath")
    return [_volume(each) for each in given]


def _volume(told: Mapping[str, Any]) -> Volume:
    read_only = told.get("readOnly")
    if not isinstance(read_only, bool | None):
        raise Fault(what="read the request", why="readOnly must be true or false")
    return Volume(
        source="",
        kind=text_of(told, "type", "model"),
        name=text_of(told, "source"),
        mount=text_of(told, "mountPath"),
        read_only=read_only or False,
        revision=text_of(told, "revision", ""),
        path=text_of(told, "path", "").strip("/"),
    )


async def volumes_json(desk: Desk, who: Person | None, volumes: Sequence[Volume]) -> list[dict[str, Any]]:
    """As clients read them. A source is called by its present name; one that is hidden from the asker is not named."""
    return [await _shown(desk, who, volume) for volume in volumes]


async def _shown(desk: Desk, who: Person | None, volume: Volume) -> dict[str, Any]:
    repo = await desk.index.by_id(RepoId(volume.source))
    shown: dict[str, Any] = {"type": volume.kind, "mountPath": volume.mount, "readOnly": volume.read_only}
    if repo is None or not may(who, Verb.READ, repo):
        return {**shown, "source": HIDDEN if repo else volume.name}
    more = {"revision": volume.revision, "path": volume.path}
    return {**shown, "source": repo.full, **{key: value for key, value in more.items() if value}}
