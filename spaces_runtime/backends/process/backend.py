"""Backend, Suspends and Watches, spoken to the node of this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from spaces_runtime.backends.process.line import Line, call
from spaces_runtime.domain import sandbox
from spaces_runtime.domain.errors import BackendUnavailable, Missing
from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.domain.layout import Layout

AGAIN = 0.2  # seconds between tries to reach a node that is away
CHUNK = 2**16


class ProcessBackend:
    """Instances on this machine. After a restart of the node the next call reaches the new one."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._line: Line | None = None
        self._calling = asyncio.Lock()
        self._spaces: dict[InstanceId, SpaceId] = {}
        self._rungs: tuple[Phase, ...] = (Phase.FROZEN,)

    @property
    def rungs(self) -> tuple[Phase, ...]:
        """As the node said last; it tries the deeper ones after its start. Heard while changes() is followed."""
        return self._rungs

    async def observe(self) -> Sequence[Instance]:
        found = [sandbox.hear_instance(told) for told in await self._ask("observe")]
        self._spaces = {instance.id: instance.space for instance in found}
        return found

    async def start(self, spec: StartSpec) -> None:
        await self._ask("start", spec=sandbox.tell_spec(spec))

    async def stop(self, instance: InstanceId) -> None:
        await self._ask("stop", instance=instance)

    async def stop_all(self) -> None:
        """Every instance of this machine; when the platform ends."""
        await self._ask("stop_all")

    async def forget(self, space: SpaceId) -> None:
        """Delete a Space's /data for good. Raises: Invalid while it has an instance."""
        await self._ask("forget", space=space)

    async def ability(self) -> sandbox.Ability:
        """What the node can do here."""
        return sandbox.hear_ability(await self._ask("ability_of"))

    async def suspend(self, instance: InstanceId, rung: Phase) -> None:
        await self._ask("suspend", instance=instance, rung=rung.value)

    async def resume(self, instance: InstanceId) -> None:
        await self._ask("resume", instance=instance)

    async def logs(self, instance: InstanceId, after: int) -> AsyncIterator[bytes]:
        """The Space's run log from a byte offset to its present end. Raises: Missing."""
        if instance not in self._spaces:
            await self.observe()
        if instance not in self._spaces:
            raise Missing(what=f"read the log of {instance}", why="it does not run on this node")
        path = self._layout.logs / self._spaces[instance] / "run.log"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(after)
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk

    async def changes(self) -> AsyncIterator[Instance]:
        """Without end: all instances first, then each as it changes; all again when the node was away."""
        while True:
            told: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
            with contextlib.suppress(BackendUnavailable):
                line = await call(self._layout.node_socket, told.put_nowait)
                lost = asyncio.create_task(_when(line, told))
                try:
                    for each in await line.ask("watch"):
                        yield sandbox.hear_instance(each)
                    self._rungs = sandbox.hear_ability(await line.ask("ability_of")).rungs
                    while (said := await told.get()) is not None:
                        if "able" in said:
                            self._rungs = sandbox.hear_ability(said["able"]).rungs
                        else:
                            yield sandbox.hear_instance(said["changed"])
                finally:
                    lost.cancel()
                    await line.close()
            await asyncio.sleep(AGAIN)

    async def _ask(self, op: str, **fields: object) -> Any:  # noqa: ANN401 each operation has its own answer
        """Each operation may be repeated, so one that met a line to a node that is gone is asked again on a new one."""
        line = self._line
        if line is not None and not line.broken.is_set():
            try:
                return await line.ask(op, **fields)
            except BackendUnavailable:
                if not line.broken.is_set():
                    raise
        async with self._calling:
            if self._line is None or self._line.broken.is_set():
                self._line = await call(self._layout.node_socket)
            line = self._line
        return await line.ask(op, **fields)

    async def close(self) -> None:
        """Hang up."""
        if self._line:
            await self._line.close()


async def _when(line: Line, told: asyncio.Queue[dict[str, Any] | None]) -> None:
    """Say None when the line breaks."""
    await line.broken.wait()
    told.put_nowait(None)
