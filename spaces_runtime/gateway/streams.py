"""What outlives or watches a stream: Gradio's heartbeat, kept open while its app sleeps; WebSockets that fall silent.

Both are held, not inside: an open tab must not keep a Space awake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from spaces_runtime.domain.route import Route
from spaces_runtime.gateway.activity import Ledger
from spaces_runtime.gateway.door import Door
from spaces_runtime.gateway.exchange import PARKED, Exchange
from spaces_runtime.gateway.frames import Frames
from spaces_runtime.gateway.hold import Asker
from spaces_runtime.gateway.table import Table

ALIVE = b"data: ALIVE\n\n"  # what Gradio itself sends
BEAT = 15.0  # seconds between them, as Gradio does; its client gives up after 20
AGAIN = 1.0  # seconds before an app that ended a heartbeat is asked for a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What streams need of their gateway. clock: Unix seconds."""

    table: Table
    ledger: Ledger
    asker: Asker
    clock: Callable[[], float]


class Tab:
    """The visitor's side of a heartbeat: it stays while the app is away; then the same session's is opened anew."""

    def __init__(
        self, exchange: Exchange, route: Route, around: Surroundings, enter: Callable[[Exchange], bool]
    ) -> None:
        self._exchange, self._space, self._around, self._enter = exchange, route.space, around, enter
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = self._next_beat = 0.0
        self._ended = self._parked = False
        exchange.stream = self
        around.ledger.hold(route.space, self, around.clock())

    def park(self, pause: float = 0.0) -> None:
        """Wait for the Space to be awake; it is not woken for this."""
        self._parked = True
        self._around.table.wait(self._space, self)
        self._not_before = self._loop.time() + pause
        self._cancel()
        self._next_beat = self._loop.time() + BEAT
        self._timer = self._loop.call_at(self._not_before if pause else self._next_beat, self._tick)

    def look(self) -> None:
        """The Space has changed: connect again if it is awake."""
        if not self._parked or self._loop.time() < self._not_before:
            return
        if self._enter(self._exchange):
            self._parked = False
            self._cancel()
            self._around.table.leave(self._space, self)

    @property
    def endless(self) -> bool:
        """Nothing is lost when the gateway ends: the tab connects again."""
        return True

    def keep(self) -> bool:
        """The app's side has ended; the visitor's stays."""
        if self._ended:
            return False
        if self._exchange.door is not None:
            self._exchange.door.leave(self._exchange)
            self._exchange.door = None
        self.park(AGAIN)
        return True

    def from_visitor(self, data: bytes) -> bool:
        return bool(data)

    def from_app(self, data: bytes) -> None:
        """Nothing to watch: what it says is no activity."""

    def ready(self) -> None:
        """Nothing of ours waits."""

    def end(self) -> None:
        """The visitor left, or the app wants no heartbeat."""
        self._ended, self._parked = True, False
        self._cancel()
        self._around.table.leave(self._space, self)
        self._around.ledger.release(self._space, self)

    def _tick(self) -> None:
        """Try again, or give a sign of life."""
        self._timer = None
        self.look()
        if not self._parked:
            return
        now = self._loop.time()
        if now >= self._next_beat:
            self._exchange.body(ALIVE)
            self._next_beat = now + BEAT
        self._timer = self._loop.call_at(self._next_beat, self._tick)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Tunnel:
    """A connection that speaks another protocol. Silent for a while, it is held and no longer inside.

    A message to a held one whose door is shut waits for the door: the app may be frozen.
    """

    def __init__(self, exchange: Exchange, route: Route, door: Door, around: Surroundings) -> None:
        self._exchange, self._space, self._door, self._around = exchange, route.space, door, around
        speaks_frames = exchange.head.upgrade == b"websocket"
        self._to_app = Frames() if speaks_frames else None
        self._to_visitor = Frames() if speaks_frames else None
        self._heard = around.clock()
        self._held = False
        self._waiting: list[bytes] = []
        exchange.stream = self

    def settle(self, now: float, silent: float) -> None:
        """Hold it when no message has passed for `silent` seconds. now: Unix seconds."""
        if not self._held and now - self._heard > silent:
            self._held = True
            self._around.ledger.hold(self._space, self, self._heard)
            self._door.calm(self._exchange)

    def from_visitor(self, data: bytes) -> bool:
        """Whether these bytes may go to the app now."""
        message = self._to_app is None or self._to_app.feed(data)
        if message:
            self._heard = self._around.clock()
            self._around.ledger.touch(self._space, self._heard)
        if self._waiting or (message and self._held and not self._stir()):
            self._waiting.append(data)
            self._exchange.connection.pause(PARKED)
            self._around.table.wait(self._space, self)
            self._around.asker.ask(self._space)
            return False
        return True

    def from_app(self, data: bytes) -> None:
        """A message of the app is use as well."""
        if self._to_visitor is None or self._to_visitor.feed(data):
            self._heard = self._around.clock()
            self._around.ledger.touch(self._space, self._heard)
            if self._held:
                self._stir()

    def look(self) -> None:
        """The Space has changed: pass on what waits when the door is open again."""
        route = self._around.table.lookup(self._exchange.head.host)
        replaced = route is None or (
            self._around.table.is_open(route) and self._around.table.door(route.instance) is not self._door
        )
        if self._waiting and replaced:
            self._exchange.cut("Another instance serves now.")  # its script connects again, to that one
        elif self._waiting and self._stir():
            self._around.table.leave(self._space, self)
            waiting, self._waiting = self._waiting, []
            if self._exchange.upstream is not None:
                self._exchange.upstream.transport.write(b"".join(waiting))
            self._exchange.connection.resume(PARKED)

    @property
    def endless(self) -> bool:
        """Silent: nobody waits for its end."""
        return self._held

    def keep(self) -> bool:
        """Without the app there is nothing to keep."""
        return False

    def ready(self) -> None:
        """Nothing of ours waits."""

    def end(self) -> None:
        """One side has ended."""
        self._around.table.leave(self._space, self)
        self._around.ledger.release(self._space, self)

    def _stir(self) -> bool:
        if not self._door.stir(self._exchange):
            return False
        self._held = False
        self._around.ledger.release(self._space, self)
        return True
