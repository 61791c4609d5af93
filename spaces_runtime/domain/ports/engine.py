"""Engines that run instances, and the node that has the privilege to."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from builder.artifact import Artifact
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase, StartSpec
from spaces_runtime.domain.storage import Removed


class Backend(Protocol):
    """An engine that runs instances. Every call is idempotent and may be repeated.

    Raises: BackendUnavailable when the engine cannot be reached; nothing else.
    """

    async def observe(self) -> Sequence[Instance]: ...
    async def start(self, spec: StartSpec) -> None: ...
    async def stop(self, instance: InstanceId) -> None: ...  # until no process, mount, cgroup, file is left
    def logs(self, instance: InstanceId, after: int) -> AsyncIterator[bytes]: ...  # after: byte offset


class Suspends(Protocol):
    """A backend with rungs between running and cold; `rungs` from warm to cold."""

    @property
    def rungs(self) -> tuple[Phase, ...]: ...
    async def suspend(self, instance: InstanceId, rung: Phase) -> None: ...  # raises RungFailed: it runs on
    async def resume(self, instance: InstanceId) -> None: ...


class Watches(Protocol):
    """A backend that tells when something changed, so that the tick need not wait."""

    def changes(self) -> AsyncIterator[Instance]: ...  # the instance as it is now


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A backend and what else it can do; None: it cannot."""

    run: Backend
    suspends: Suspends | None = None
    watches: Watches | None = None


class Dialer(Protocol):
    """Makes connections to the app inside an instance, for the gateways.

    Raises: BackendUnavailable when the node is away; ConnectionRefusedError when the app does not listen.
    """

    async def dial(self, instance: InstanceId) -> socket.socket: ...  # connected, non-blocking


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A build: a command run confined, as the builders' user, its output appended to the file `log`.

    reads, writes: folders (or files) it sees, at the same path inside; nothing else of the data folder exists for it.
    scratch: one of the folders it writes, which it shares with nobody: it is held to its size while the job runs. A job
    that has one runs a stranger's code, and runs in a sandbox or not at all.
    base: folder of Debian packages laid over the system; empty: none. disk: bytes it may write; 0: not limited.
    memory: bytes; seconds: wall clock. env is the whole environment. Each log line: see domain.logs.
    network: it may use the machine's; else it has none. background: everything else gets the processors first.
    """

    id: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    memory: int
    cpus: float
    seconds: float
    log: str
    network: bool = False
    background: bool = False
    scratch: str = ""
    base: str = ""
    disk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended. status: exit status, negative for a signal. why: out of memory, time, disk; else empty."""

    status: int
    why: str = ""


class Jobs(Protocol):
    """Runs builds. Cancelling run(), or the caller's death, ends the job and all its processes."""

    async def run(self, job: Job) -> JobEnd: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob:
    """An image for one Space, of the Dockerfile in `code`. base: only the engine's base with its packages.txt instead.

    artifact: what a build has made already: as an image, base and environment and code a layer each, for the registry.

    build: names it among the Space's images, to be kept or removed by; a base belongs to no Space alone.
    code, made: folders of the build, below the data folder: the checkout, and where the outcome is left.
    variables: build arguments. secrets: files at /run/secrets while a step that asks for them runs, and nowhere else.
    afresh: without what earlier builds left. memory: bytes; seconds: wall clock; disk: bytes its steps may write.
    hosts: of private networks, that an author may name. Each line of the file `log`: see domain.logs.
    """

    id: str
    space: str
    build: str
    code: str
    made: str
    base: bool = False
    artifact: Artifact | None = None
    variables: tuple[tuple[str, str], ...] = ()
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    afresh: bool = False
    memory: int
    cpus: float
    seconds: float
    disk: int
    log: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEnd:
    """How the making of an image ended. image: its id; empty: there is none.

    writable: folders of the image that its author gave to user 1000, or to everybody.
    status, why: as of a JobEnd. fault: what is wrong with what was asked for, whole sentences; file, line: its place.
    """

    status: int
    why: str = ""
    image: str = ""
    writable: tuple[str, ...] = ()
    fault: str = ""
    file: str = ""
    line: int = 0


class Images(Protocol):
    """The images of an engine of containers. Cancelling build(), or the caller's death, ends the build.

    Raises: BackendUnavailable when node or engine is away; Unavailable where there is no engine of containers.
    """

    async def build(self, job: ImageJob) -> ImageEnd: ...
    async def base(self, packages: Sequence[str]) -> str: ...  # id of the base that has these; empty: it is not made
    async def keep(self, space: str, builds: Sequence[str]) -> None: ...  # all others of this Space go; may be repeated
    async def sweep(self, kept: Sequence[str]) -> Removed: ...  # all but these images, and what builds no longer use
