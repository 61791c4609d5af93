"""The container engine, as the one process that may speak to it does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import docker.errors
import requests.exceptions
from docker import APIClient, DockerClient

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.node.control import PEER

HERE = "unix:///var/run/docker.sock"
ANSWER_WITHIN = 60.0  # seconds; copying an image's folders to an instance's disk is the longest of our calls
AT_ONCE = 16  # calls
T = TypeVar("T")


class Declined(OSError):
    """The engine answered, and would not; its own words."""


class Absent(Declined):
    """The engine has no such container, image or network."""


def place(host: str) -> str:
    """Where the engine is: what is asked for, what DOCKER_HOST names, or this machine's usual socket."""
    asked = host or os.environ.get("DOCKER_HOST", "") or HERE
    return f"unix://{asked}" if asked.startswith("/") else asked


class Engine:
    """Calls in threads of their own; after an engine was away, the next call finds the new one."""

    def __init__(self, host: str) -> None:
        self.place = place(host)
        self._client: DockerClient | None = None
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="engine")

    async def call(self, what: str, ask: Callable[[APIClient], T]) -> T:
        """Raises: BackendUnavailable, Declined, Absent."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.ask, what, ask)

    def ask(self, what: str, ask: Callable[[APIClient], T]) -> T:
        """The same for a thread that may wait. Blocks. Raises: BackendUnavailable, Declined, Absent."""
        try:
            return ask(self.client().api)
        except docker.errors.NotFound as error:
            raise Absent(_words(error)) from error
        except docker.errors.APIError as error:
            raise Declined(_words(error)) from error
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            self._client = None
            raise self.away(what, error) from error

    def client(self) -> DockerClient:
        """A connection that speaks the engine's version. Blocks. Raises: DockerException."""
        if self._client is None:
            self._client = DockerClient(base_url=self.place, version="auto", timeout=ANSWER_WITHIN)
        return self._client

    def seen(self, path: str) -> Path:
        """A path of the engine's, as this process finds it: from a container, through the process of the engine."""
        scheme, _, at = self.place.partition("://")
        if scheme == "unix" and not Path(path).exists():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asked:
                asked.connect(at)
                pid, *_ = PEER.unpack(asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
                return Path(f"/proc/{pid}/root{path}")
        return Path(path)

    def away(self, what: str, error: Exception) -> BackendUnavailable:
        """What a person is told."""
        why = f"the container engine does not answer at {self.place} ({_reason(error)})"
        return BackendUnavailable(what=what, why=why, then="Start it; Spaces that it kept running are found again.")

    def close(self) -> None:
        """Let its threads end."""
        self._threads.shutdown(wait=False)


def _words(error: docker.errors.APIError) -> str:
    return str(error.explanation or error).strip()


def _reason(error: BaseException) -> str:
    """The innermost cause: requests wraps a refused connection four times."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
