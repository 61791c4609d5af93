"""The hub's process: API, git, LFS and pages, on a unix socket that only the gateways reach."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import structlog
import uvicorn
from uvicorn.protocols.http import httptools_impl

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.layout import GROUP, Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.push import rescan
from spaces_runtime.domain.operations.written import take_written
from spaces_runtime.domain.settings import Settings
from spaces_runtime.hub.app import ROUTERS, create_app
from spaces_runtime.hub.bodies import Bodies
from spaces_runtime.hub.figures import Figures
from spaces_runtime.hub.identity import person, session_cookie
from spaces_runtime.store.written import WrittenFolder
from spaces_runtime.web.routes import routes
from spaces_runtime.wiring.desk import desk
from spaces_runtime.wiring.names import visitor_key
from spaces_runtime.wiring.telling import telling

UPLOAD_PIECE = 2**20  # bytes of a request's body that wait for its handler

REACHED_WITHIN = 0.8  # seconds that database and live store have to answer
TAKE_EVERY = 2.0  # seconds between looks into a folder that is nearly always empty
log = structlog.get_logger()


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    # Uploads come in larger pieces than uvicorn's 64 KiB: each costs a round of the loop on both sides of the socket.
    httptools_impl.HIGH_WATER_LIMIT = UPLOAD_PIECE  # type: ignore[attr-defined] # a constant of its own
    async with desk(settings) as made:
        pages = routes(made, identify=person, cookie=session_cookie, visitor_key=visitor_key(settings))
        app = create_app(made, [*ROUTERS, pages])
        app.state.bodies = bodies = Bodies(_listening(Layout(settings.data).bodies_socket, socket.SOCK_SEQPACKET))
        passing = asyncio.create_task(bodies.serve())
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, server_header=False, date_header=False)
        )
        ended = asyncio.create_task(stop.wait())
        ended.add_done_callback(lambda _: setattr(server, "should_exit", True))
        taking = asyncio.create_task(_take(made))
        catching_up = asyncio.create_task(_catch_up(made))
        figures: Figures = app.state.figures
        async with telling(settings, "hub", figures.sources, lambda: _reach(made, figures)):
            await server.serve(sockets=[_listening(Layout(settings.data).hub_socket)])
        ended.cancel()
        taking.cancel()
        catching_up.cancel()
        passing.cancel()
        await asyncio.wait([taking, catching_up, passing])


async def _reach(made: Desk, figures: Figures) -> None:
    """Ask database and live store for next to nothing."""
    asked = {"database": made.spaces.addresses([]), "live store": made.activity.since()}
    for what, asking in asked.items():
        try:
            async with asyncio.timeout(REACHED_WITHIN):
                await asking
            figures.reachable[what,] = 1.0
        except (Unavailable, OSError, TimeoutError):
            figures.reachable[what,] = 0.0


async def _catch_up(made: Desk) -> None:
    """What a hub that was killed behind a push or commit had no time to note. The scheduler finds it too, but later."""
    try:
        await rescan(made)
    except Exception:  # the scheduler tries again each minute
        log.exception("index and Spaces could not be brought up to what git says")


async def _take(made: Desk) -> None:
    """What Spaces write into their buckets, as it comes."""
    outbox, said = WrittenFolder(made.layout.written), dict[str, str]()
    while True:
        try:
            await take_written(made, outbox, said, time.time())
        except Exception:  # a bug of ours must not end the taking for good; what waits is not lost
            log.exception("what Spaces wrote could not be taken")
        await asyncio.sleep(TAKE_EVERY)


def _listening(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A unix socket for the platform's group alone; an old one of a killed process is replaced."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, kind)
    listening.bind(str(path))
    if GROUP in os.getgroups():
        os.chown(path, -1, GROUP)
    path.chmod(0o660)
    listening.listen()
    return listening
