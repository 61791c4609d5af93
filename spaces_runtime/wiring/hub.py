"""The hub's process: API, git, LFS and pages, on a unix socket that only the gateways reach."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import uvicorn

from spaces_runtime.domain.layout import GROUP, Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.hub.app import ROUTERS, create_app
from spaces_runtime.hub.identity import person, session_cookie
from spaces_runtime.web.routes import routes
from spaces_runtime.wiring.desk import desk
from spaces_runtime.wiring.names import visitor_key


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    async with desk(settings) as made:
        pages = routes(made, identify=person, cookie=session_cookie, visitor_key=visitor_key(settings))
        app = create_app(made, [*ROUTERS, pages])
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, server_header=False, date_header=False)
        )
        ended = asyncio.create_task(stop.wait())
        ended.add_done_callback(lambda _: setattr(server, "should_exit", True))
        await server.serve(sockets=[_listening(Layout(settings.data).hub_socket)])
        ended.cancel()


def _listening(path: Path) -> socket.socket:
    """A unix socket for the platform's group alone; an old one of a killed process is replaced."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    if GROUP in os.getgroups():
        os.chown(path, -1, GROUP)
    path.chmod(0o660)
    return listening
