"""From a name in a request to a repo: in the one order that tells a stranger nothing."""

from __future__ import annotations

from spaces_runtime.domain.access import Verb, may, sees, sight
from spaces_runtime.domain.errors import Fault, Gated, Refused, Renamed, RepoMissing, RepoUnseen, Unknown
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.regard import AccessState
from spaces_runtime.domain.repo import Kind, Repo

ASKED = {
    Verb.READ: "look into",
    Verb.FETCH: "read the files of",
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
        Renamed: it is at another name now, and this person may know.
        Gated: it is there, and this person was not let in to its files.
        Unknown: it is there, and who may do this has to sign in.
        Refused: it is there, and this person may not.
    """
    repo = await desk.index.find(kind, namespace, name)
    if repo is None:
        moved = await desk.index.moved(kind, namespace, name)
        if moved is not None and visible(who, moved):
            raise Renamed(f"{namespace}/{name}", moved.full)
        raise absent(who, f"{namespace}/{name}")
    return allowed(who, repo, verb, granted=verb is Verb.FETCH and await is_granted(desk, who, repo))


def allowed(who: Person | None, repo: Repo, verb: Verb, *, granted: bool = False) -> Repo:
    """The repo again, or the fault that find_repo() promises. granted: see may()."""
    if may(who, verb, repo, granted=granted):
        return repo
    if not visible(who, repo):
        raise absent(who, repo.full)
    if verb is Verb.FETCH and may(who, Verb.READ, repo):
        raise Gated(repo.kind.value, repo.full, nobody=who is None)
    raise _denied(who, repo, verb)


def visible(who: Person | None, repo: Repo) -> bool:
    """Whether this person may know that it is there."""
    return may(who, Verb.READ, repo) or may(who, Verb.VISIT, repo)


async def is_granted(desk: Desk, who: Person | None, repo: Repo) -> bool:
    """Whether a gated repo has let this person in."""
    if who is None or repo.gated is None:
        return False
    request = await desk.accesses.find(repo.id, who.id)
    return request is not None and request.state is AccessState.ACCEPTED


def absent(who: Person | None, name: str) -> Fault:
    """How a missing repo and a hidden one look, both the same."""
    return RepoUnseen(name) if who is None else RepoMissing(name)


def _denied(who: Person | None, repo: Repo, verb: Verb) -> Fault:
    what = f"{ASKED[verb]} {repo.full}"
    if who is None:
        return Unknown(what=what, why="nobody is signed in", then="Send an access token, or sign in.")
    if who.role is Role.READ and sees(sight(who), repo.namespace):
        return Refused(what=what, why="this access token may only read", then="Use one with the role write.")
    return Refused(what=what, why=f"{who.name} is not its owner", then=f"Ask {repo.namespace}.")
