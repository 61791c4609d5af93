"""What happened to Spaces, at most domain.timeline.MOST of each; with what people changed, which the audit has."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.timeline import AGE, MOST, Happened, What
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import audit, spaces, timeline


class SqlTimeline:
    """The port Timeline."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, happened: Sequence[Happened]) -> None:
        """In one step, in this order; of Spaces that are gone nothing is kept."""

        def change(connection: sa.Connection) -> None:
            named = {each.space for each in happened}
            known = set(connection.execute(sa.select(spaces.c.id).where(spaces.c.id.in_(named))).scalars())
            note(connection, [each for each in happened if each.space in known])

        if happened:
            await self._db.run(change)

    async def of(self, space: SpaceId, limit: int = MOST) -> Sequence[Happened]:
        """Newest first. What people did is told without what it named: a volume may be of somebody else's repo."""
        since = time.time() - AGE

        def look(connection: sa.Connection) -> list[Happened]:
            own = sa.select(timeline).where(timeline.c.space == space, timeline.c.at >= since)
            asked = sa.select(audit).where(audit.c.about == space, audit.c.at >= since)
            seen = [
                Happened(space=space, at=r.at, what=What(r.what), why=r.why, rung=r.rung, took=r.took)
                for r in connection.execute(own.order_by(timeline.c.serial.desc()).limit(limit))
            ]
            changed = [
                Happened(space=space, at=r.at, what=What.CHANGED, why=r.what.partition(":")[0], by=r.by)
                for r in connection.execute(asked.order_by(audit.c.id.desc()).limit(limit))
            ]
            return sorted([*seen, *changed], key=lambda each: each.at, reverse=True)[:limit]

        return await self._db.read(look)


def note(connection: sa.Connection, happened: Iterable[Happened]) -> None:
    """Add rows, of Spaces that there are, and let go of what is too old or too much."""
    rows = [
        {"space": h.space, "at": h.at, "what": h.what.value, "why": h.why, "rung": h.rung, "took": h.took}
        for h in happened
    ]
    if not rows:
        return
    connection.execute(timeline.insert(), rows)
    for space in {row["space"] for row in rows}:
        mine = timeline.c.space == space
        serials = sa.select(timeline.c.serial).where(mine).order_by(timeline.c.serial.desc()).offset(MOST).limit(1)
        last = connection.execute(serials).scalar()
        connection.execute(timeline.delete().where(mine, timeline.c.at < time.time() - AGE))
        if last is not None:
            connection.execute(timeline.delete().where(mine, timeline.c.serial <= last))
