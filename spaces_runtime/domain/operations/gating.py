"""Gated repos: who is let in to their files. Everybody may see that they are there, and ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault, Missing, Unknown
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.people import find_person
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.regard import AccessRequest, AccessState
from spaces_runtime.domain.repo import Gating, Repo

LONGEST_REASON: Final = 200  # characters, as clients promise


async def ask(desk: Desk, who: Person | None, repo: Repo) -> AccessState:
    """Ask to be let in; where the owner lets everybody in who asks, this is it. Asking again changes nothing.

    Raises:
        Unknown: nobody is signed in.
        Fault: the repo is not gated.
    """
    allowed(who, repo, Verb.READ)
    if who is None:
        raise Unknown(what=f"ask for access to {repo.full}", why="nobody is signed in", then="Send an access token.")
    _gated(repo)
    if may(who, Verb.FETCH, repo):
        return AccessState.ACCEPTED
    known = await desk.accesses.find(repo.id, who.id)
    if known is not None:
        return known.state
    state = AccessState.ACCEPTED if repo.gated is Gating.AUTO else AccessState.PENDING
    await desk.accesses.put(repo.id, who.id, state, by=who.name)
    return state


async def requests(desk: Desk, who: Person | None, repo: Repo, state: AccessState) -> Sequence[AccessRequest]:
    """Those of one state, oldest first, for who may change the repo.

    Raises:
        Unknown, Refused, Fault: who asks, or the repo is not gated.
    """
    allowed(who, repo, Verb.WRITE)
    _gated(repo)
    return await desk.accesses.listing(repo.id, state)


async def settle(  # noqa: PLR0917 - who settles whose request for what, and how
    desk: Desk, who: Person | None, repo: Repo, user: UserId, state: AccessState, reason: str = ""
) -> None:
    """Accept, reject, or put back to those that wait.

    Raises:
        Missing: this person did not ask, or it is so already.
        Fault: the repo is not gated, or the reason is too long.
    """
    allowed(who, repo, Verb.WRITE)
    _gated(repo)
    what = f"make a request for access {state.value}"
    if len(reason) > LONGEST_REASON or (reason and state is not AccessState.REJECTED):
        raise Fault(what=what, why=f"a reason goes with a rejection and has at most {LONGEST_REASON} characters")
    known = await desk.accesses.find(repo.id, user)
    if known is None:
        raise Missing(what=what, why="this person has not asked for access")
    if known.state is state:
        raise Missing(what=what, why=f"the request of {known.user} is {state.value} already")
    await desk.accesses.put(repo.id, user, state, reason=reason, by=who.name if who else "")


async def grant(desk: Desk, who: Person | None, repo: Repo, user: str) -> None:
    """Let somebody in who did not ask.

    Raises:
        Missing: nobody has that name.
        Fault: the repo is not gated, or they are in.
    """
    allowed(who, repo, Verb.WRITE)
    _gated(repo)
    person = await find_person(desk, user)
    known = await desk.accesses.find(repo.id, person.id)
    if known is not None and known.state is AccessState.ACCEPTED:
        raise Fault(what=f"let {person.name} in", why=f"{person.name} has access to {repo.full} already")
    await desk.accesses.put(repo.id, person.id, AccessState.ACCEPTED, by=who.name if who else "")


def _gated(repo: Repo) -> None:
    if repo.gated is None:
        raise Fault(what=f"use the access requests of {repo.full}", why="it is not gated")
