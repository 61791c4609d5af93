"""May this person enter a running Space? For the gateways, which know a Space and not its repo."""

from __future__ import annotations

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Unknown
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.settings import space_of
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.signing import LINK_SECONDS, Visit, sign


async def may_visit(desk: Desk, who: Person | None, space: SpaceId) -> bool:
    """Decide; a Space that is not there is one nobody may visit."""
    addresses = await desk.spaces.addresses([space])
    repo = await desk.index.by_id(addresses[0].repo) if addresses else None
    return repo is not None and may(who, Verb.VISIT, repo)


async def proof(desk: Desk, who: Person | None, repo: Repo, *, key: bytes, now: float) -> str:
    """What `?__sign=` carries, for streams and frames that can send no header. now: Unix seconds.

    Raises:
        Unknown: nobody is signed in, so there is nobody to vouch for.
    """
    allowed(who, repo, Verb.VISIT)
    if who is None:
        raise Unknown(what=f"sign a visit to {repo.full}", why="nobody is signed in", then="Send an access token.")
    space = await space_of(desk, repo)
    return sign(Visit(space=space, user=who.id, expires=now + LINK_SECONDS), key)
