"""What owners may use, and what GPUs their Spaces have used: looked up at each audit, written there too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spaces_runtime.domain.allowance import Allowance, Standing, month_of
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ports.durable import Allowances
from spaces_runtime.domain.space import Space

LONGEST = 120.0  # seconds between two audits that count: a scheduler that was away has seen nothing


class Allowed:
    """Of all owners, by the namespace in small letters."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances
        self._common, self._own = Allowance(), dict[str, Allowance]()
        self._used: Mapping[str, float] = {}
        self._seen_at = 0.0

    async def refresh(self, now: float) -> None:
        """As the database has it. now: Unix seconds."""
        self._common, own = await self._allowances.limits()
        self._own = dict(own)
        self._used = await self._allowances.gpu_hours(month_of(now))

    async def meter(self, using: Iterable[tuple[str, float]], now: float) -> None:
        """Count what has been used since the last time. using: owner and devices of each instance on GPUs."""
        passed = now - self._seen_at if self._seen_at else 0.0
        self._seen_at = now
        used: dict[str, float] = {}
        for owner, devices in using:
            used[owner] = used.get(owner, 0.0) + devices * min(passed, LONGEST)
        if any(used.values()):
            await self._allowances.use_gpus(used, month_of(now))

    def memory(self, owners: Iterable[str]) -> dict[str, int]:
        """Bytes that their Spaces may use at once, of those that are limited."""
        found = {owner: self._own.get(owner, self._common).memory for owner in owners}
        return {owner: limit for owner, limit in found.items() if limit}

    def barred(self, owner: str, now: float) -> str:
        """Why its Spaces get no GPU; empty: they do. now: Unix seconds."""
        limit = self._own.get(owner, self._common)
        return Standing(name=owner, limit=limit, gpu_hours=self._used.get(owner, 0.0)).spent(now)


def on_gpus(
    spaces: Mapping[SpaceId, Space], owners: Mapping[SpaceId, str], live: Iterable[Instance]
) -> list[tuple[str, float]]:
    """Owner and devices of each instance that has any, frozen ones too: nobody else can have them."""
    found = []
    for i in live:
        space = spaces.get(i.space)
        if i.gpus and i.phase is not Phase.EXITED and space is not None:
            share = space.setup.hardware.gpus
            found.append((owners[i.space], share if 0 < share < 1 else float(len(i.gpus))))
    return found
