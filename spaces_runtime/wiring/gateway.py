"""A gateway's process: the visitors' side."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

from spaces_runtime.backends.process.dialer import NodeDialer
from spaces_runtime.domain.ids import GatewayId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.gateway.serve import Gateway, GatewayParts, listen, serve_bare
from spaces_runtime.store.live import LiveActivity, LiveEvents, LiveGates, LiveRoutes, LiveWakes
from spaces_runtime.wiring.live import live_store
from spaces_runtime.wiring.names import names_of, visitor_key
from spaces_runtime.wiring.telling import telling


def doors(settings: Settings) -> Sequence[socket.socket]:
    """What one gateway listens on; the others have their own on the same port."""
    return listen(settings.port, public=bool(settings.public_url))


async def run(settings: Settings, number: int, sockets: Sequence[socket.socket], stop: asyncio.Event) -> None:
    """Serve until `stop` is set. number: which of them. sockets: kept by whoever starts it; empty: it opens its own."""
    layout, live = Layout(settings.data), live_store(settings)
    dialer = NodeDialer(layout.dial_socket)
    parts = GatewayParts(
        gateway=GatewayId(f"gateway-{number}-{os.getpid()}"),
        sockets=sockets or doors(settings),
        hub_socket=layout.hub_socket,
        names=names_of(settings),
        settings=settings.gateway,
        key=visitor_key(settings),
        routes=LiveRoutes(live),
        gates=LiveGates(live),
        wakes=LiveWakes(live),
        activity=LiveActivity(live),
        events=LiveEvents(live),
        dialer=dialer,
        blobs=layout.blobs,
        bodies=layout.bodies_socket,
    )
    gateway = Gateway(parts)
    try:
        async with telling(settings, f"gateway-{number}", gateway.figures):
            await gateway.run(stop)
    finally:
        dialer.close()
        await live.close()


bare = serve_bare  # in front of one app, without a platform
