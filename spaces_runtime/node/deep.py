"""Below frozen: an app whose memory was swapped out, or that is files and no process; and its way back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from spaces_runtime.domain.errors import RungFailed
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import ON_DISK
from spaces_runtime.node import paging
from spaces_runtime.node.cgroups import Group
from spaces_runtime.node.checkpoint import Checkpoint
from spaces_runtime.node.criu import Criu, CriuFailed

AT_ONCE = 2  # dumps at a time: each writes all of an app's memory to the same disk
FAREWELL = 0.05  # seconds an app has to close the connections that were cut


@dataclass(slots=True)
class Depths:
    """What this machine can do below frozen; found out by trying, after the node has begun. tool: None: no dumps."""

    tool: Criu | None = None
    swap: bool = False
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @property
    def rungs(self) -> tuple[Phase, ...]:
        """From warm to cold."""
        return (Phase.PAGED,) * self.swap + ON_DISK * (self.tool is not None)


class Deep:
    """Of one sandbox. cut: ends the connections to the app, which no checkpoint keeps. lose: told why it has to end.

    phase: which of the rungs below frozen it is on; None: it runs, or is only frozen.
    """

    def __init__(
        self,
        depths: Depths,
        group: Group,
        checkpoint: Checkpoint,
        cut: Callable[[], None],
        lose: Callable[[str], None],
    ) -> None:
        self._depths, self._group, self._checkpoint, self._cut, self._lose = depths, group, checkpoint, cut, lose
        self._turn = asyncio.Lock()
        self._rising: asyncio.Task[None] | None = None
        self._clearing: asyncio.Task[None] | None = None
        self.phase: Phase | None = None

    @property
    def busy(self) -> bool:
        """On its way: whoever wants it awake waits for the end of that."""
        return self._turn.locked()

    @property
    def on_disk(self) -> bool:
        return self.phase in ON_DISK

    async def recall(self) -> None:
        """Where it is, after a restart of the node. Raises: OSError: nowhere."""
        try:
            self.phase = await asyncio.to_thread(self._checkpoint.recall)
        except CriuFailed as error:
            raise OSError(str(error)) from error

    async def sink(self, rung: Phase) -> None:
        """From running or frozen, or from a rung above. Raises: OSError, TimeoutError: the app runs on, or rests."""
        async with self._turn:
            if rung is Phase.PAGED and self.phase is None:
                await self._page_out()
            if rung in ON_DISK and not self.on_disk:
                async with self._depths.turns:
                    await self._take()
            if rung is Phase.PACKED and self.phase is Phase.CHECKPOINTED:
                await asyncio.to_thread(self._checkpoint.pack)
                self.phase = rung

    async def _page_out(self) -> None:
        usage = self._group.usage().memory
        if paging.swap_free() < usage:
            raise OSError("there is no swap for it")
        if not self._group.is_frozen():
            await self._group.freeze()
        self._group.swaps(usage)
        try:
            await asyncio.to_thread(paging.page_out, self._group.pids())
        finally:
            self._group.swaps(0)  # nothing more; what is out stays out
        self.phase = Phase.PAGED

    async def _take(self) -> None:
        if self._depths.tool is None:
            raise OSError("there is no CRIU here that works; `spaces doctor` says more")
        self._group.thaw()  # no frozen process can be dumped
        self.phase = None
        self._cut()
        if self._clearing:
            await asyncio.wait((self._clearing,))
        await asyncio.sleep(FAREWELL)
        pids, size = self._group.pids(), self._group.usage().memory
        try:
            await asyncio.to_thread(self._checkpoint.take, self._depths.tool, pids, size)
        except CriuFailed as error:
            raise OSError(str(error)) from error
        self.phase = Phase.CHECKPOINTED

    def rise(self) -> asyncio.Task[None]:
        """Done when it runs; asked twice, it is one way up. Its error is RungFailed: then nothing is left that runs."""
        if self._rising is None or self._rising.done():
            self._rising = asyncio.create_task(self._rise())
        return self._rising

    async def _rise(self) -> None:
        async with self._turn:
            try:
                if self.on_disk:
                    await asyncio.to_thread(self._checkpoint.give_back, self._group.joins)
                    self._clearing = asyncio.create_task(asyncio.to_thread(self._checkpoint.clear))
                self._group.thaw()
            except (CriuFailed, OSError) as error:
                self._lose(str(error))
                with contextlib.suppress(TimeoutError):
                    await self._group.end()
                raise RungFailed(what="wake an app from its checkpoint", why=str(error)) from error
            self.phase = None
