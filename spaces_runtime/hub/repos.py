"""Repos over the API: create, delete, settings, info."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault, Taken, Unsupported
from spaces_runtime.domain.operations import settings
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.operations.repos import NewRepo, create_repo, delete_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo, Visibility
from spaces_runtime.hub.asked import api, asked, kind_of
from spaces_runtime.hub.card_data import cards
from spaces_runtime.hub.identity import desk, signed_in
from spaces_runtime.hub.repo_json import narrowed, repo_json, sibling_json
from spaces_runtime.hub.spaces import is_browser, seconds_of, space_fields
from spaces_runtime.hub.wire import body, endpoint, flag, listed, one_line, text_of

router = APIRouter()


@router.post("/api/repos/create")
async def create(request: Request) -> Response:
    """`{name, organization?, type?, visibility? | private?}`, and of a Space all its settings."""
    who = await signed_in(request)
    wanted = await body(request)
    kind, namespace, name = _named(wanted, who)
    new = NewRepo(
        kind=kind,
        namespace=namespace,
        name=name,
        visibility=_visibility(wanted) or Visibility.PUBLIC,
        sdk=text_of(wanted, "sdk", ""),
        hardware=text_of(wanted, "hardware", ""),
    )
    _checked_settings(wanted)
    url = f"{endpoint(request)}/{kind.prefix}{namespace}/{name}"
    try:
        repo = await create_repo(desk(request), who, new, time.time())
    except Taken as taken:
        answer = {"error": taken.why, "url": url}  # clients read the url also here
        return JSONResponse(answer, taken.status, headers={"X-Error-Message": one_line(taken.why)})
    if kind is Kind.SPACE:
        await _first_settings(request, who, repo, wanted)
    return JSONResponse({"url": f"{endpoint(request)}/{kind.prefix}{repo.full}", "name": repo.full, "id": repo.id})


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
    if wanted.get("gated"):
        raise Unsupported(what="gate a repo", why="this hub has no requests for access yet", then="Make it private.")
    visibility = _visibility(wanted)
    if visibility is Visibility.PROTECTED and found.repo.kind is not Kind.SPACE:
        raise Fault(what="change the repo", why="only a Space can be protected")
    if visibility is not None:
        await found.desk.index.set_visibility(found.repo.id, visibility, by=found.who.name if found.who else "")
        await _look(request, found.repo)
    shown = visibility or found.repo.visibility
    return {"private": shown is Visibility.PRIVATE, "visibility": shown.value, "gated": False}


@api(router, "", "GET")
@api(router, "/revision/{rev}", "GET")
async def info(request: Request) -> JSONResponse:
    """Repo info at a revision. Every load of a model begins here: a few ms, so the answer is encoded only once."""
    verb = Verb.VISIT if kind_of(request) is Kind.SPACE else Verb.READ
    found = await asked(request, verb)
    revision = await found.revision(request)
    readable = may(found.who, Verb.READ, found.repo)
    card = await cards(request).of(found.repo.id, revision)
    shown = repo_json(found.repo, revision, card)
    expand = listed(request, "expand")
    if found.repo.kind is Kind.SPACE:
        shown |= {**await space_fields(found.desk, found.repo, browser=is_browser(request)), "sdk": shown["sdk"]}
    if readable and (not expand or "siblings" in expand):
        entries = await found.desk.repos.tree(found.repo.id, revision, "", recursive=True)
        blobs = flag(request, "blobs")
        shown["siblings"] = [sibling_json(entry, blobs=blobs) for entry in entries if not entry.folder]
    return JSONResponse(narrowed(shown, found.repo.kind, expand) if expand else shown)


def _named(wanted: dict[str, Any], who: Person) -> tuple[Kind, str, str]:
    """A name without a namespace is in the caller's own."""
    word = text_of(wanted, "type", Kind.MODEL.value)
    kind = next((kind for kind in GIT_KINDS if kind.value == word), None)
    if kind is None:
        raise Fault(what="read the request", why=f"there is no type {word!r}")
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
