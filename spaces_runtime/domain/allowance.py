"""How many Spaces, how much memory and how many GPU hours a person or an organisation may have. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Final

from spaces_runtime.domain.errors import Refused
from spaces_runtime.domain.hardware import Hardware, size

ASK: Final = "or ask the operator of this hub for more."
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Of one namespace; 0: no limit. spaces: that there may be. memory: bytes of the tiers of those awake at once.

    gpu_hours: of whole devices, each calendar month (UTC); a slice counts as much as it is of its device.
    """

    spaces: int = 0
    memory: int = 0
    gpu_hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Where an operator gave somebody another limit; None: what is set for all."""

    spaces: int | None = None
    memory: int | None = None
    gpu_hours: float | None = None

    def over(self, all_have: Allowance) -> Allowance:
        """What holds for them."""
        return Allowance(
            spaces=all_have.spaces if self.spaces is None else self.spaces,
            memory=all_have.memory if self.memory is None else self.memory,
            gpu_hours=all_have.gpu_hours if self.gpu_hours is None else self.gpu_hours,
        )


KINDS: Final = tuple(field.name for field in fields(Own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a namespace stands. spaces: that it has. gpu_hours: that it has used this month."""

    name: str
    limit: Allowance
    spaces: int = 0
    gpu_hours: float = 0.0

    def take_space(self, what: str) -> None:
        """Nothing happens when one more may be.

        Raises: Refused.
        """
        if self.limit.spaces and self.spaces >= self.limit.spaces:
            why = f"{self.name} has {self.spaces} of {self.limit.spaces} Spaces"
            raise Refused(what=what, why=why, then=f"Delete one that is not needed, {ASK}")

    def take_tier(self, tier: Hardware, what: str, now: float) -> None:
        """Nothing happens when a Space may be put on this tier. now: Unix seconds.

        Raises: Refused.
        """
        if self.limit.memory and tier.memory > self.limit.memory:
            may = f"the Spaces of {self.name} may use {size(self.limit.memory)} of memory at once"
            why = f"{may}, and {tier.name} has {size(tier.memory)}"
            raise Refused(what=what, why=why, then=f"Choose a smaller one, {ASK}")
        if tier.gpus and (spent := self.spent(now)):
            raise Refused(what=what, why=spent, then=f"Choose one without a GPU, {ASK}")

    def spent(self, now: float) -> str:
        """That no GPU hours are left this month, and when there are more; empty: some are. now: Unix seconds."""
        if not self.limit.gpu_hours or self.gpu_hours < self.limit.gpu_hours:
            return ""
        more = next_month(now)
        used = f"{self.name} has used {self.gpu_hours:.4g} of {self.limit.gpu_hours:g} GPU hours of this month"
        return f"{used}; there are more on {more.day} {more:%B}"


def month_of(now: float) -> int:
    """A number for each calendar month, UTC. now: Unix seconds."""
    moment = datetime.fromtimestamp(now, UTC)
    return moment.year * 12 + moment.month - 1


def next_month(now: float) -> datetime:
    """When it begins. now: Unix seconds."""
    year, month = divmod(month_of(now) + 1, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)
