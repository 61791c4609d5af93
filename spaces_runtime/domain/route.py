"""What a gateway must know of a Space to serve its visitors."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from spaces_runtime.domain.ids import InstanceId, SpaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How the waiting page shows a Space. usual: seconds a wake from here takes, measured; 0: not known yet."""

    title: str
    emoji: str = ""
    color_from: str = "gray"
    color_to: str = "gray"
    usual: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a Host leads.

    name: owner/name. host: the canonical host with port, as browsers see it.
    instance: the one whose door to try; None: cold, nothing runs.
    why: it cannot be woken (paused, failed): the sentence shown; empty: it can.
    waits: what it waits for before it can start, and which number it has; empty: for nothing.
    page: the Space's page on the hub, an absolute URL.
    headers: the author's custom_headers. frameable: other sites may frame it.
    files: folder of a static Space, served by the gateway itself; empty: an app answers. index: its file for `/`.
    moved: the Space had this host before it was renamed; visitors are sent to its present one.
    """

    space: SpaceId
    name: str
    host: str
    instance: InstanceId | None
    private: bool
    why: str = ""
    waits: str = ""
    page: str = ""
    face: Face
    headers: tuple[tuple[str, str], ...] = ()
    frameable: bool = True
    files: str = ""
    index: str = ""
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the scheduler asks of every gateway about an instance. cut_at: Unix seconds; inf: never cut.

    serial: given by the live store, a new one each time the door is to open or shut; gateways answer with it.
    """

    instance: InstanceId
    is_open: bool
    cut_at: float = inf
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gateways saw of a Space. touched_at: the last activity, Unix seconds; 0: none seen.

    held_since: an open tab or silent WebSocket is there, silent since then (Unix seconds); None: there is none.
    """

    touched_at: float = 0.0
    held_since: float | None = None
