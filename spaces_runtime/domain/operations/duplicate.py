"""A repo of one's own that begins with what another one has at its head."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed, is_granted
from spaces_runtime.domain.operations.hardware import can_have
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo


async def duplicate_repo(desk: Desk, who: Person, source: Repo, new: NewRepo, now: float) -> Repo:
    """Files in one commit, and of a Space its public variables; never a secret, nor a token, nor any history.

    now: Unix seconds.

    Raises:
        Gated, RepoMissing: this person may not have the files.
        see create_repo().
    """
    allowed(who, source, Verb.FETCH, granted=await is_granted(desk, who, source))
    head = await desk.repos.resolve(source.id, "main")
    if source.kind is Kind.SPACE:
        new = replace(new, sdk=source.sdk, hardware=new.hardware or await _hardware(desk, source))
    repo = await create_repo(desk, who, replace(new, like=(source, head)), now)
    if source.kind is Kind.SPACE:
        await _copy_variables(desk, who, source, repo)
    return repo


async def _hardware(desk: Desk, source: Repo) -> str:
    """What the original was given, where it can still be had; empty: the platform's default."""
    address = await desk.spaces.of_repo(source.id)
    spaces = await desk.spaces.snapshot([address.space]) if address else ()
    name = spaces[0].setup.hardware.name if spaces else ""
    return name if name and await can_have(desk, name) else ""


async def _copy_variables(desk: Desk, who: Person, source: Repo, repo: Repo) -> None:
    addresses = [await desk.spaces.of_repo(each.id) for each in (source, repo)]
    theirs, ours = addresses
    if theirs is None or ours is None:
        return
    for name, variable in (await desk.spaces.variables(theirs.space)).items():
        await desk.spaces.put_variable(ours.space, name, variable.value, variable.description, by=who.name)
