"""Every route by who asks by how visible the repo is, against a table written by hand; private looks like missing."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.orgs import create_org, set_role
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import OrgRole, Role
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.hub import unbuilt
from spaces_runtime.hub.app import ROUTERS, create_app
from spaces_runtime.hub.identity import person, session_cookie
from spaces_runtime.web.routes import routes as pages
from tests.hub.conftest import PASSWORD, account
from tests.hub.matrix import ROUTES, VISIBILITIES, WHO, Line
from tests.hub.serving import Hub

KINDS = (Kind.MODEL, Kind.DATASET, Kind.SPACE)
NUMBERS = count(1000)
PATIENCE = 20.0  # seconds
FILL = {
    "rev": "main", "path:path": "README.md", "branch": "nowhere", "tag": "none", "state": "pending", "lock": "1",
    "user": "nat", "org": "acme", "topic:path": "x", "token": "none", "ticket": "none", "installation": "x",
    "xorb": "0" * 64, "file": "0" * 64, "call:path": "v2/none", "prefix:path": "none", "source": "run",
    "what:path": "variables", "number": "1", "comment": "none", "namespace": "acme",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came, as far as it came: of a stream the head alone."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def letter(self) -> str:
        """See matrix."""
        error, said = self.headers.get("x-error-code", ""), self.headers.get("x-error-message", "")
        if self.status in (401, 404) and error == "RepoNotFound":
            return "0"
        if self.status == 401:
            return "!" if said.startswith("Invalid credentials") else "?"
        if self.status in (302, 303) and self.headers.get("location", "").startswith("/login"):
            return "?"
        if self.status == 404 and not error:
            return "x"
        return {403: "-", 501: "+"}.get(self.status, "+" if self.status < 500 else str(self.status))


@dataclass(frozen=True)
class World:
    """The whole hub, pages included; tokens by WHO."""

    hub: Hub
    app: FastAPI
    routers: Sequence[APIRouter]
    tokens: dict[str, str]

    def make(self, kind: Kind, visibility: Visibility) -> Repo:
        """One of the organisation acme's."""

        async def made(desk: Desk) -> Repo:
            writer = await desk.people.by_name("wanda")
            sdk = "static" if kind is Kind.SPACE else ""
            new = NewRepo(kind=kind, namespace="acme", name=f"n{next(NUMBERS)}", visibility=visibility, sdk=sdk)
            return await create_repo(desk, writer, new, time.time())

        return self.hub.do(made)

    def space_of(self, repo: Repo) -> tuple[str, str]:
        """Id and subdomain of its Space, if it is one."""

        async def found(desk: Desk) -> tuple[str, str]:
            address = await desk.spaces.of_repo(repo.id)
            return (address.space, address.subdomain) if address else ("", "")

        return self.hub.do(found)

    def ask(self, asked: Sequence[tuple[str, str, str, bytes]]) -> list[Answer]:
        """One after the other: (who, method, address, body)."""

        async def all_of_them(_: Desk) -> list[Answer]:
            return [await _answer(self.app, self.tokens.get(who, ""), *rest) for who, *rest in asked]

        return self.hub.do(all_of_them)


async def _answer(app: FastAPI, token: str, method: str, address: str, body: bytes) -> Answer:
    """Call the application itself; a stream is left once it has begun."""
    path, _, query = address.partition("?")
    media = b"application/json" if body[:1] in b"{[" else b"application/x-www-form-urlencoded"
    headers = [(b"host", b"hub.test"), (b"content-type", media), (b"accept", b"text/html")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers,
        "server": ("hub.test", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
    got: dict[str, Any] = {"body": b""}
    done = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            got.update(status=message["status"], headers=names)
            if names.get("content-type", "").startswith("text/event-stream"):
                done.set()
        else:
            got["body"] += message.get("body", b"")
            if not message.get("more_body"):
                done.set()

    running = asyncio.ensure_future(app(scope, inbox.get, send))
    waiting = asyncio.ensure_future(done.wait())
    await asyncio.wait([running, waiting], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    inbox.put_nowait({"type": "http.disconnect"})
    waiting.cancel()
    if not done.is_set():
        running.cancel()
        raise AssertionError(f"{method} {address} did not answer")
    if not got["headers"].get("content-type", "").startswith("text/event-stream"):
        await running
    else:
        running.cancel()
        await asyncio.wait([running])
    return Answer(got["status"], got["headers"], got["body"])


@pytest.fixture(scope="module")
def world(hub: Hub) -> World:
    people = {
        name: account(hub, name, admin=name == "adam") for name in ("rita", "wanda", "lena", "bert", "adam", "nat")
    }
    roles = {"rita": OrgRole.READ, "wanda": OrgRole.WRITE, "lena": OrgRole.ADMIN}

    async def prepare(desk: Desk) -> str:
        adam = people["adam"].person
        for name, fullname in (("acme", "Acme"), ("other", "Other")):
            await create_org(desk, adam, name=name, fullname=fullname, details="")
        for name, role in roles.items():
            await set_role(desk, adam, "acme", name, role)
        await set_role(desk, adam, "other", "bert", OrgRole.ADMIN)
        taken = await desk.people.create_token(people["wanda"].person.id, "taken back", Role.WRITE)
        shown = await desk.people.tokens(people["wanda"].person.id)
        await desk.people.delete_token(people["wanda"].person.id, next(t.id for t in shown if t.name == "taken back"))
        assert await desk.people.sign_in("wanda", PASSWORD)
        return taken

    revoked = hub.do(prepare)
    page = pages(hub.desk, identify=person, cookie=session_cookie, visitor_key=b"k" * 32)
    tokens = [people[name].write for name in ("bert", "rita", "wanda", "lena", "adam")]
    by_who = dict(zip(WHO[1:], [*tokens, people["wanda"].read, revoked], strict=True))
    return World(hub, create_app(hub.desk, [*ROUTERS, page]), [*ROUTERS, page], by_who)


def declared(routers: Sequence[APIRouter]) -> set[str]:
    """Each route as matrix writes it; what the hub does not offer is looked at by itself."""
    named: dict[str, set[str]] = {}
    for route in [route for router in routers for route in router.routes]:
        if getattr(route.endpoint, "__module__", "") == unbuilt.__name__:
            continue
        path = route.path.replace("{ns}/", "{namespace}/")
        found = re.match(r"(/api)?(?:/(models|datasets|spaces))?/\{namespace\}/\{name\}(.*)\Z", path)
        for method in route.methods - {"HEAD", "OPTIONS"}:
            if found is None:
                named.setdefault(f"{method} {path.replace('{namespace}/{name}', '{repo}')}", set())
            else:
                key = f"{method} {found[1] or ''}/*/{{repo}}{found[3]}"
                named.setdefault(key, set()).add(found[2] or "models")
    return {spelt for key, kinds in named.items() for spelt in _spelt(key, kinds)}


def _spelt(key: str, kinds: set[str]) -> list[str]:
    method, path = key.split(" ", 1)
    if len(kinds) == 3:
        path = path.replace("/api/*", "/api/{kind}") if path.startswith("/api") else path.replace("/*/", "{web}")
        return [f"{method} {path}"]
    return [key.replace("*", kind) for kind in kinds] or [key]


def test_every_route_has_its_line_and_every_line_its_route(world: World) -> None:
    there = {name.replace("{plural}/{repo}", "{plural}/{namespace}/{name}") for name in declared(world.routers)}
    assert there - set(ROUTES) == set(), "write a line in tests/hub/matrix.py"
    assert set(ROUTES) - there == set(), "these are gone"


def lines_for(kind: Kind) -> dict[str, Line]:
    """Those that are about a repo of this kind; what is about no repo goes with the models."""
    chosen = {}
    for name, line in ROUTES.items():
        path = name.split(" ", 1)[1]
        generic = any(part in path for part in ("{kind}", "{web}", "{plural}"))
        about = {
            Kind.BUCKET: "buckets/{repo}" in path,
            Kind.SPACE: generic or "spaces/{repo}" in path or "by-subdomain" in path or path.startswith("/internal"),
            Kind.DATASET: generic,
            Kind.MODEL: generic or "models/{repo}" in path or "{repo}" not in path,
        }[kind]
        if about and not (kind is Kind.MODEL and ("by-subdomain" in path or path.startswith("/internal"))):
            chosen[name] = line
    return chosen


def address_of(name: str, line: Line, kind: Kind, full: str, space: tuple[str, str]) -> tuple[str, bytes]:
    """Where, and what is sent."""
    path = name.split(" ", 1)[1]
    namespace, short = full.split("/")
    if "{plural}" in path:
        path = path.replace("{plural}/{namespace}/{name}", f"{kind.plural}/{full}")
    told = {"kind": kind.plural, "web": f"/{kind.prefix}", "repo": full, **FILL}
    told |= {"name": short, "subdomain": space[1]}
    path = re.sub(r"\{([^}]+)\}", lambda found: told[found[1]], path)
    query = f"?{line.query.replace('{space}', space[0])}" if line.query else ""
    words = {"{repo}": full, "{name}": short, "{kind}": kind.value, "{fresh}": f"moved{next(NUMBERS)}"}
    text = line.form or (json.dumps(line.body) if line.body is not None else "")
    for word, value in words.items():
        text = text.replace(word, value)
    assert namespace == "acme"
    return path + query, text.encode()


CASES = [
    *((kind, visibility) for kind in (*KINDS, Kind.BUCKET) for visibility in (Visibility.PUBLIC, Visibility.PRIVATE)),
    (Kind.SPACE, Visibility.PROTECTED),
]


@pytest.mark.parametrize(("kind", "visibility"), CASES, ids=lambda value: value.value)
def test_each_route_opens_to_whom_the_table_says(world: World, kind: Kind, visibility: Visibility) -> None:
    repo = world.make(kind, visibility)
    if kind is not Kind.BUCKET:
        world.ask([("writer", "POST", f"/api/{kind.plural}/{repo.full}/discussions", b'{"title": "First"}')])
    wrong = []
    for name, line in lines_for(kind).items():
        expected = line.who[VISIBILITIES.index(visibility.value)]
        got = ""
        for who, letter in zip(WHO, expected, strict=True):
            here = world.make(kind, visibility) if line.gone and letter == "+" else repo
            address, body = address_of(name, line, kind, here.full, world.space_of(here))
            came = world.ask([(who, name.split(" ", 1)[0], address, body)])[0].letter
            got += "+" if (came, letter) == ("x", "+") and line.absent else came
        if got != expected:
            wrong.append(f"{name}: {got} instead of {expected}")
    assert not wrong, "\n".join([", ".join(WHO), *wrong])


@pytest.mark.parametrize("kind", [*KINDS, Kind.BUCKET], ids=lambda kind: kind.value)
def test_a_private_repo_answers_byte_for_byte_as_a_missing_one(world: World, kind: Kind) -> None:
    repo = world.make(kind, Visibility.PRIVATE)
    missing = repo.full[:-4] + "none"
    wrong = []
    for name, line in lines_for(kind).items():
        hidden = [who for who, letter in zip(WHO, line.who[2], strict=True) if letter in "0x?"]
        for who in hidden:
            method = name.split(" ", 1)[0]
            space = world.space_of(repo)
            one = world.ask([(who, method, *address_of(name, line, kind, repo.full, space))])[0]
            other = world.ask([(who, method, *address_of(name, line, kind, missing, ("none", "acme-none")))])[0]
            if _comparable(one, repo.full) != _comparable(other, missing):
                wrong.append(f"{who}: {name}: {one} but {other}")
    assert not wrong, "\n".join(wrong)


def _comparable(answer: Answer, full: str) -> tuple[int, dict[str, str], bytes]:
    """All but what differs from one request to the next, and the name that was asked for."""
    headers = {
        key: value.replace(full, "") for key, value in answer.headers.items() if key not in ("date", "x-request-id")
    }
    return answer.status, headers, answer.body.replace(full.encode(), b"")


def test_what_is_not_offered_says_so_to_everybody_alike(world: World) -> None:
    """So it tells nothing of a repo that may be private."""
    repo = world.make(Kind.MODEL, Visibility.PRIVATE)
    for path, methods, _ in unbuilt.UNBUILT:
        filled = re.sub(r"\{[^}]+\}", "x", path.replace("{kind}/{namespace}/{name}", f"models/{repo.full}"))
        for method in methods.split():
            answers = world.ask([(who, method, filled, b"") for who in ("nobody", "stranger", "writer")])
            assert {answer.status for answer in answers} <= {501, 404}, (method, filled, answers[0])
            assert len({answer.body for answer in answers}) == 1
