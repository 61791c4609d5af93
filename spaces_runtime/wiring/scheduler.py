"""The scheduler's process: keeps every Space where it should be, and builds what was pushed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.sources import Sources, network, pip_sources
from spaces_runtime.backends.process.backend import ProcessBackend
from spaces_runtime.backends.process.images import NodeImages
from spaces_runtime.backends.process.jobs import NodeJobs
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.hardware import Gpu, Stock
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.mounting import make_ready
from spaces_runtime.domain.operations.push import rescan
from spaces_runtime.domain.ports.engine import Engine
from spaces_runtime.domain.settings import BuildSettings, Settings
from spaces_runtime.scheduler import tick
from spaces_runtime.scheduler.builds import BuildQueue, Ports
from spaces_runtime.scheduler.chronicle import Chronicle
from spaces_runtime.scheduler.parts import Parts
from spaces_runtime.store.live import LiveGates, LiveRoutes
from spaces_runtime.store.mounts import Mounts
from spaces_runtime.wiring.desk import desk
from spaces_runtime.wiring.live import live_store
from spaces_runtime.wiring.telling import telling

SPARE = 2**30  # bytes of memory that are not for Spaces: the platform, its builds, the page cache


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Schedule until `stop` is set; there is never more than one."""
    layout, live = Layout(settings.data), live_store(settings)
    backend = ProcessBackend(layout)
    with _alone(layout.run / "scheduler.lock"):
        try:
            async with desk(settings) as made:
                queue, mounts = _builds(made, settings, layout), Mounts(layout)
                await queue.resume()
                await tick.run(
                    Parts(
                        spaces=made.spaces,
                        builds=made.builds,
                        queue=queue,
                        secrets=made.secrets,
                        allowances=made.allowances,
                        index=made.index,
                        repos=made.repos,
                        engine=Engine(run=backend, suspends=backend, watches=backend),
                        routes=LiveRoutes(live),
                        gates=LiveGates(live),
                        wakes=made.wakes,
                        activity=made.activity,
                        observations=made.observations,
                        events=made.events,
                        logs=made.logs,
                        names=made.names,
                        stocks=made.stocks,
                        stock=stock(),
                        devices=lambda: _devices(backend),
                        rescan=lambda: rescan(made),
                        mounts=lambda space: make_ready(made, mounts, space, time.time()),
                        clear=backend.forget,
                        chronicle=Chronicle(made.timeline, time.time),
                        telling=lambda sources: telling(settings, "scheduler", sources),
                        clock=time.time,
                    ),
                    stop,
                )
        finally:
            await backend.close()
            await live.close()


def _builds(made: Desk, settings: Settings, layout: Layout) -> BuildQueue:
    ports = Ports(
        repos=made.repos,
        jobs=NodeJobs(layout.node_socket),
        logs=made.logs,
        builds=made.builds,
        spaces=made.spaces,
        wakes=made.wakes,
        secrets=made.secrets,
        images=NodeImages(layout.node_socket) if settings.engine == "docker" else None,
    )
    return BuildQueue(
        ports,
        layout=layout,
        settings=settings.build,
        sources=_sources(settings.build),
        network=network(os.environ),
        hub=made.names.hub_url,
        search=os.environ.get("PATH", ""),
        registry=settings.docker.registry if settings.engine == "docker" else "",
    )


def _sources(asked: BuildSettings) -> Sources:
    """What the operator sets; where nothing is, what pip is configured to use."""
    found = pip_sources(os.environ)
    return Sources(
        index=asked.index or found.index,
        extra=asked.extra_index or found.extra,
        links=asked.find_links or found.links,
        ca=asked.ca or found.ca,
        hosts=asked.hosts,
    )


def stock() -> Stock:
    """What this machine has, but for devices."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Stock(memory=memory, cpus=len(os.sched_getaffinity(0)), room=max(0, memory - SPARE))


async def _devices(backend: ProcessBackend) -> tuple[tuple[Gpu, ...], str]:
    ability = await backend.ability()
    return ability.gpus, ability.no_gpus


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault(what="start a scheduler", why="another one runs on this data folder") from None
        yield
