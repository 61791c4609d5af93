"""The hub as users meet it: a real uvicorn on a free loopback port, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import uvicorn
from fastapi import APIRouter

from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.hub.app import ROUTERS, create_app
from spaces_runtime.hub.identity import person, session_cookie
from spaces_runtime.web.routes import routes
from spaces_runtime.wiring.names import visitor_key

T = TypeVar("T")
PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Hub:
    """A running hub. url: where it listens."""

    url: str
    desk: Desk
    loop: asyncio.AbstractEventLoop

    def do(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        """Run an operation at the hub's own desk."""

        async def go() -> T:
            return await work(self.desk)

        return asyncio.run_coroutine_threadsafe(go(), self.loop).result(PATIENCE)


@contextmanager
def serving(opened: AbstractAsyncContextManager[Desk], *, more: Sequence[APIRouter] = ()) -> Iterator[Hub]:
    """Serve while the block runs. opened: the desk, opened in the server's loop. more: routers tried first."""
    # With the protocol named, asyncio turns Nagle's delay off: else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    ready, stop = threading.Event(), threading.Event()
    hubs: list[Hub] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        async with opened as desk:
            key = visitor_key(desk.settings)
            pages = routes(desk, identify=person, cookie=session_cookie, visitor_key=key)
            app = create_app(desk, [*more, *ROUTERS, pages])
            config = uvicorn.Config(app, log_level="warning", date_header=False, timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            loop = asyncio.get_running_loop()
            hubs.append(Hub(f"http://127.0.0.1:{listener.getsockname()[1]}", desk, loop))
            running = asyncio.ensure_future(server.serve(sockets=[listener]))
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            ready.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await running

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - shown to the test that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE), "the hub did not start"
    if failed:
        raise failed[0]
    try:
        yield hubs[0]
    finally:
        stop.set()
        thread.join(PATIENCE)
        listener.close()
