"""Which repo a request is about, and whether this person may do this to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.wire import told, unquoted

Handler = TypeVar("Handler", bound=Callable[..., Any])
WEB = {Kind.DATASET: "/datasets", Kind.SPACE: "/spaces", Kind.MODEL: ""}  # the root last: it would match the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request about a repo that may be answered."""

    desk: Desk
    who: Person | None
    repo: Repo

    async def revision(self, request: Request) -> RevisionId:
        """The commit that the path's {rev} names; main where the path has none.

        Raises:
            RevisionMissing.
        """
        return await self.desk.repos.resolve(self.repo.id, unquoted(request.path_params.get("rev", "main")))

    async def page(self, request: Request) -> tuple[RevisionId, str]:
        """The commit that a listing is of, and the rest of its cursor: a branch that moves between two pages must not
        move what they are pages of.

        Raises:
            RevisionMissing.
        """
        pinned, dot, rest = told(request, "cursor").partition(".")
        if not dot:
            return await self.revision(request), pinned
        return await self.desk.repos.resolve(self.repo.id, pinned), rest


async def asked(request: Request, verb: Verb) -> Asked:
    """In the contract's order: who asks, then the repo, then the right; revision and path come after.

    Raises:
        see find_repo().
    """
    who = await person(request)
    namespace, name = (unquoted(request.path_params[part]) for part in ("namespace", "name"))
    name = name.removesuffix(".git")  # as git may write it; no repo is called so
    found = await find_repo(desk(request), who, kind_of(request), namespace, name, verb)
    return Asked(desk=desk(request), who=who, repo=found)


def kind_of(request: Request) -> Kind:
    """The kind whose paths this one is among."""
    first, second = (*request.scope["path"].split("/"), "", "")[1:3]
    word = second if first == "api" else first
    return next((kind for kind in Kind if kind.plural == word), Kind.MODEL)


def api(router: APIRouter, path: str, *methods: str) -> Callable[[Handler], Handler]:
    """Register for /api/{models,datasets,spaces}/{namespace}/{name}{path}."""
    return _each(router, [f"/api/{kind.plural}/{{namespace}}/{{name}}{path}" for kind in GIT_KINDS], methods)


def web(router: APIRouter, path: str, *methods: str) -> Callable[[Handler], Handler]:
    """Register for the paths of pages, downloads and git: models stand at the root."""
    return _each(router, [f"{prefix}/{{namespace}}/{{name}}{path}" for prefix in WEB.values()], methods)


def _each(router: APIRouter, paths: list[str], methods: tuple[str, ...]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for path in paths:
            # No response model: the shapes are the clients' contract, written out where they are made.
            router.add_api_route(path, handler, methods=list(methods), response_model=None)
        return handler

    return register
