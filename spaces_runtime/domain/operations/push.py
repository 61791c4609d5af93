"""After a push or commit: what the git refs say becomes what index and Spaces say. May be repeated, and may be lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from builder.faults import ConfigError, NoAppFile
from builder.recipe import read_recipe
from spaces_runtime.domain.errors import EntryMissing, Fault, Unavailable
from spaces_runtime.domain.ids import RepoId, RevisionId, SpaceId
from spaces_runtime.domain.operations.address import give_space
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.summarise import summarise
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo
from spaces_runtime.domain.space import Space, Wish

log = structlog.get_logger()


async def pushed(desk: Desk, repo: Repo, *, by: str = "") -> None:
    """Bring index and Space up to the head of main. Nothing happens when they are. by: name of who pushed."""
    head = (await desk.repos.heads([repo.id])).get(repo.id)
    if head is None:
        return
    await note_head(desk, repo, head)
    if repo.kind is not Kind.SPACE:
        return
    address = await desk.spaces.of_repo(repo.id)
    if address is None:
        return
    for space in await desk.spaces.snapshot([address.space]):
        await _bring_up(desk, repo.id, space, head, by)


async def note_head(desk: Desk, repo: Repo, head: RevisionId) -> None:
    """Let the index say where main is, and what listings show of it."""
    known = await desk.index.summary(repo.id)
    fresh = known is not None and known.head == head
    await desk.index.set_head(repo.id, head, None if fresh else await summarise(desk, repo, head))


async def rescan(desk: Desk) -> None:
    """The same for every repo: what a process that was killed after a push did not do. At start, and each minute."""
    for kind in GIT_KINDS:
        repos = await desk.index.listing(kind)
        heads = await desk.repos.heads([repo.id for repo in repos])
        for repo in repos:
            head = heads.get(repo.id)
            if head is not None and repo.head != head:
                await note_head(desk, repo, head)
        if kind is Kind.SPACE:
            await _rescan_spaces(desk, repos, heads)


async def runnable(desk: Desk, repo: RepoId, head: RevisionId) -> bool:
    """Whether this revision of a Space has anything to build. One with wrong settings has: the build says what."""
    entries = await desk.repos.tree(repo, head, "", recursive=True)
    files = {entry.path for entry in entries if not entry.folder}
    try:
        readme = (await desk.repos.read(repo, head, "README.md")).decode(errors="replace")
    except EntryMissing:
        readme = None
    try:
        read_recipe(readme, files)
    except NoAppFile:
        return False
    except ConfigError:
        return True
    return True


async def look(desk: Desk, space: SpaceId) -> None:
    """Nudge the scheduler. With the live store away it finds out by itself, a little later."""
    try:
        await desk.wakes.look(space)
    except (Unavailable, OSError) as error:
        log.warning("the scheduler could not be told", space=space, why=str(error))


async def _rescan_spaces(desk: Desk, repos: Sequence[Repo], heads: Mapping[RepoId, RevisionId]) -> None:
    addresses = {address.space: address for address in await desk.spaces.addresses(None)}
    housed = {address.repo for address in addresses.values()}
    for repo in repos:
        # killed between the two rows; deleted since the first look is something else
        if repo.id not in housed and await desk.index.by_id(repo.id) is not None:
            await give_space(desk, repo)
            await pushed(desk, repo)
    for space in await desk.spaces.snapshot(None):
        address = addresses.get(space.id)
        head = heads.get(address.repo) if address else None
        if address is None or head is None:
            continue
        try:
            await _bring_up(desk, address.repo, space, head)
        except Fault as fault:  # deleted between the two looks, or its folder is damaged: the others go on
            log.warning("a Space could not be brought up to its head", space=space.id, why=fault.why)


async def _bring_up(desk: Desk, repo: RepoId, space: Space, head: RevisionId, by: str = "") -> None:
    if space.wish is Wish.DELETE:
        return
    known = space.head.key.revision if space.head else None
    if known == head:
        return
    wanted = head if await runnable(desk, repo, head) else None
    if known == wanted:
        return
    await desk.spaces.set_head(space.id, wanted, by=by)
    await look(desk, space.id)
