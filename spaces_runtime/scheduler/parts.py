"""What wiring hands the scheduler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from spaces_runtime.domain.figures import Source
from spaces_runtime.domain.hardware import Gpu, Stock
from spaces_runtime.domain.hosts import Names
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Mount, Phase
from spaces_runtime.domain.ports.content import Repos
from spaces_runtime.domain.ports.durable import Allowances, Builds, Index, Secrets, Spaces
from spaces_runtime.domain.ports.engine import Engine
from spaces_runtime.domain.ports.live import Activity, Events, Gates, Observations, Routes, Stocks, Wakes
from spaces_runtime.domain.ports.logs import Logs
from spaces_runtime.domain.space import Space
from spaces_runtime.scheduler.builds import BuildQueue
from spaces_runtime.scheduler.chronicle import Chronicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """rescan: brings index and Spaces up to what git says, for pushes whose process was killed.

    mounts: makes the volumes of a Space ready for a start; raises Fault, OSError.
    clear: removes what an engine keeps of a deleted Space. clock: Unix seconds.
    telling: while it is open, whoever asks is told these figures.
    stock: what the machine has, but for devices; devices: asks the engine for those, or why there is none.
    """

    spaces: Spaces
    builds: Builds
    queue: BuildQueue
    secrets: Secrets
    allowances: Allowances
    index: Index
    repos: Repos
    engine: Engine
    routes: Routes
    gates: Gates
    wakes: Wakes
    activity: Activity
    observations: Observations
    events: Events
    logs: Logs
    names: Names
    stocks: Stocks
    stock: Stock
    devices: Callable[[], Awaitable[tuple[tuple[Gpu, ...], str]]]
    rescan: Callable[[], Awaitable[None]]
    mounts: Callable[[Space], Awaitable[tuple[Mount, ...]]]
    chronicle: Chronicle
    telling: Callable[[Sequence[Source]], AbstractAsyncContextManager[None]]
    clear: Callable[[SpaceId], Awaitable[None]]
    clock: Callable[[], float]

    @property
    def rungs(self) -> tuple[Phase, ...]:
        """What the engine has between running and cold, as far as that is known by now."""
        return self.engine.suspends.rungs if self.engine.suspends is not None else ()
