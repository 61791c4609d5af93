"""The process that shows what the others count."""

from __future__ import annotations

import asyncio

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.watch.serve import serve
from spaces_runtime.wiring.telling import address


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    layout = Layout(settings.data)
    await serve(address(settings), layout.run, None if settings.redis_url else layout.valkey_socket, stop)
