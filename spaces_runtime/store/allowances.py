"""What namespaces may have of Spaces, memory and GPU hours, and what they have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from spaces_runtime.domain.allowance import HOUR, KINDS, Allowance, Own, Standing, month_of
from spaces_runtime.domain.repo import Kind
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import allowances, gpu_use, repos


class SqlAllowances:
    """The port Allowances. common: what everybody has that was given nothing else."""

    def __init__(self, db: Database, common: Allowance) -> None:
        self._db = db
        self._common = common

    async def of(self, namespace: str) -> Standing:
        """Also of one that has nothing."""
        return await self._db.read(lambda c: standing(c, namespace, self._common))

    async def limits(self) -> tuple[Allowance, Mapping[str, Allowance]]:
        """For all; and of those, in small letters, who were given others."""
        rows = await self._db.read(lambda c: c.execute(sa.select(allowances)).all())
        return self._common, {row.folded: _own(row).over(self._common) for row in rows}

    async def give(self, namespace: str, changes: Mapping[str, float | None], *, by: str = "") -> None:
        """changes: of KINDS; 0: no limit, None: what is set for all. The others stay."""
        folded = namespace.lower()

        def change(connection: sa.Connection) -> None:
            mine = allowances.c.folded == folded
            row = connection.execute(sa.select(allowances).where(mine)).first()
            before = {kind: getattr(row, kind) if row is not None else None for kind in KINDS}
            after = before | dict(changes)
            connection.execute(allowances.delete().where(mine))
            if any(value is not None for value in after.values()):
                connection.execute(allowances.insert().values(folded=folded, **after))
            told = ", ".join(f"{kind} {'as set for all' if n is None else f'{n:g}'}" for kind, n in changes.items())
            note(connection, by=by, what=f"set allowance: {told}", about=namespace)

        await self._db.run(change)

    async def gpu_hours(self, month: int) -> Mapping[str, float]:
        """That were used, by namespace in small letters. month: see domain.allowance.month_of."""
        query = sa.select(gpu_use.c.folded, gpu_use.c.seconds).where(gpu_use.c.month == month)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {row.folded: row.seconds / HOUR for row in rows}

    async def use_gpus(self, seconds: Mapping[str, float], month: int) -> None:
        """Add what was used, in one step. seconds: of devices, by namespace in small letters."""

        def change(connection: sa.Connection) -> None:
            for folded, more in seconds.items():
                mine = (gpu_use.c.folded == folded) & (gpu_use.c.month == month)
                grown = gpu_use.update().where(mine).values(seconds=gpu_use.c.seconds + more)
                if not connection.execute(grown).rowcount:
                    connection.execute(gpu_use.insert().values(folded=folded, month=month, seconds=more))

        await self._db.run(change)


def standing(connection: sa.Connection, namespace: str, common: Allowance) -> Standing:
    """Within the transaction that may take one more Space. Forks of the count wait for each other, or are repeated."""
    folded = namespace.lower()
    row = connection.execute(sa.select(allowances).where(allowances.c.folded == folded)).first()
    own = (repos.c.kind == Kind.SPACE.value) & (repos.c.owner == folded)
    used = (gpu_use.c.folded == folded) & (gpu_use.c.month == month_of(time.time()))
    return Standing(
        name=namespace,
        limit=_own(row).over(common) if row is not None else common,
        spaces=connection.execute(sa.select(sa.func.count()).select_from(repos).where(own)).scalar_one(),
        gpu_hours=(connection.execute(sa.select(gpu_use.c.seconds).where(used)).scalar() or 0.0) / HOUR,
    )


def _own(row: Any) -> Own:  # noqa: ANN401 - a row of allowances
    return Own(spaces=row.spaces, memory=row.memory, gpu_hours=row.gpu_hours)
