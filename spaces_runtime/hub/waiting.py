"""What a Space waits for, over the API, as far as the asker may know of those that have it."""

from __future__ import annotations

from typing import Any

from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.show import View, holders
from spaces_runtime.domain.people import Person
from spaces_runtime.hub.wire import iso


async def waiting_json(desk: Desk, who: Person | None, view: View) -> dict[str, Any]:
    """`runtime.waiting`; memory in bytes. position: null where its owner's own limit keeps it waiting."""
    waits = view.waits
    if waits is None:
        return {}
    named, others = await holders(desk, who, waits)
    return {
        "position": view.position if view.position > 0 else None,
        "memory": {"needs": waits.memory, "free": max(0, waits.free), "room": waits.room},
        **({"devices": waits.devices} if waits.devices else {}),
        **({"limit": waits.own} if waits.own else {}),
        "heldBy": named,
        "othersHold": others,
        "expectedAt": iso(waits.at) if waits.at else None,
    }
