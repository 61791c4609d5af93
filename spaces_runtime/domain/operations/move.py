"""A repo gets another name. Content, settings and Space stay with it, and its old name leads to the new one."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.domain.access import Verb, may_create
from spaces_runtime.domain.errors import Refused, Taken
from spaces_runtime.domain.naming import checked_name
from spaces_runtime.domain.operations.address import label_for
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.operations.repos import NewRepo, namespace_called
from spaces_runtime.domain.operations.summarise import summarise
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo


async def move_repo(desk: Desk, who: Person, repo: Repo, namespace: str, name: str) -> Repo:
    """The repo under its new name. A Space moves to the address of that name and starts anew, for it is told its name.

    Raises:
        Refused, Missing, Fault: who asks, or what for.
        Taken: another repo has the name, also when only the case differs.
    """
    allowed(who, repo, Verb.DELETE)
    target = f"{namespace}/{name}"
    if not may_create(who, namespace):
        why = f"{who.name} may not create repos in {namespace}"
        raise Refused(what=f"rename {repo.full} to {target}", why=why)
    checked_name(name)
    namespace = await namespace_called(desk, NewRepo(kind=repo.kind, namespace=namespace, name=name))
    if (namespace, name) == (repo.namespace, repo.name):
        raise Taken(what=f"rename {repo.full}", why=f"A {repo.kind.value} repository called {repo.full} already exists")
    named = replace(repo, namespace=namespace, name=name)
    label = await label_for(desk, named) if repo.kind is Kind.SPACE else ""
    moved = await desk.index.move(repo.id, namespace, name, subdomain=label, by=who.name)
    if (address := await desk.spaces.of_repo(repo.id)) is not None:
        await look(desk, address.space)
    if moved.kind in GIT_KINDS and moved.head is not None:  # what a card says of itself depends on the name
        await desk.index.set_head(moved.id, moved.head, await summarise(desk, moved, moved.head))
    return moved
