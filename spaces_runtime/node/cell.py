"""What holds one app, and what holds them all: where the engines differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Protocol

from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.node.cgroups import Usage
from spaces_runtime.node.living import Living
from spaces_runtime.node.record import Record

Begin = Callable[[], Coroutine[Any, Any, None]]


class Fate(Enum):
    """What has become of an instance that was written down."""

    RUNS = "runs"
    ENDED = "ended"
    NEVER = "never"  # its start was cut off before the app began


class Cell(Protocol):
    """A sandbox or a container with an app in it."""

    def usage(self) -> Usage: ...
    def is_frozen(self) -> bool: ...
    async def freeze(self) -> None: ...  # raises OSError, TimeoutError: it runs on
    def thaw(self) -> asyncio.Future[None] | None: ...  # None: it runs already
    async def terminate(self, grace: float, gone: asyncio.Event) -> None: ...  # frozen or not; raises TimeoutError
    async def end(self) -> None: ...  # at once, whatever is left of it; raises TimeoutError
    async def verdict(self) -> str: ...  # it has ended: reads its last words, ends what is left, says how it was
    async def release(self) -> None: ...  # lets go of every handle; what runs runs on


class Housing(Protocol):
    """Makes cells and finds them again. Whatever needs the engine raises BackendUnavailable while that is away."""

    def check(self, spec: StartSpec) -> None: ...  # raises Invalid, BackendUnavailable
    def record(self, spec: StartSpec) -> Record: ...  # of what is about to be started

    # Blocks. Makes what the instance writes to; what it returns starts the app, and holds the cell. Raises OSError.
    def prepare(self, living: Living, spec: StartSpec) -> Begin: ...
    async def recall(self) -> None: ...  # look at what there is; writes down what runs and was not
    def fate(self, kept: Record) -> Fate: ...  # as recall() saw it
    async def adopt(self, living: Living) -> None: ...  # hold what runs; raises OSError, TimeoutError
    def bury(self, living: Living) -> None: ...  # a cell for what has ended, so that it can be asked how
    def strays(self, known: set[InstanceId]) -> set[InstanceId]: ...  # what recall() saw of nobody we know
    async def news(self) -> None: ...  # returns when it may be time to look again
    async def look(self) -> None: ...  # a cheaper recall(): enough for strays()
    async def forget(self, instance: InstanceId) -> None: ...  # end and remove whatever has this name; not its folder
    def guard(self) -> None: ...  # blocks, some ms: what keeps Spaces from private networks stands, whoever dropped it
    def remove(self) -> None: ...  # blocks: what was made for all of them goes; none is left
