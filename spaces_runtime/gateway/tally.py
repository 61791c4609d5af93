"""What one gateway counts. A request pays a few look-ups in dictionaries, most of them when it is over."""

from __future__ import annotations

from collections.abc import Callable

from spaces_runtime.domain.figures import Counter, Gauge, Source, Spread


class Tally:
    """The ways a request may go: hub; app; files of a static Space; own pages; none: there is no such Space here."""

    def __init__(self) -> None:
        self.requests = Counter(
            "spaces_gateway_requests", "Requests that are over, by way and status.", "way", "status"
        )
        self.refused = Counter("spaces_gateway_refused", "Requests the gateway turned away itself.", "why")
        self.held = Counter("spaces_gateway_held", "Requests that had to wait for their Space.")
        self.waited = Spread("spaces_gateway_held_seconds", "How long those waited that got in.")
        self.upstream = Spread("spaces_gateway_upstream_seconds", "From request to head of the answer.", "way")
        self._begun = self._over = 0

    def begun(self) -> None:
        """One more is under way."""
        self._begun += 1

    def over(self, way: str, status: int, took: float) -> None:
        """It has ended. status: 0: the visitor left before an answer. took: seconds upstream; 0: it never got there."""
        self._over += 1
        self.requests.add(way, str(status) if status else "left")
        if took:
            self.upstream.add(took, way)

    def sources(self, connections: Callable[[], int], waiting: Callable[[], int]) -> tuple[Source, ...]:
        """All of it, beside what others know."""
        return (
            self.requests,
            self.refused,
            self.held,
            self.waited,
            self.upstream,
            Gauge("spaces_gateway_in_flight", "Requests under way.", lambda: {(): float(self._begun - self._over)}),
            Gauge("spaces_gateway_connections", "Connections of visitors.", lambda: {(): float(connections())}),
            Gauge("spaces_gateway_waiting", "Requests and pages that wait for a Space now.",
                  lambda: {(): float(waiting())}),
        )  # fmt: skip
