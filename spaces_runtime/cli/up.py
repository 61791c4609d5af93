"""`spaces up`: everything on one machine, in the foreground."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog

from spaces_runtime.cli import port
from spaces_runtime.cli.folders import prepare
from spaces_runtime.cli.housekeeping import keep_room
from spaces_runtime.cli.settings import tell, untell
from spaces_runtime.cli.supervise import Supervisor, gateways, parts
from spaces_runtime.domain.errors import Fault, Unavailable
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.wiring.desk import migrate, store_name
from spaces_runtime.wiring.gateway import doors
from spaces_runtime.wiring.names import names_of, visitor_key
from spaces_runtime.wiring.node import stop_spaces
from spaces_runtime.wiring.telling import address

READY_WITHIN = 60.0  # seconds from start to an accepted push
STOP_SPACES = 5.0  # seconds of the ten that SIGTERM has

log = structlog.get_logger()


def up(settings: Settings, announce: Callable[[str], None], *, own_node: bool = True) -> None:
    """Run until SIGTERM or SIGINT. announce: called once, with the hub's address, when a push would be accepted.

    own_node: False where the node runs elsewhere on this machine, on the same data folder, as in compose.yaml.
    """
    layout = Layout(settings.data)
    prepare(layout)
    visitor_key(settings)
    store_name(settings)  # the scheduler reads it too, and may not make it
    with _only_one(layout):
        tell(settings)
        try:
            asyncio.run(_up(settings, announce, own_node))
        finally:
            untell(settings)


async def _up(settings: Settings, announce: Callable[[str], None], own_node: bool) -> None:
    began = time.monotonic()
    stop, renew = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, renew.set)
    await port.check(settings.port)
    await migrate(settings)
    wanted = parts(
        gateways(settings.gateway.processes),
        own_live_store=not settings.redis_url,
        own_node=own_node,
        watch=bool(settings.metrics and address(settings)),
    )
    shown = {part.name: doors(settings) for part in wanted if part.role == "gateway"}
    supervisor = Supervisor(wanted, str(settings.data), _environment(settings), shown)
    try:
        await supervisor.run()
        if await _ready(settings, stop):
            log.info("ready", seconds=round(time.monotonic() - began, 2))
            announce(names_of(settings).hub_url)
            room = asyncio.create_task(keep_room(settings, _environment(settings)))
            await _until(stop, renew, supervisor)
            room.cancel()
            await asyncio.wait([room])
    finally:
        await _end(supervisor, settings, own_node)


async def _until(stop: asyncio.Event, renew: asyncio.Event, supervisor: Supervisor) -> None:
    """Wait for the end; meanwhile replace the processes as often as asked."""
    while not stop.is_set():
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(renew.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if renew.is_set() and not stop.is_set():
            renew.clear()
            log.info("replacing the platform's processes; Spaces go on running")
            await supervisor.replace()
            log.info("replaced")


async def _ready(settings: Settings, stop: asyncio.Event) -> bool:
    """Wait until the hub answers through a gateway. False: asked to stop before that."""
    try:
        async with asyncio.timeout(READY_WITHIN):
            while not stop.is_set():
                if await port.hub_answers(settings.port):
                    return True
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unavailable(
            what="start", why=f"the hub does not answer after {READY_WITHIN:.0f} s", then="The lines above say why."
        ) from None
    return False


async def _end(supervisor: Supervisor, settings: Settings, own_node: bool) -> None:
    """Visitors' side first, then the Spaces, then what holds state."""
    await supervisor.end(("watch", "gateway", "scheduler"))
    try:
        async with asyncio.timeout(STOP_SPACES):
            await stop_spaces(settings)
    except (TimeoutError, Fault) as error:
        log.warning("not every Space could be stopped", why=str(error))
    await supervisor.end(("node", "hub"))
    await supervisor.end(("live",))
    layout = Layout(settings.data)
    others = () if own_node else (layout.node_socket, layout.dial_socket)
    for path in layout.run.iterdir():
        if path.is_socket() and path not in others:
            path.unlink()
    log.info("stopped")


def _environment(settings: Settings) -> dict[str, str]:
    """The children read the same file and variables; flags of `up` reach them as variables."""
    kept = {name: value for name, value in os.environ.items() if name != "SPACES_DATA"}
    return kept | {
        "SPACES_PORT": str(settings.port),
        "SPACES_TRUST_SPACES": str(settings.trust_spaces).lower(),
        "SPACES_PUBLIC_URL": settings.public_url,
        "SPACES_ENGINE": settings.engine,
    }


class _only_one:  # noqa: N801 - reads as a clause: with _only_one(layout)
    """Holds the data folder's lock; names who has it."""

    def __init__(self, layout: Layout) -> None:
        self._path: Path = layout.run / "up.pid"
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Fault(
                what="start",
                why=f"process {file.read().strip()} already runs this data folder",
                then="Stop it first, or name another --data.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        if self._file:
            self._file.close()


def running(layout: Layout) -> int:
    """The pid of the `spaces up` that holds this data folder.

    Raises: Unavailable if none does.
    """
    path = layout.run / "up.pid"
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(path.read_text())
    except FileNotFoundError:
        pass
    raise Unavailable(what="reach the platform", why=f"nothing runs on {layout.data}", then="Start it: spaces up.")
