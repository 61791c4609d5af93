"""Live state, over the Redis protocol. Losing all of it loses nothing: it is rebuilt from what is kept and observed.

Every iterator here goes on by itself after the store was away, and starts with the whole present state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

from spaces_runtime.domain.events import Event
from spaces_runtime.domain.gate import Answer, Gate
from spaces_runtime.domain.hardware import Stock
from spaces_runtime.domain.ids import GatewayId, InstanceId, SpaceId
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.route import Order, Route, Seen


class Routes(Protocol):
    """Written by the scheduler, followed by each gateway as a local table. host: lower case, no port."""

    async def publish(self, host: str, route: Route | None) -> None: ...
    def follow(self) -> AsyncIterator[tuple[str, Route | None]]: ...


class Gates(Protocol):
    """The scheduler orders, each gateway answers for itself.

    state() weighs the answers of the gateways that hold a lease with what the node sees: domain.gate.gate().
    A gateway takes its lease first and follows orders second; an unknown gate counts as closing.
    Each order comes with a serial. A gateway puts the serial of the order it has carried out into its Answer;
    an Answer with another serial than that of the present order is dropped, so a late one can do no harm.
    A lease is to be renewed each second; three without, and the scheduler no longer waits for this gateway.
    """

    async def order(self, order: Order) -> None: ...
    async def forget(self, instance: InstanceId) -> None: ...
    def orders(self) -> AsyncIterator[Order]: ...
    async def renew(self, gateway: GatewayId) -> None: ...  # the lease: 3 s
    async def answer(self, gateway: GatewayId, instance: InstanceId, answer: Answer) -> None: ...
    def answered(self) -> AsyncIterator[InstanceId]: ...  # a hint that state() may differ
    async def state(self, instance: InstanceId, connections: int | None) -> tuple[Gate, float]: ...  # gate, cut_at


class Wakes(Protocol):
    """A visit to a sleeping Space, or any other reason to look at a Space now."""

    async def ask(self, space: SpaceId) -> None: ...  # a visit: touches the Space
    async def look(self, space: SpaceId) -> None: ...  # something durable changed
    def asked(self) -> AsyncIterator[tuple[SpaceId, bool]]: ...  # bool: a visit


class Activity(Protocol):
    """What visitors do, told by the gateways about once a second, merged over them.

    A report has what is held each time, and what changed; held_since None says that the last tab closed.
    What a gateway holds counts while it renews its lease (and 30 s longer, for it may only be slow).
    Lost with the store: since() is when this store began, and counts as a touch for what runs. A new value of it
    also tells scheduler and gateways to publish again all that they had published.
    """

    async def report(self, gateway: GatewayId, seen: Mapping[SpaceId, Seen]) -> None: ...
    async def seen(self, named: Collection[SpaceId]) -> Mapping[SpaceId, Seen]: ...
    async def since(self) -> float: ...


class Observations(Protocol):
    """The scheduler's last look, so that hub and pages derive the same stage. fresh: it looked within 90 s."""

    async def publish(self, seen: Mapping[SpaceId, Observed | None]) -> None: ...
    async def latest(self, named: Collection[SpaceId]) -> Mapping[SpaceId, Observed]: ...


class Stocks(Protocol):
    """What there is to run Spaces on, and how much of it is taken, as the scheduler told last; None: it has not."""

    async def publish(self, stock: Stock) -> None: ...
    async def latest(self) -> Stock | None: ...


class Events(Protocol):
    """What happened to a Space, in order, from a cursor on; empty cursor: from now."""

    async def publish(self, event: Event) -> None: ...
    def stream(self, space: SpaceId, after: str) -> AsyncIterator[tuple[str, Event]]: ...
