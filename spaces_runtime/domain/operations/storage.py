"""Limits of what people store."""

from __future__ import annotations

from spaces_runtime.domain.errors import Refused
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.storage import Use


async def set_quota(desk: Desk, who: Person, namespace: str, size: int | None) -> Use:
    """Give a person or organisation a limit. size: bytes; 0: none; None: what the settings say.

    Raises:
        Refused: not an admin.
    """
    if not who.admin or who.role is not Role.WRITE:
        raise Refused(what=f"set the quota of {namespace}", why="only an admin can", then="Ask one.")
    await desk.storage.set_quota(namespace, size, by=who.name)
    return await desk.storage.use_of(namespace)
