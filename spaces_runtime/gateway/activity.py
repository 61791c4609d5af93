"""What counts as use of a Space, and telling it about once a second."""

from __future__ import annotations

import re
from enum import Enum

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.route import Seen
from spaces_runtime.gateway.head import Head

HEARTBEAT = re.compile(rb"/heartbeat/[A-Za-z0-9_-]+$")  # Gradio's, below whatever prefix


class Use(Enum):
    """What a request says about its visitor."""

    VISIT = "visit"  # a page load, an API call, an upload: wakes the Space
    TAB = "open tab"  # Gradio's heartbeat: lasts as long as the tab, wakes nothing and keeps nothing awake
    AGAIN = "reconnect"  # a browser's stream or WebSocket, which its script opens again by itself: wakes nothing


def use(head: Head) -> Use:
    """Judge a request by its head.

    A browser's script reopens a lost stream or WebSocket for as long as its tab is open, so these alone must not
    wake: whoever uses such a page has loaded it, and that did. A program that opens one means it.
    """
    streams = b"text/event-stream" in head.get(b"accept")
    if head.method in (b"GET", b"HEAD") and HEARTBEAT.search(head.path):
        return Use.TAB
    if head.path.endswith(b"/queue/data"):
        return Use.VISIT  # Gradio's script opens it only while it waits for a prediction
    if head.method == b"GET" and streams and (head.get(b"last-event-id") or head.get(b"sec-fetch-site")):
        return Use.AGAIN
    if head.upgrade and head.get(b"origin"):
        return Use.AGAIN
    return Use.VISIT


class Ledger:
    """What this gateway saw since it last told. Times are Unix seconds."""

    def __init__(self) -> None:
        self._touched: dict[SpaceId, float] = {}
        self._inside: dict[SpaceId, int] = {}
        self._held: dict[SpaceId, dict[object, float]] = {}
        self._told_held: set[SpaceId] = set()

    def touch(self, space: SpaceId, now: float) -> None:
        """Use, at this moment."""
        self._touched[space] = now

    def enter(self, space: SpaceId) -> None:
        """A request that counts is under way: the Space is in use until leave()."""
        self._inside[space] = self._inside.get(space, 0) + 1

    def leave(self, space: SpaceId, now: float) -> None:
        """It is over; that moment counts, too."""
        left = self._inside.get(space, 0) - 1
        if left > 0:
            self._inside[space] = left
        else:
            self._inside.pop(space, None)
        self._touched[space] = now

    def hold(self, space: SpaceId, stream: object, since: float) -> None:
        """An open tab or silent WebSocket; since: when it was last heard."""
        self._held.setdefault(space, {})[stream] = since

    def release(self, space: SpaceId, stream: object) -> None:
        """It is gone, or no longer silent."""
        streams = self._held.get(space)
        if streams is not None:
            streams.pop(stream, None)
            if not streams:
                del self._held[space]

    def drain(self, now: float) -> dict[SpaceId, Seen]:
        """What is to be told now; what is held is told each time, its end once."""
        touched, self._touched = self._touched, {}
        touched.update(dict.fromkeys(self._inside, now))
        ended = self._told_held - self._held.keys()
        self._told_held = set(self._held)
        return {
            space: Seen(touched_at=touched.get(space, 0.0), held_since=self._held_since(space))
            for space in (
                *touched,
                *(self._held.keys() - touched.keys()),
                *(ended - touched.keys() - self._held.keys()),
            )
        }

    def give_back(self, seen: dict[SpaceId, Seen]) -> None:
        """What could not be told stays to be told."""
        for space, one in seen.items():
            if one.touched_at > self._touched.get(space, 0.0):
                self._touched[space] = one.touched_at
            self._told_held.add(space)

    def _held_since(self, space: SpaceId) -> float | None:
        streams = self._held.get(space)
        return max(streams.values()) if streams else None
