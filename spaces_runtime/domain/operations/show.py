"""Everything API, pages and command line show of a Space: one look, one answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Missing, Unavailable
from spaces_runtime.domain.hardware import Hardware, reservation
from spaces_runtime.domain.ids import RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ASLEEP, rung_of
from spaces_runtime.domain.observed import Observed, complete
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.ports.durable import Address
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.setup import Volume
from spaces_runtime.domain.space import Revision, Space
from spaces_runtime.domain.spoken import clock
from spaces_runtime.domain.stage import Shown, Stage, derive_stage, trouble
from spaces_runtime.domain.waits import Waits

LOOKS = 90.0  # seconds; the scheduler looks at every Space far more often


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A Space as people see it.

    url: for browsers. client_url: for programs on this machine, which may not resolve the other one's name.
    rung: running, frozen, checkpointed or cold. is_static: files only, nothing to wake, pause or restart.
    hardware: name of the tier its instance has; None: it has none. requested: the one asked for, and its ceilings tier.
    reserved: bytes of memory that are counted for an instance of it. position: of a Space that waits; 1: it is next.
    serves: the revision visitors get, or would get after a wake. head: the pushed one.
    sleep: seconds of idleness until it is put to sleep; None: never.
    seen_at: when the scheduler last looked, Unix seconds; None: not yet.
    internet: it may reach the public internet. pinned: it never makes way. waits: what for; None: it does not wait.
    """

    id: SpaceId
    repo: Repo
    stage: Stage
    why: str
    trouble: str
    url: str
    client_url: str
    host: str
    subdomain: str
    rung: str
    is_static: bool
    hardware: str | None
    requested: str
    tier: Hardware
    reserved: int
    position: int
    sleep: int | None
    serves: RevisionId | None
    head: Revision | None
    instances: tuple[Instance, ...]
    seen_at: float | None
    volumes: tuple[Volume, ...] = ()
    internet: bool = True
    pinned: bool = False
    waits: Waits | None = None


async def show(desk: Desk, repo: Repo, now: float) -> View:
    """The Space of a Space repo. now: Unix seconds.

    Raises:
        Missing: it has none; only another kind of repo, or one that is just being created or deleted.
    """
    address = await desk.spaces.of_repo(repo.id)
    found = await desk.spaces.snapshot([address.space]) if address else ()
    if address is None or not found:
        raise Missing(what=f"show {repo.full}", why="it has no Space")
    seen = (await _seen(desk, [address.space])).get(address.space)
    return view(desk, repo, address, found[0], seen, now)


async def show_all(desk: Desk, repos: Sequence[Repo], now: float) -> list[View]:
    """Many at once, in their order; those without a Space are left out."""
    by_repo = {address.repo: address for address in await desk.spaces.of_repos([repo.id for repo in repos])}
    addresses = {repo.id: by_repo[repo.id] for repo in repos if repo.id in by_repo}
    ids = [address.space for address in addresses.values()]
    spaces = {space.id: space for space in await desk.spaces.snapshot(ids)}
    seen = await _seen(desk, ids)
    return [
        view(desk, repo, addresses[repo.id], spaces[addresses[repo.id].space], seen.get(addresses[repo.id].space), now)
        for repo in repos
        if repo.id in addresses and addresses[repo.id].space in spaces
    ]


async def _seen(desk: Desk, spaces: Collection[SpaceId]) -> Mapping[SpaceId, Observed]:
    """With the live store away nothing was seen; what was asked for and built is known all the same."""
    try:
        return await desk.observations.latest(spaces)
    except Unavailable:
        return {}


def view(  # noqa: PLR0917 — all of it, and the moment
    desk: Desk, repo: Repo, address: Address, asked: Space, seen: Observed | None, now: float
) -> View:
    """Put it together."""
    space = complete(asked, seen)
    shown = honest(derive_stage(space, now), seen, now)
    tier = space.setup.hardware
    return View(
        id=space.id,
        repo=repo,
        stage=shown.stage,
        why=shown.why,
        trouble=trouble(space, now),
        url=desk.names.url(address.subdomain),
        client_url=desk.names.client_url(address.subdomain, address.loopback),
        host=desk.names.host(address.subdomain),
        subdomain=address.subdomain,
        rung=rung_of(space),
        is_static=space.target is not None and space.target.static,
        hardware=_runs_on(space),
        requested=tier.name,
        tier=tier,
        reserved=reservation(tier, max([space.peak, *(i.peak for i in space.instances)])),
        position=space.position,
        sleep=int(space.ladder[0].after) if space.ladder else None,
        serves=_serves(space),
        head=space.head,
        instances=space.instances,
        seen_at=seen.at if seen else None,
        volumes=space.setup.volumes,
        internet=space.setup.internet and desk.settings.internet,
        pinned=space.pinned,
        waits=space.waits,
    )


async def holders(desk: Desk, who: Person | None, waits: Waits) -> tuple[list[str], int]:
    """Who has what is waited for, as far as this person may know of them, and how many more there are."""
    addresses = await desk.spaces.addresses(waits.holders) if waits.holders else ()
    repos = {address.space: await desk.index.by_id(address.repo) for address in addresses}
    found = [repos.get(space) for space in waits.holders]
    named = [repo.full for repo in found if repo is not None and may(who, Verb.VISIT, repo)]
    return named, waits.others + len(waits.holders) - len(named)


def honest(shown: Shown, seen: Observed | None, now: float) -> Shown:
    """What was seen too long ago is said to be so."""
    if seen is None:
        return Shown(shown.stage, f"{shown.why} How it runs is not known: the scheduler has not told.")
    if now - seen.at > LOOKS:
        return Shown(
            shown.stage, f"{shown.why} So it was at {clock(seen.at, now)}; the scheduler has not looked since."
        )
    return shown


def _runs_on(space: Space) -> str | None:
    """The tier of the instance that answers, or else of one that is there: the wanted one may come later."""
    live = [i for i in space.instances if i.phase is not Phase.EXITED]
    best = max(live, key=lambda i: (i.phase is not Phase.STARTING, i.since), default=None)
    return None if best is None else best.hardware or space.setup.hardware.name


def _serves(space: Space) -> RevisionId | None:
    if space.files is not None:
        return space.files.key.revision
    ready = [i for i in space.instances if i.phase is Phase.READY or i.phase in ASLEEP]
    if ready:
        return max(ready, key=lambda i: (i.phase is Phase.READY, i.since)).build.revision
    return space.target.key.revision if space.target else None
