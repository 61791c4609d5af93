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
    plain = subdomain(repo.namespace, repo.name, taken=False)
    label = subdomain(repo.namespace, repo.name, taken=await desk.spaces.by_subdomain(plain) is not None)
    if await desk.spaces.by_subdomain(label) is not None:  # a namesake that is being deleted has both
        label = subdomain(repo.namespace, f"{repo.name}-{repo.id}", taken=True)
    space = SpaceId(uuid4().hex[:24])
    return await desk.spaces.create(space, repo.id, label, hardware or desk.settings.default_hardware)
