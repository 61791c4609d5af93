"""What a Space waits for, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.hardware import size
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.spoken import clock

OWN: Final = -2  # position of what waits for another Space of its owner to sleep, or for a new month


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """memory: bytes it needs; free: that are free now; room: that there are. devices: GPUs it needs and cannot have.

    own: a limit of its owner, and not the machine, keeps it waiting: a clause; empty: it is the machine.
    holders: who has what it waits for, those first that have most; others: how many more.
    at: when it gets in at the latest if nobody visits those who may make room, Unix seconds; 0: nobody can say.
    """

    memory: int
    free: int
    room: int
    devices: str = ""
    own: str = ""
    holders: tuple[SpaceId, ...] = ()
    others: int = 0
    at: float = 0.0

    def said(self, now: float) -> str:
        """What is missing, and when it is likely to be there. now: Unix seconds."""
        when = f"Expected by {clock(self.at, now)}, if nobody visits those that may make room." if self.at else ""
        return " ".join(part for part in (*self._lacking(), when) if part)

    def _lacking(self) -> tuple[str, ...]:
        if self.own:
            return (f"{self.own}.",)
        lacks = f"It needs {size(self.memory)} of memory, and {size(max(0, self.free))} of {size(self.room)} is free."
        if self.devices:
            return (f"It needs {self.devices}, and none is free.", lacks if self.memory > self.free else "")
        return (lacks,) if self.memory > self.free else ("What is free is kept for those before it.",)
