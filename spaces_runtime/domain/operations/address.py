"""Where a Space is visited."""

from __future__ import annotations

from uuid import uuid4

from spaces_runtime.domain.hosts import subdomain
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.ports.durable import Address
from spaces_runtime.domain.repo import Repo


async def give_space(desk: Desk, repo: Repo, hardware: str = "") -> Address:
    """Give a Space repo its Space and address. Repeating it is fine."""
    found = await desk.spaces.of_repo(repo.id)
    if found is not None:
        return found
    space = SpaceId(uuid4().hex[:24])
    label = await label_for(desk, repo)
    return await desk.spaces.create(space, repo.id, label, hardware or desk.settings.default_hardware)


async def label_for(desk: Desk, repo: Repo) -> str:
    """The subdomain for a Space of this name. One that another Space only had before is free."""
    plain = subdomain(repo.namespace, repo.name, taken=False)
    if not await _taken(desk, repo, plain):
        return plain
    label = subdomain(repo.namespace, repo.name, taken=True)
    if await _taken(desk, repo, label):  # a namesake that is being deleted has both
        return subdomain(repo.namespace, f"{repo.name}-{repo.id}", taken=True)
    return label


async def _taken(desk: Desk, repo: Repo, label: str) -> bool:
    found = await desk.spaces.by_subdomain(label)
    return found is not None and found.subdomain == label and found.repo != repo.id
