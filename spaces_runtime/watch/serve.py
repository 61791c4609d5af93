"""The page of figures, on an address of its own that no visitor reaches."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from spaces_runtime.domain.errors import Fault
from spaces_runtime.watch.page import Page

log = structlog.get_logger()


async def serve(address: tuple[str, int], run: Path, live: Path | None, stop: asyncio.Event) -> None:
    """Until `stop` is set. run, live: see Page. In threads of its own: whoever asks slowly keeps nobody waiting.

    Raises: Fault when the address cannot be had.
    """
    host, port = address
    registry = CollectorRegistry()
    registry.register(Page(run, live))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        why = error.strerror or str(error)
        raise Fault(what=f"tell metrics on {host}:{port}", why=why, then="Set `metrics` to another.") from None
    log.info("metrics", address=f"http://{host}:{server.server_port}/metrics")
    await stop.wait()
    await asyncio.to_thread(server.shutdown)
    server.server_close()
    await asyncio.to_thread(thread.join)
