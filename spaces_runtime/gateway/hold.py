"""Requests held until a Space can be entered: parked heads and timers, no task."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from spaces_runtime.domain.events import Event, StageChanged
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.ports.live import Events, Wakes
from spaces_runtime.domain.route import Route
from spaces_runtime.gateway.decide import Late
from spaces_runtime.gateway.exchange import Exchange
from spaces_runtime.gateway.reply import Reply
from spaces_runtime.gateway.table import Table

log = structlog.get_logger()

ASK_AGAIN = 2.0  # seconds after which an unanswered wish to wake is repeated
DIAL_AGAIN = 0.1  # seconds until an app that took no connection is tried again


class Asker:
    """Asks for a wake once per Space, not per request."""

    def __init__(self, wakes: Wakes) -> None:
        self._wakes = wakes
        self._asked: dict[SpaceId, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, space: SpaceId) -> bool:
        """Someone wants in. Repeated only when the Space has not opened for a while; False: it was asked already."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(space, -ASK_AGAIN) < ASK_AGAIN:
            return False
        self._asked[space] = now
        task = asyncio.get_running_loop().create_task(self._send(space))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def opened(self, space: SpaceId) -> None:
        """It has been answered: the next one asks at once."""
        self._asked.pop(space, None)

    async def _send(self, space: SpaceId) -> None:
        try:
            await self._wakes.ask(space)
        except Exception as error:  # noqa: BLE001 - the live store is away: whoever waits asks again
            self._asked.pop(space, None)
            log.warning("wake not asked", space=space, why=str(error))


class Listener(Protocol):
    """Wants to know what happens to a Space."""

    def news(self, event: StageChanged) -> None: ...


class News:
    """Follows the events of a Space while somebody waits for it: one task per such Space."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._listeners: dict[SpaceId, set[Listener]] = {}
        self._tasks: dict[SpaceId, asyncio.Task[None]] = {}
        self._latest: dict[SpaceId, StageChanged] = {}

    def join(self, space: SpaceId, listener: Listener) -> None:
        """Tell the listener from now on, and at once what was heard last while others waited."""
        listeners = self._listeners.setdefault(space, set())
        listeners.add(listener)
        if space not in self._tasks:
            self._tasks[space] = asyncio.get_running_loop().create_task(self._follow(space))
        latest = self._latest.get(space)
        if latest is not None:
            listener.news(latest)

    def leave(self, space: SpaceId, listener: Listener) -> None:
        """Tell no more. Twice does no harm."""
        listeners = self._listeners.get(space)
        if listeners is None:
            return
        listeners.discard(listener)
        if not listeners:
            del self._listeners[space]
            self._latest.pop(space, None)
            self._tasks.pop(space).cancel()

    def end(self) -> list[asyncio.Task[None]]:
        """Tell nobody any more; what still runs is to be cancelled."""
        self._listeners.clear()
        tasks, self._tasks = list(self._tasks.values()), {}
        return tasks

    async def _follow(self, space: SpaceId) -> None:
        try:
            async for _, event in self._events.stream(space, ""):
                self._tell(space, event)
        except Exception as error:  # noqa: BLE001 - a task's root; those who wait still see the door open
            log.warning("events not followed", space=space, why=str(error))

    def _tell(self, space: SpaceId, event: Event) -> None:
        if isinstance(event, StageChanged):
            self._latest[space] = event
            for listener in tuple(self._listeners.get(space, ())):
                listener.news(event)


class Front(Protocol):
    """Where a held request goes on."""

    def enter(self, exchange: Exchange, route: Route) -> bool: ...  # False: the door is still shut
    def prepare(self, route: Route) -> None: ...  # the door may open in a moment
    def refuse(self, exchange: Exchange, route: Route | None) -> bool: ...  # False: there is no reason to
    def too_late(self, exchange: Exchange, route: Route, late: Late, why: str) -> None: ...


class Held:
    """One request that waits for its Space. interim: seconds between signs of life. wakes: it may wake the Space."""

    def __init__(
        self, exchange: Exchange, route: Route, *, front: Front, table: Table, asker: Asker, news: News,
        interim: float, late: Late, wakes: bool,
    ) -> None:  # fmt: skip
        self._exchange, self._route, self._front = exchange, route, front
        self._table, self._asker, self._news = table, asker, news
        self._interim, self._late, self._wakes = interim, late, wakes
        self._why, self._listens = "", False
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._loop = asyncio.get_running_loop()
        self._next_sign = self._loop.time() + interim

    def wait(self, pause: float = 0.0) -> None:
        """Begin. pause: seconds before the next try, after one that failed."""
        self._exchange.holder = self
        self._table.wait(self._route.space, self)
        if self._wakes and self._asker.ask(self._route.space):
            self._front.prepare(self._route)
        self._not_before = self._loop.time() + pause
        self._schedule()

    @property
    def endless(self) -> bool:
        """It has a deadline."""
        return False

    def look(self) -> None:
        """Something about the Space has changed."""
        if self._exchange.over or self._loop.time() < self._not_before:
            return
        route = self._table.lookup(self._exchange.head.host)
        closed_to_it = route is not None and route.private and not self._route.private
        elsewhere = route is not None and (route.files or route.moved)  # static by now, or renamed: there is no door
        if route is None or route.why or route.space != self._route.space or closed_to_it or elsewhere:
            self.end()
            if not self._front.refuse(self._exchange, route):
                self._exchange.host.receive(self._exchange)
            return
        self._route = route
        if self._front.enter(self._exchange, route):
            self.end()

    def news(self, event: StageChanged) -> None:
        """The reason to name if it comes to nothing."""
        self._why = event.why

    def end(self) -> None:
        """It goes on, or its visitor left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._table.leave(self._route.space, self)
        if self._listens:
            self._news.leave(self._route.space, self)
        if self._exchange.holder is self:
            self._exchange.holder = None

    def _schedule(self) -> None:
        wanted = [self._exchange.deadline, self._next_sign]
        if self._not_before > self._loop.time():
            wanted.append(self._not_before)
        self._timer = self._loop.call_at(min(wanted), self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._exchange.deadline:
            self.end()
            self._front.too_late(self._exchange, self._route, self._late, self._why)
            return
        if now >= self._next_sign:
            self._next_sign = now + self._interim
            self._exchange.interim()
            if not self._listens:  # not earlier: most wakes are over by now, and none should wait for this
                self._listens = True
                self._news.join(self._route.space, self)
            if self._wakes:
                self._asker.ask(self._route.space)
        if now >= self._not_before > 0:
            self._not_before = 0.0
            self.look()
        if self._exchange.holder is self:
            self._schedule()


class Early:
    """A request for a host of which this gateway may only not have heard yet. late: answered when it never does."""

    def __init__(self, exchange: Exchange, table: Table, until: float, late: Reply) -> None:
        self._exchange, self._table, self._late = exchange, table, late
        self._timer = asyncio.get_running_loop().call_at(until, self._over)
        exchange.holder = self
        table.wait_for_host(exchange.head.host, self)

    @property
    def endless(self) -> bool:
        """It has a deadline."""
        return False

    def look(self) -> None:
        """The host is known now."""
        self.end()
        if not self._exchange.over:
            self._exchange.host.receive(self._exchange)

    def _over(self) -> None:
        self.end()
        if not self._exchange.over:
            self._exchange.reply(self._late)

    def end(self) -> None:
        """It goes on, or its visitor left."""
        self._timer.cancel()
        self._table.leave(None, self)
        self._exchange.holder = None
