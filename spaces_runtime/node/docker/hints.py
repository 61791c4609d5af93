"""The engine's events, taken as hints that it is time to look: one that is lost only delays."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import docker.errors
import requests.exceptions

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.node.docker.engine import Declined, Engine
from spaces_runtime.node.docker.recipe import PLATFORM

WORTH = ("pause", "unpause")  # what no process tells: an end is seen by the kernel's word before the engine knows it
AGAIN_AFTER = 1.0  # seconds between tries to reach an engine that is away
TROUBLE = (BackendUnavailable, Declined, docker.errors.DockerException, requests.exceptions.RequestException)


class Hints:
    """Listens on a thread of its own, which ends with the process."""

    def __init__(self, engine: Engine, key: str) -> None:
        self._engine, self._key = engine, key
        self._waiting = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, name="events of the engine", daemon=True).start()

    async def next(self, *, within: float) -> None:
        """Returns with the next hint, or without one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._waiting.wait()
        self._waiting.clear()

    def _listen(self) -> None:
        filters = {"type": "container", "label": f"{PLATFORM}={self._key}", "event": list(WORTH)}
        while not self._loop.is_closed():
            with contextlib.suppress(*TROUBLE, OSError, ValueError):
                stream = self._engine.ask("hear events", lambda client: client.events(filters=filters))
                self._hint()  # the engine is there: whatever was missed is seen now
                for _ in stream:
                    self._hint()
            threading.Event().wait(AGAIN_AFTER)

    def _hint(self) -> None:
        with contextlib.suppress(RuntimeError):  # the node has ended
            self._loop.call_soon_threadsafe(self._waiting.set)
