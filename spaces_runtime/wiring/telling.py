"""Where a process tells what it counts: a unix socket that only the platform's own users reach."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.figures import Source, plain
from spaces_runtime.domain.layout import FIGURES, GROUP, Layout
from spaces_runtime.domain.settings import Settings

LARGEST_PORT = 65535


def address(settings: Settings) -> tuple[str, int]:
    """Host and port of `metrics`.

    Raises: Fault for what is none, or where visitors come.
    """
    host, _, port = settings.metrics.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise Fault(what="tell metrics", why=f'"{settings.metrics}" is no address', then="Say host:port.")
    if int(port) == settings.port:
        raise Fault(what="tell metrics", why=f"port {port} is where visitors come", then="Choose another port.")
    return host.strip("[]"), int(port)


@asynccontextmanager
async def telling(
    settings: Settings, name: str, sources: Sequence[Source], before: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """While the block runs, whoever connects is told all of it once. Nothing where nobody is to be told.

    before: looks up what is not known by itself; it has a deadline of its own.
    """
    if not settings.metrics:
        yield
        return

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if before is not None:
                await before()
            writer.write(json.dumps(plain(sources)).encode())
            await writer.drain()
        except OSError:  # whoever asked went away
            pass
        finally:
            writer.close()

    path = Layout(settings.data).run / f"{name}{FIGURES}"
    path.unlink(missing_ok=True)  # of one that was killed, or that this one takes over from
    server = await asyncio.start_unix_server(answer, path)
    if os.geteuid() == 0 or GROUP in os.getgroups():
        os.chown(path, -1, GROUP)
    path.chmod(0o660)
    try:
        yield
    finally:
        server.close()
