"""A Space as one snapshot: asked for, built, observed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.hardware import Gpu
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.lesson import Crashed, Failed
from spaces_runtime.domain.setup import Setup, digest
from spaces_runtime.domain.source import Source
from spaces_runtime.domain.waits import Waits


class Wish(Enum):
    """What the author asked for."""

    SERVE = "serve"
    PAUSE = "pause"
    DELETE = "delete"


class BuildState(Enum):
    """Where the build of a revision stands."""

    NONE = "none"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INVALID = "invalid"  # front matter or settings are wrong: nothing to build


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit of the source, and one build of it. why: one sentence if it failed."""

    key: BuildKey
    build: BuildState = BuildState.NONE
    artifact: Artifact | None = None
    why: str = ""

    @property
    def static(self) -> bool:
        """Built into files only: served by the gateways, always up, without an instance."""
        return self.artifact is not None and self.artifact.kind is ArtifactKind.STATIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step of the ladder: idle for `after` seconds leads to `phase`; None is cold."""

    phase: Phase | None
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """A person asked for sleep at once, down to `phase` (None: cold); a later touch cancels it. at: Unix seconds.

    why: what else it was that asked, in words that a time can follow; empty: a person.
    """

    at: float
    phase: Phase | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Devices that a start takes, kept before the start is ordered. at: Unix seconds."""

    instance: InstanceId
    gpus: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Everything one decision may look at. Times are Unix seconds, spans are seconds.

    wished_by: name of who paused or deleted it.
    head: the pushed revision; None while the source has no app file.
    last_good: newest revision that has answered; serves while the head is not built, or failed its start.
    answered: builds known to have answered, as far as head and instances are concerned.
    failed, crashed: the latest of each; count only for the digest they name.
    touched_at: latest of visit, wake request, push, restart by a person.
    worked_at: until when the app used CPU of its own (5 % of a core over a minute); inf: it still does.
    held_since: an open tab or WebSocket, there or silent since then; None: there is none.
    hold: how long such a silent one keeps the Space from going deeper than frozen.
    hush: see Hush; None: nobody asked.
    ladder: warm to cold, without the rungs that failed; empty: never sleeps.
    places: how many instances the placement pass lets it hold now:
        0 waits in the queue (position: 1 is next; -1: this machine can never hold it), 1 rolls with a gap, 2 without.
    gpus: devices that the placement pass gives its next instance.
    usual: seconds a wake from where it is now takes, measured on this Space; 0: not known yet.
    pinned: it never makes way for another. waits: what for, while it has no place; None: it has, or needs none.
    peak: most memory its last instance held, bytes; 0: not known yet. lease: see Lease; None: never on a GPU.
    """

    id: SpaceId
    source: Source
    wish: Wish
    wished_by: str = ""
    setup: Setup
    head: Revision | None = None
    last_good: Revision | None = None
    answered: frozenset[BuildKey] = frozenset()
    failed: Failed | None = None
    crashed: Crashed | None = None
    instances: tuple[Instance, ...] = ()
    touched_at: float = 0.0
    worked_at: float = 0.0
    held_since: float | None = None
    hold: float = 6 * 3600.0
    hush: Hush | None = None
    ladder: tuple[Rung, ...] = ()
    start_deadline: float = 1800.0
    places: int = 0
    position: int = 0
    gpus: tuple[Gpu, ...] = ()
    usual: float = 0.0
    pinned: bool = False
    waits: Waits | None = None
    peak: int = 0
    lease: Lease | None = None

    def spec(self, revision: Revision) -> Digest:
        """The digest an instance of this revision would be started with now."""
        return digest(revision.key, revision.artifact, self.setup)

    @property
    def head_failed(self) -> bool:
        """The head as it would be started now has failed its start; a push, rebuild or restart makes a new digest."""
        if self.head is None or self.failed is None or self.head.key in self.answered:
            return False
        return self.failed.spec == self.spec(self.head)

    @property
    def target(self) -> Revision | None:
        """The revision that should serve."""
        if self.head is not None and self.head.build is BuildState.DONE and not self.head_failed:
            return self.head
        return self.last_good

    @property
    def wanted(self) -> Digest | None:
        """The digest of what should serve; an instance that carries it is fresh."""
        return self.spec(self.target) if self.target else None

    @property
    def files(self) -> Revision | None:
        """The static revision that is served now; a good one stays until an app that replaces it has answered."""
        target = self.target
        if target is not None and target.static:
            return target
        return self.last_good if self.last_good is not None and self.last_good.static else None

    def retry_at(self, spec: Digest | None) -> float:
        """No start of this digest before then (Unix seconds)."""
        return self.crashed.retry_at if self.crashed is not None and self.crashed.spec == spec else 0.0
