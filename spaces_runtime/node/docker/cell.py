"""One container, from outside: what it uses, frozen by the engine, ended by it, and what the engine says of its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import structlog

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.node import cgroups
from spaces_runtime.node.cgroups import CLEAR_WITHIN, Group, Usage
from spaces_runtime.node.docker.engine import Absent, Declined, Engine
from spaces_runtime.node.docker.follow import Follower
from spaces_runtime.node.living import Living, why_ended
from spaces_runtime.node.tree import Tree

FREEZE_TRIES = 3
LAST_WORDS = 5.0  # seconds to read the log to its end
SIGNALS = range(129, 193)  # how PID 1 says that a signal ended the app, as shells do
OUTSIDE = "was ended from outside, with its container"
AWAY = "ended while the container engine was away"
log = structlog.get_logger()


def status_of(code: int) -> int:
    """The engine's exit code as the process engine tells it: negative for a signal."""
    return 128 - code if code in SIGNALS else code


class Container:
    """follower: of its log; None: it was read to its end before."""

    def __init__(self, living: Living, engine: Engine, name: str, follower: Follower | None) -> None:
        self._living, self._engine, self.name, self._follower = living, engine, name, follower
        init = living.record.init
        self._group: Group = cgroups.group_of(init) if init else Group(folders={})
        self._tree = Tree(init)
        self._paused = False  # as far as we know; the kernel's word counts where it can be read
        self._killed = 0
        self._thawing: asyncio.Future[None] | None = None

    def usage(self) -> Usage:
        self._killed = max(self._killed, self._group.killed_for_memory())
        return self._group.usage() if self._group.folders else self._tree.usage()

    def paused(self, *, is_so: bool) -> None:
        """As the engine says."""
        self._paused = is_so

    def is_frozen(self) -> bool:
        return self._group.is_frozen() if self._group.can_freeze else self._paused

    async def freeze(self) -> None:
        for left in reversed(range(FREEZE_TRIES)):
            try:
                await self._engine.call("freeze a Space", lambda client: client.pause(self.name))
                break
            except Declined:  # on a busy machine runc gives up before every process stands still
                if self.is_frozen():
                    break
                if not left:
                    raise
        self._paused = True

    def thaw(self) -> asyncio.Future[None]:
        """Whoever asks while it thaws waits for the same."""
        if self._thawing is None or self._thawing.done():
            self._thawing = asyncio.ensure_future(self._thaw())
        return self._thawing

    async def _thaw(self) -> None:
        try:
            await self._engine.call("thaw a Space", lambda client: client.unpause(self.name))
        except Declined:
            if self.is_frozen():
                raise
        self._paused = False

    async def terminate(self, grace: float, gone: asyncio.Event) -> None:
        if gone.is_set():
            return
        with contextlib.suppress(Declined):  # it has ended meanwhile
            if grace:
                await self._engine.call("stop a Space", lambda client: client.stop(self.name, timeout=round(grace)))
            else:
                await self._engine.call("stop a Space", lambda client: client.kill(self.name))

    async def verdict(self) -> str:
        killed = max(self._killed, self._group.killed_for_memory())  # at once: the group goes with the container
        try:
            state = await self._engine.call("see how a Space ended", self._ended)
        except Absent:
            how = OUTSIDE
        except BackendUnavailable:
            return AWAY  # what is left of it is removed when the engine is back
        else:
            await self._last_words()
            code, killed = int(state["ExitCode"]), killed or int(bool(state["OOMKilled"]))
            how = why_ended(status_of(code), killed_for_memory=killed, memory=self._living.record.memory)
        await self.end()
        return how

    def _ended(self, client: Any) -> Any:  # noqa: ANN401 as the engine's JSON
        """Its state, once the engine knows that it has ended: the kernel told us first."""
        client.wait(self.name, timeout=LAST_WORDS)
        return client.inspect_container(self.name)["State"]

    async def _last_words(self) -> None:
        if self._follower:
            self._follower.over()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._follower.ended.wait()

    async def end(self) -> None:
        await remove(self._engine, self.name)

    async def release(self) -> None:
        if self._follower:
            self._follower.close()


async def remove(engine: Engine, name: str) -> None:
    """A container, whatever it does, and the volumes that are its own. Raises: BackendUnavailable, TimeoutError."""
    until = time.monotonic() + CLEAR_WITHIN
    while True:
        try:
            await engine.call(f"remove {name}", lambda client: client.remove_container(name, v=True, force=True))
        except Absent:
            return
        except Declined as error:  # it is being removed already, or something of it is still held
            if time.monotonic() > until:
                raise TimeoutError(str(error)) from error
            await asyncio.sleep(0.05)
