"""What a Space keeps from one instance to the next on this machine: /data, and the buckets that it writes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.node import buckets, disk
from spaces_runtime.node.machine import Machine

log = structlog.get_logger()


class Volumes:
    """Those of one Space come and go one after the other; different Spaces do not wait for each other."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._locks: defaultdict[SpaceId, asyncio.Lock] = defaultdict(asyncio.Lock)
        machine.volumes.mkdir(parents=True, exist_ok=True)

    @asynccontextmanager
    async def opening(self, spec: StartSpec, *, alone: bool) -> AsyncIterator[None]:
        """While an instance is given its places. alone: no other instance of its Space runs."""
        async with self._locks[spec.space]:
            if alone:
                await asyncio.to_thread(self._tidy, spec)
            yield

    def _tidy(self, spec: StartSpec) -> None:
        """Buckets that the Space mounts no longer; what it wrote there was sent when it ended."""
        for place in buckets.places(self._machine, spec.space):
            if place.key not in {mount.key for mount in spec.mounts}:
                buckets.drop(place)

    async def left(self, space: SpaceId, *, alone: bool) -> None:
        """An instance has ended. alone: it was the last one of its Space."""
        async with self._locks[space]:
            await asyncio.to_thread(self._send, space, ended=alone)
            if alone:
                await asyncio.to_thread(self._detach, space)

    async def send(self, space: SpaceId) -> None:
        """What its running instances wrote into buckets by now."""
        async with self._locks[space]:
            await asyncio.to_thread(self._send, space, ended=False)

    async def sweep(self, used: set[SpaceId]) -> None:
        """Let go of what no running instance uses."""
        for space in {SpaceId(target.name.partition("@")[0]) for target in self._machine.volumes.iterdir()} - used:
            await self.left(space, alone=True)

    async def forget(self, space: SpaceId) -> None:
        """Delete them for good."""
        async with self._locks[space]:
            await asyncio.to_thread(self._detach, space)
            await asyncio.to_thread(shutil.rmtree, self._machine.layout.volumes / space, ignore_errors=True)

    def _send(self, space: SpaceId, *, ended: bool) -> None:
        """What it wrote into its buckets; what cannot be sent now stays there, and is sent another time."""
        for place in buckets.places(self._machine, space):
            try:
                buckets.send(place, ended=ended)
            except (OSError, ValueError, KeyError) as error:  # a full disk, or a damaged note of ours
                log.warning("what a Space wrote could not be sent", space=space, why=str(error))

    def _detach(self, space: SpaceId) -> None:
        for place in buckets.places(self._machine, space):
            buckets.detach(place)
        target = self._machine.volumes / space
        disk.detach(target)
        with contextlib.suppress(OSError):
            target.rmdir()
