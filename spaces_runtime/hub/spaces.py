"""A Space over the API: its runtime, address, hardware, variables and secrets."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Missing, Unavailable, Unsupported
from spaces_runtime.domain.operations import settings
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import absent, allowed, find_repo
from spaces_runtime.domain.operations.hardware import offers
from spaces_runtime.domain.operations.show import View, show
from spaces_runtime.domain.operations.visit import proof
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.ports.durable import Variable
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.stage import Stage
from spaces_runtime.hub.hardware import resources_json, tier_json
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.volumes import volumes_json
from spaces_runtime.hub.waiting import waiting_json
from spaces_runtime.hub.wire import body, flag, iso, text_of, unquoted

router = APIRouter()
SPACE = "/api/spaces/{namespace}/{name}"
TROUBLED = (Stage.NO_APP_FILE, Stage.CONFIG_ERROR, Stage.BUILD_ERROR, Stage.RUNTIME_ERROR)


async def space_fields(desk: Desk, repo: Repo, *, who: Person | None = None, browser: bool = False) -> dict[str, Any]:
    """What a Space's repo info has more than a model's. {} while it is just being created or deleted.

    who: asks, so sources of volumes that are hidden from them are not named.
    browser: a page asks; it resolves the Space's own host name, which other programs may not.
    """
    try:
        view = await show(desk, repo, time.time())
    except Missing:
        return {}
    fields = fields_of(view, browser=browser)
    return {**fields, "runtime": await _with_volumes(desk, who, view)}


def fields_of(view: View, *, browser: bool) -> dict[str, Any]:
    """The same from what was looked up already."""
    host = view.url if browser else view.client_url
    return {"sdk": view.repo.sdk or None, "host": host, "subdomain": view.subdomain, "runtime": runtime_of(view)}


async def _with_volumes(desk: Desk, who: Person | None, view: View) -> dict[str, Any]:
    shown = runtime_of(view)
    if view.waits is not None:
        shown["waiting"] = await waiting_json(desk, who, view)
    return {**shown, "volumes": await volumes_json(desk, who, view.volumes)} if view.volumes else shown


def runtime_of(view: View) -> dict[str, Any]:
    """The `runtime` object of the contract, §9; ours are `why`, the reason beside every stage, and `internet`."""
    running = sum(instance.answered for instance in view.instances)
    troubled = view.stage in TROUBLED
    return {
        "stage": view.stage.value,
        "why": view.why,
        "hardware": {"current": view.hardware, "requested": view.requested},
        "resources": resources_json(view),
        "storage": None,
        "gcTimeout": view.sleep,
        "replicas": {"current": running, "requested": 1},
        "devMode": False,
        "domains": [{"domain": view.host, "stage": "READY"}],
        "internet": view.internet,
        "pinned": view.pinned,
        **({"sha": view.serves} if view.serves else {}),
        **({"errorMessage": view.why if troubled else view.trouble} if troubled or view.trouble else {}),
    }


def is_browser(request: Request) -> bool:
    """Browsers say how they fetch; programs do not."""
    return "sec-fetch-mode" in request.headers


@router.get("/api/spaces/hardware")
async def hardware(request: Request) -> list[dict[str, Any]]:
    """All tiers of this hub, those that can be chosen first; they cost nothing."""
    found = await offers(desk(request))
    return [tier_json(each) for each in sorted(found, key=lambda each: bool(each.why_not))]


@router.get("/api/spaces/zero-gpu/quota")
async def zero_gpu() -> None:
    """Here, and not among what is not built, because the address looks like that of a Space."""
    raise Unsupported(what="use ZeroGPU", why="this hub does not have it yet")


@router.get("/api/spaces/by-subdomain/{subdomain}")
async def by_subdomain(request: Request, subdomain: str) -> dict[str, Any]:
    """From a Space's host back to the Space; the JS client asks."""
    who, label = await person(request), unquoted(subdomain).lower()
    address = await desk(request).spaces.by_subdomain(label)
    repo = await desk(request).index.by_id(address.repo) if address else None
    if repo is None:
        raise absent(who, label)
    allowed(who, repo, Verb.VISIT)
    fields = await space_fields(desk(request), repo, who=who, browser=is_browser(request))
    named = {"id": repo.full, "author": repo.namespace, "private": repo.private}
    return {**named, "createdAt": iso(repo.created_at), "lastModified": iso(repo.updated_at), **fields}


@router.get(SPACE + "/runtime")
async def runtime(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """How it is, truly; asking wakes nothing."""
    _, repo = await _found(request, namespace, name, Verb.VISIT)
    return await _runtime(request, repo)


@router.get(SPACE + "/host")
async def host(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """Where it is visited."""
    _, repo = await _found(request, namespace, name, Verb.VISIT)
    view = await show(desk(request), repo, time.time())
    return {"subdomain": view.subdomain, "host": view.url if is_browser(request) else view.client_url}


@router.get(SPACE + "/jwt")
async def jwt(request: Request, namespace: str, name: str) -> dict[str, str]:
    """A proof of who visits, for streams that can send no header: `?__sign=`."""
    who, repo = await _found(request, namespace, name, Verb.VISIT)
    key = await asyncio.to_thread(visitor_key, desk(request))
    return {"token": await proof(desk(request), who, repo, key=key, now=time.time())}


def visitor_key(desk: Desk) -> bytes:
    """The key the gateways verify with. Blocks.

    Raises:
        Unavailable: it is not there; the gateways could not verify anything either.
    """
    try:
        return (desk.layout.keys / "visitor").read_bytes()
    except OSError as error:
        raise Unavailable(what="sign a visit", why=f"the key for it cannot be read ({error.strerror})") from None


@router.post(SPACE + "/pause")
async def pause(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """Stop it until its owner starts it again."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.pause(desk(request), who, repo)
    return await _runtime(request, repo)


@router.post(SPACE + "/restart")
async def restart(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """Start it anew; `factory=true`: build it anew first."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.restart(desk(request), who, repo, rebuild=flag(request, "factory"))
    return await _runtime(request, repo)


@router.post(SPACE + "/hardware")
async def set_hardware(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{flavor, sleepTimeSeconds?}`. Both are checked before either is kept."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    asked = await body(request)
    flavor, seconds = text_of(asked, "flavor"), seconds_of(asked, "sleepTimeSeconds")
    settings.check_sleep(seconds)
    await settings.set_hardware(desk(request), who, repo, flavor, time.time())
    if seconds is not None:
        await settings.set_sleep(desk(request), who, repo, seconds)
    return await _runtime(request, repo)


@router.post(SPACE + "/sleeptime")
async def set_sleep_time(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{seconds}`; -1: never; null: the platform's own."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    asked = await body(request)
    if "seconds" not in asked:
        raise Fault(what="set the sleep time", why="seconds is missing")
    await settings.set_sleep(desk(request), who, repo, seconds_of(asked, "seconds"))
    return await _runtime(request, repo)


@router.post(SPACE + "/pin")
async def set_pinned(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{pinned}`: whether it never makes way for a Space that waits. For admins."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.set_pinned(desk(request), who, repo, _switch(await body(request), "pinned"))
    return await _runtime(request, repo)


@router.post(SPACE + "/internet")
async def set_internet(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{internet}`: whether it may reach the public internet. For admins."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.set_internet(desk(request), who, repo, _switch(await body(request), "internet"))
    return await _runtime(request, repo)


def _switch(asked: dict[str, Any], key: str) -> bool:
    wanted = asked.get(key)
    if not isinstance(wanted, bool):
        raise Fault(what="change the Space", why=f"{key} must be true or false")
    return wanted


def seconds_of(asked: dict[str, Any], key: str) -> int | None:
    """A whole number from a JSON object; None: null or absent.

    Raises:
        Fault: it is something else.
    """
    value = asked.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(what="read the request", why=f"{key} must be a whole number of seconds")
    return value


@router.get(SPACE + "/variables")
async def variables(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """Public settings, with values, for all who may read the repo."""
    who, repo = await _found(request, namespace, name, Verb.READ)
    return await _variables(request, who, repo)


@router.post(SPACE + "/variables")
async def put_variable(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{key, value, description?}` → all of them."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    asked = await body(request)
    key, value, description = text_of(asked, "key"), text_of(asked, "value"), text_of(asked, "description", "")
    await settings.put_variable(desk(request), who, repo, name=key, value=value, description=description)
    return await _variables(request, who, repo)


@router.delete(SPACE + "/variables")
async def delete_variable(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{key}` → those that are left."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.delete_variable(desk(request), who, repo, text_of(await body(request), "key"))
    return await _variables(request, who, repo)


@router.get(SPACE + "/secrets")
async def secrets(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """Names and dates; values never."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    return await _secrets(request, who, repo)


@router.post(SPACE + "/secrets")
async def put_secret(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{key, value, description?}` → the names of all."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    asked = await body(request)
    key, value, description = text_of(asked, "key"), text_of(asked, "value"), text_of(asked, "description", "")
    await settings.put_secret(desk(request), who, repo, name=key, value=value, description=description)
    return await _secrets(request, who, repo)


@router.delete(SPACE + "/secrets")
async def delete_secret(request: Request, namespace: str, name: str) -> dict[str, Any]:
    """`{key}` → the names of those that are left."""
    who, repo = await _found(request, namespace, name, Verb.WRITE)
    await settings.delete_secret(desk(request), who, repo, text_of(await body(request), "key"))
    return await _secrets(request, who, repo)


async def _found(request: Request, namespace: str, name: str, verb: Verb) -> tuple[Person | None, Repo]:
    who = await person(request)
    return who, await find_repo(desk(request), who, Kind.SPACE, unquoted(namespace), unquoted(name), verb)


async def _runtime(request: Request, repo: Repo) -> dict[str, Any]:
    return await _with_volumes(desk(request), await person(request), await show(desk(request), repo, time.time()))


async def _variables(request: Request, who: Person | None, repo: Repo) -> dict[str, Any]:
    found = await settings.variables(desk(request), who, repo)
    return {name: _variable(variable) for name, variable in sorted(found.items())}


def _variable(variable: Variable) -> dict[str, Any]:
    shown = {"value": variable.value, "updatedAt": iso(variable.updated_at)}
    return {**shown, **({"description": variable.description} if variable.description else {})}


async def _secrets(request: Request, who: Person | None, repo: Repo) -> dict[str, Any]:
    found = await settings.secrets(desk(request), who, repo)
    return {
        name: {"updatedAt": iso(shown.updated_at), **({"description": shown.description} if shown.description else {})}
        for name, shown in sorted(found.items())
    }
