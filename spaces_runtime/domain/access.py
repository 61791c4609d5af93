"""May this person do this? The only place that answers, for git, LFS, API, pages and gateway."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spaces_runtime.domain.people import OrgRole, Person, Role
from spaces_runtime.domain.repo import Kind, Repo, Visibility

WRITES = (OrgRole.WRITE, OrgRole.ADMIN)


class Verb(Enum):
    """What is asked for."""

    READ = "read"  # what it is: names of files, history, card, settings that are public
    FETCH = "fetch"  # the files themselves
    VISIT = "visit"  # the running app
    WRITE = "write"  # push, settings, secrets' names, logs, pause, restart
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What somebody may see the private repos of: everybody's, or these namespaces' (in lower case)."""

    everything: bool = False
    namespaces: frozenset[str] = frozenset()


def may(who: Person | None, verb: Verb, repo: Repo, *, granted: bool = False) -> bool:
    """Decide. To a stranger a private repo is exactly a missing one: callers answer 404 unless READ or VISIT holds.

    granted: this person was let in to a gated repo.
    """
    insider = sees(sight(who), repo.namespace)
    if verb is Verb.READ:
        return insider or repo.visibility is Visibility.PUBLIC
    if verb is Verb.FETCH:
        return insider or (repo.visibility is Visibility.PUBLIC and (repo.gated is None or granted))
    if verb is Verb.VISIT:
        return insider or repo.visibility is not Visibility.PRIVATE
    return who is not None and who.role is Role.WRITE and _changes(who, repo)


def may_create(who: Person | None, namespace: str) -> bool:
    """A person creates in their own namespace and in those of organisations that let them; an admin in any."""
    if who is None or who.role is not Role.WRITE:
        return False
    role = role_in(who, namespace)
    return who.admin or _same(who.name, namespace) or (role is not None and role is not OrgRole.READ)


def may_lead(who: Person | None, org: str) -> bool:
    """Whether this person says who is a member of an organisation."""
    return who is not None and who.role is Role.WRITE and (who.admin or role_in(who, org) is OrgRole.ADMIN)


def may_operate(who: Person | None) -> bool:
    """Whether this person decides for the whole hub: what the owner of a repo may not give themselves."""
    return who is not None and who.admin and who.role is Role.WRITE


def sight(who: Person | None) -> Sight:
    """Whose private repos this person sees."""
    if who is None:
        return Sight()
    names = (who.name, *(membership.org for membership in who.orgs))
    return Sight(everything=who.admin, namespaces=frozenset(name.lower() for name in names))


def sees(seen: Sight, namespace: str) -> bool:
    """Whether the private repos of a namespace are among what is seen."""
    return seen.everything or namespace.lower() in seen.namespaces


def open_to_all(kind: Kind) -> frozenset[Visibility]:
    """With these a repo is in listings for everybody: a model to be read, a Space to be visited."""
    return frozenset({Visibility.PUBLIC, Visibility.PROTECTED} if kind is Kind.SPACE else {Visibility.PUBLIC})


def role_in(who: Person, org: str) -> OrgRole | None:
    """What somebody is in an organisation; None: not a member."""
    return next((membership.role for membership in who.orgs if _same(membership.org, org)), None)


def _changes(who: Person, repo: Repo) -> bool:
    role = role_in(who, repo.namespace)
    if who.admin or _same(who.name, repo.namespace) or role in WRITES:
        return True
    return role is OrgRole.CONTRIBUTOR and repo.creator == who.id


def _same(name: str, other: str) -> bool:
    return name.lower() == other.lower()
