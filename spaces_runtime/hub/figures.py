"""What the hub counts of its own requests."""

from __future__ import annotations

from spaces_runtime.domain.figures import Counter, Gauge, Source, Spread


class Figures:
    """reachable: what else the hub needs, and whether it answered when it was asked last."""

    def __init__(self) -> None:
        self.requests = Counter("spaces_hub_requests", "Requests that were answered.", "method", "status")
        self.took = Spread("spaces_hub_seconds", "From a request to the head of its answer.", "method")
        self.reachable: dict[tuple[str, ...], float] = {}

    def answered(self, method: str, status: int, seconds: float) -> None:
        """One more. Methods that nobody has heard of are one: a stranger could think of many."""
        known = method if method in KNOWN else "other"
        self.requests.add(known, str(status))
        self.took.add(seconds, known)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All of it."""
        reachable = Gauge("spaces_reachable", "Whether it answers the hub.", lambda: self.reachable, "what")
        return (self.requests, self.took, reachable)


KNOWN = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
