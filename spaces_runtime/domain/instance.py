"""What a backend observes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from builder.artifact import Artifact
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.hardware import Gpu
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, SpaceId
from spaces_runtime.domain.setup import Setup


class Phase(Enum):
    """The life of an instance, as its engine sees it."""

    STARTING = "starting"
    READY = "ready"
    FROZEN = "frozen"
    PAGED = "paged"  # frozen, and its memory swapped out
    CHECKPOINTED = "checkpointed"  # no process of the app: its memory is on disk
    PACKED = "packed"  # the same, compressed
    EXITED = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One running copy of a build.

    spec: digest of what it was started with.
    since: Unix seconds at which the phase began.
    answered: it has given an HTTP answer, ever; never while STARTING.
    connections: established on the app's port, as the node sees them; None: it cannot tell.
    cpu: seconds of CPU it has used so far; memory: bytes it holds now; peak: most it ever held.
    hardware: name of its tier; gpus: ids of the devices it was given.
    gate: filled in by the scheduler.
    cut_at: Unix seconds at which the gateways end what is still inside a closing one; inf: they wait.
    """

    id: InstanceId
    space: SpaceId
    build: BuildKey
    spec: Digest
    phase: Phase
    since: float
    answered: bool = False
    connections: int | None = None
    gate: Gate = Gate.UNKNOWN
    cut_at: float = inf
    cpu: float = 0.0
    memory: int = 0
    peak: int = 0
    hardware: str = ""
    gpus: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume made ready. folder: what to show; of a writable one, `files.json`: what its bucket has, see domain.kept.

    key: of a writable one, names where its files are kept on this machine; empty: it is read-only.
    """

    folder: str
    inside: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSpec:  # never logged: env holds opened secrets
    """All a backend needs to start one instance; it keeps `spec` beside the instance and shows it again.

    gpus: devices of its node that it alone may see.
    """

    id: InstanceId
    space: SpaceId
    build: BuildKey
    spec: Digest
    artifact: Artifact
    setup: Setup
    mounts: tuple[Mount, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    env: dict[str, str] = field(repr=False)  # variables, opened secrets, and what the platform tells the app
