"""From a name in a request to a repo: in the one order that tells a stranger nothing."""

from __future__ import annotations

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault, Refused, RepoMissing, RepoUnseen, Unknown
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Kind, Repo

ASKED = {
    Verb.READ: "read the files of",
    Verb.VISIT: "visit",
    Verb.WRITE: "change",
    Verb.DELETE: "delete",
}


async def find_repo(  # noqa: PLR0917 — the sentence "who does verb to kind namespace/name", said everywhere
    desk: Desk, who: Person | None, kind: Kind, namespace: str, name: str, verb: Verb
) -> Repo:
    """The repo, when this person may do this to it. Names are matched without regard to case.

    Raises:
        RepoMissing, RepoUnseen: it is not there, or this person may not even know that it is.
        Unknown: it is there, and who may do this has to sign in.
        Refused: it is there, and this person may not.
    """
    repo = await desk.index.find(kind, namespace, name)
    if repo is None:
        raise absent(who, f"{namespace}/{name}")
    return allowed(who, repo, verb)


def allowed(who: Person | None, repo: Repo, verb: Verb) -> Repo:
    """The repo again, or the fault that find_repo() promises."""
    if may(who, verb, repo):
        return repo
    if not may(who, Verb.READ, repo) and not may(who, Verb.VISIT, repo):
        raise absent(who, repo.full)
    raise _denied(who, repo, verb)


def absent(who: Person | None, name: str) -> Fault:
    """How a missing repo and a hidden one look, both the same."""
    return RepoUnseen(name) if who is None else RepoMissing(name)


def _denied(who: Person | None, repo: Repo, verb: Verb) -> Fault:
    what = f"{ASKED[verb]} {repo.full}"
    if who is None:
        return Unknown(what=what, why="nobody is signed in", then="Send an access token, or sign in.")
    if who.role is Role.READ and (who.admin or who.name == repo.namespace):
        return Refused(what=what, why="this access token may only read", then="Use one with the role write.")
    return Refused(what=what, why=f"{who.name} is not its owner", then=f"Ask {repo.namespace}.")
