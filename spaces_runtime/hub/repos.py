"""Repos over the API: create, duplicate, move, delete, settings."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Taken
from spaces_runtime.domain.operations import settings
from spaces_runtime.domain.operations.duplicate import duplicate_repo
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.move import move_repo
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.operations.repos import NewRepo, create_repo, delete_repo
from spaces_runtime.domain.operations.volumes import checked_volumes, set_volumes
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import GIT_KINDS, Gating, Kind, Repo, Visibility
from spaces_runtime.domain.templates import Template, template_called
from spaces_runtime.hub.asked import api, asked
from spaces_runtime.hub.identity import desk, signed_in
from spaces_runtime.hub.spaces import seconds_of
from spaces_runtime.hub.volumes import volumes_of
from spaces_runtime.hub.wire import body, endpoint, one_line, text_of

router = APIRouter()


@router.post("/api/repos/create")
async def create(request: Request) -> Response:
    """`{name, organization?, type?, visibility? | private?}`, and of a Space all its settings."""
    who = await signed_in(request)
    wanted = await body(request)
    kind, namespace, name = _named(wanted, who)
    new = replace(_new(wanted, kind, namespace, name), sdk=text_of(wanted, "sdk", ""), template=_template(wanted))
    return await _made(request, who, wanted, new, lambda: create_repo(desk(request), who, new, time.time()))


@api(router, "/duplicate", "POST")
async def duplicate(request: Request) -> Response:
    """`{repository: ns/name, visibility? | private?}`, and of a Space settings that differ; never its secrets."""
    who = await signed_in(request)
    found = await asked(request, Verb.FETCH)
    wanted = await body(request)
    namespace, slash, name = text_of(wanted, "repository", found.repo.name).rpartition("/")
    new = _new(wanted, found.repo.kind, namespace if slash else who.name, name, found.repo.visibility)
    return await _made(request, who, wanted, new, lambda: duplicate_repo(found.desk, who, found.repo, new, time.time()))


@router.post("/api/repos/move")
async def move(request: Request) -> dict[str, Any]:
    """`{fromRepo, toRepo, type?}`; the old name leads to the new one."""
    who = await signed_in(request)
    wanted = await body(request)
    kind = _kind(wanted)
    (namespace, name), target = _full(wanted, "fromRepo"), _full(wanted, "toRepo")
    repo = await find_repo(desk(request), who, kind, namespace, name, Verb.DELETE)
    moved = await move_repo(desk(request), who, repo, *target)
    return {"success": True, "url": f"{endpoint(request)}/{kind.prefix}{moved.full}", "id": moved.full}


@router.delete("/api/repos/delete")
async def delete(request: Request) -> dict[str, bool]:
    """`{name, organization?, type?}`."""
    who = await signed_in(request)
    kind, namespace, name = _named(await body(request), who)
    repo = await find_repo(desk(request), who, kind, namespace, name, Verb.DELETE)
    await delete_repo(desk(request), who, repo)
    return {"success": True}


@api(router, "/settings", "PUT")
async def change(request: Request) -> dict[str, Any]:
    """`{visibility? | private?, gated?}`."""
    found = await asked(request, Verb.WRITE)
    wanted = await body(request)
    visibility, by = _visibility(wanted), found.who.name if found.who else ""
    if visibility is Visibility.PROTECTED and found.repo.kind is not Kind.SPACE:
        raise Fault(what="change the repo", why="only a Space can be protected")
    gated = _gated(wanted) if wanted.get("gated") is not None else found.repo.gated
    if gated is not None and found.repo.kind is Kind.SPACE:
        raise Fault(what="gate the Space", why="only models and datasets can be gated", then="Make it private.")
    if gated is not found.repo.gated:
        await found.desk.index.set_gated(found.repo.id, gated, by=by)
    if visibility is not None:
        await found.desk.index.set_visibility(found.repo.id, visibility, by=by)
        await _look(request, found.repo)
    shown = visibility or found.repo.visibility
    return {
        "private": shown is Visibility.PRIVATE,
        "visibility": shown.value,
        "gated": gated.value if gated else False,
    }


async def _made(
    request: Request, who: Person, wanted: dict[str, Any], new: NewRepo, make: Callable[[], Awaitable[Repo]]
) -> Response:
    """Make it, with the settings of a Space. Clients read the url also when the name is taken."""
    _checked_settings(wanted)
    volumes = await checked_volumes(desk(request), who, volumes_of(wanted)) if new.kind is Kind.SPACE else ()
    before = f"{endpoint(request)}/{new.kind.prefix}"
    try:
        repo = await make()
    except Taken as taken:
        known = await desk(request).index.find(new.kind, new.namespace, new.name)
        url = before + (known.full if known else f"{new.namespace}/{new.name}")
        headers = {"X-Error-Message": one_line(taken.why)}
        return JSONResponse({"error": taken.why, "url": url}, taken.status, headers=headers)
    if new.kind is Kind.SPACE:
        await _first_settings(request, who, repo, wanted)
    if volumes:
        await set_volumes(desk(request), who, repo, volumes)
    shown = {"url": before + repo.full, "name": repo.full, "id": repo.id}
    return JSONResponse({**shown, "private": repo.private, "filesCopyPending": False})


def _new(
    wanted: dict[str, Any], kind: Kind, namespace: str, name: str, otherwise: Visibility = Visibility.PUBLIC
) -> NewRepo:
    return NewRepo(
        kind=kind,
        namespace=namespace,
        name=name,
        visibility=_visibility(wanted) or otherwise,
        hardware=text_of(wanted, "hardware", ""),
    )


def _template(wanted: dict[str, Any]) -> Template | None:
    named = text_of(wanted, "template", "")
    found = template_called(named) if named else None
    if named and found is None:
        raise Fault(what="create the Space", why=f"there is no template {named}", then="GET /api/spaces/templates.")
    return found


def _gated(wanted: dict[str, Any]) -> Gating | None:
    word = wanted["gated"]
    found = next((gating for gating in Gating if gating.value == word), None)
    if found is None and word is not False:
        raise Fault(what="gate the repo", why=f"{word!r} is not a way", then="It is auto, manual, or false.")
    return found


def _full(wanted: dict[str, Any], key: str) -> tuple[str, str]:
    namespace, slash, name = text_of(wanted, key).partition("/")
    if not slash or not namespace or not name:
        raise Fault(what="read the request", why=f"{key} must be namespace/name")
    return namespace, name


def _kind(wanted: dict[str, Any]) -> Kind:
    word = text_of(wanted, "type", Kind.MODEL.value)
    kind = next((kind for kind in Kind if kind.value == word), None)
    if kind is None:
        raise Fault(what="read the request", why=f"there is no type {word!r}")
    return kind


def _named(wanted: dict[str, Any], who: Person) -> tuple[Kind, str, str]:
    """A name without a namespace is in the caller's own."""
    kind = _kind(wanted)
    if kind not in GIT_KINDS:
        raise Fault(what="read the request", why=f"a {kind.value} has an address of its own")
    namespace, slash, name = text_of(wanted, "name").rpartition("/")
    return kind, namespace if slash else text_of(wanted, "organization", who.name), name


def _visibility(wanted: dict[str, Any]) -> Visibility | None:
    word = text_of(wanted, "visibility", "")
    if not word:
        private = wanted.get("private")
        return None if private is None else Visibility.PRIVATE if private is True else Visibility.PUBLIC
    found = next((visibility for visibility in Visibility if visibility.value == word), None)
    if found is None:
        raise Fault(what="read the request", why=f"there is no visibility {word!r}")
    return found


def _settings(wanted: dict[str, Any], key: str) -> list[tuple[str, str, str]]:
    given = wanted.get(key) or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise Fault(what="read the request", why=f"{key} must be a list of objects with key and value")
    return [(text_of(each, "key"), text_of(each, "value"), text_of(each, "description", "")) for each in given]


def _checked_settings(wanted: dict[str, Any]) -> None:
    """Before anything is made: a Space with half its settings helps nobody."""
    for name, value, description in (*_settings(wanted, "variables"), *_settings(wanted, "secrets")):
        settings.check_setting(name, value, description)
    settings.check_sleep(seconds_of(wanted, "sleepTimeSeconds"))


async def _first_settings(request: Request, who: Person, repo: Repo, wanted: dict[str, Any]) -> None:
    for name, value, description in _settings(wanted, "variables"):
        await settings.put_variable(desk(request), who, repo, name=name, value=value, description=description)
    for name, value, description in _settings(wanted, "secrets"):
        await settings.put_secret(desk(request), who, repo, name=name, value=value, description=description)
    seconds = seconds_of(wanted, "sleepTimeSeconds")
    if seconds is not None:
        await settings.set_sleep(desk(request), who, repo, seconds)


async def _look(request: Request, repo: Repo) -> None:
    """Who may visit has changed: the routes say so."""
    address = await desk(request).spaces.of_repo(repo.id) if repo.kind is Kind.SPACE else None
    if address is not None:
        await look(desk(request), address.space)
