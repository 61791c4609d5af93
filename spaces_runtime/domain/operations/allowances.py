"""How many Spaces, how much memory and how many GPU hours people may have."""

from __future__ import annotations

from collections.abc import Mapping

from spaces_runtime.domain.access import may_operate
from spaces_runtime.domain.allowance import Standing
from spaces_runtime.domain.errors import Refused
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person


async def give(desk: Desk, who: Person, namespace: str, changes: Mapping[str, float | None]) -> Standing:
    """Give a person or organisation other limits. changes: by kind; 0: none; None: what the settings say.

    Raises:
        Refused: not an admin.
    """
    if not may_operate(who):
        raise Refused(what=f"set the limits of {namespace}", why="only an admin can", then="Ask one.")
    if changes:
        await desk.allowances.give(namespace, changes, by=who.name)
    return await desk.allowances.of(namespace)
