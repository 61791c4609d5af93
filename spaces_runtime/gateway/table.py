"""Where each Host leads, and which doors are open: plain dicts that outlive the live store being away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from spaces_runtime.domain.ids import InstanceId, SpaceId
from spaces_runtime.domain.route import Order, Route
from spaces_runtime.gateway.door import Door, Guest


class Waiter(Protocol):
    """Someone held until a Space can be entered."""

    def look(self) -> None: ...  # something about the Space has changed: try again


class Table:
    """Follows Routes and Gates. Everything is synchronous, so what is looked up here still holds when it is used."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._hosts: dict[SpaceId, set[str]] = {}
        self._doors: dict[InstanceId, Door] = {}
        self._serves: dict[InstanceId, set[SpaceId]] = {}
        self._waiters: dict[SpaceId, dict[Waiter, None]] = {}
        self._strangers: dict[Waiter, str] = {}
        self.on_order: Callable[[Order], None] = lambda _order: None
        self.on_quiet: Callable[[InstanceId], None] = lambda _instance: None
        self.on_gone: Callable[[InstanceId], None] = lambda _instance: None

    def lookup(self, host: str) -> Route | None:
        """The Space at a host, lower case without port."""
        return self._routes.get(host)

    def door(self, instance: InstanceId | None) -> Door | None:
        """None: nobody ordered anything about it, which counts as shut."""
        return self._doors.get(instance) if instance is not None else None

    def doors(self) -> list[tuple[InstanceId, Door]]:
        """All that are known."""
        return list(self._doors.items())

    def admit(self, route: Route, guest: Guest, *, held: bool = False) -> Door | None:
        """Check and count in one breath; None: nobody may enter now. held: a stream that is no activity."""
        door = self._doors.get(route.instance) if route.instance is not None else None
        if door is None or not (door.hold(guest) if held else door.admit(guest)):
            return None
        return door

    def is_open(self, route: Route) -> bool:
        """Whether a request would get in now."""
        door = self._doors.get(route.instance) if route.instance is not None else None
        return door is not None and door.is_open

    def apply_route(self, host: str, route: Route | None) -> None:
        """What Routes tells."""
        old = self._routes.pop(host, None)
        if old is not None:
            self._hosts[old.space].discard(host)
        if route is not None:
            self._routes[host] = route
            self._hosts.setdefault(route.space, set()).add(host)
            if route.instance is not None:
                self._serves.setdefault(route.instance, set()).add(route.space)
        if old is not None and old.instance is not None and (route is None or route.instance != old.instance):
            self.forget_unused(old.instance)
        for space in {r.space for r in (old, route) if r is not None}:
            self._notify(space)
            if not self._hosts.get(space):
                self._hosts.pop(space, None)
        for waiter in [w for w, wanted in self._strangers.items() if wanted == host]:
            waiter.look()

    def apply_order(self, order: Order) -> None:
        """What Gates tells. The same order again asks for the same answer again."""
        door = self._doors.get(order.instance)
        if door is None:
            door = self._doors[order.instance] = Door(partial(self._quiet, order.instance))
        if order.serial < door.serial:  # overtaken on its way by a newer one
            return
        if order.is_open:
            door.open(order.serial)
        else:
            door.shut(order.cut_at, order.serial)
        self.on_order(order)
        for space in tuple(self._serves.get(order.instance, ())):
            self._notify(space)

    def spaces(self, instance: InstanceId) -> tuple[SpaceId, ...]:
        """Whose visitors this instance serves or served."""
        return tuple(self._serves.get(instance, ()))

    def wait(self, space: SpaceId, waiter: Waiter) -> None:
        """Tell the waiter whenever something about the Space changes, until leave()."""
        self._waiters.setdefault(space, {})[waiter] = None

    def wait_for_host(self, host: str, waiter: Waiter) -> None:
        """The same for a host that nobody knows yet."""
        self._strangers[waiter] = host

    def leave(self, space: SpaceId | None, waiter: Waiter) -> None:
        """Stop telling. Twice does no harm."""
        self._strangers.pop(waiter, None)
        waiting = self._waiters.get(space) if space is not None else None
        if waiting is not None and space is not None:
            waiting.pop(waiter, None)
            if not waiting:
                del self._waiters[space]

    def waiting(self, space: SpaceId) -> int:
        """How many wait for this Space."""
        return len(self._waiters.get(space, ()))

    @property
    def all_waiting(self) -> int:
        """How many wait for any."""
        return sum(map(len, self._waiters.values()))

    def forget_unused(self, instance: InstanceId) -> None:
        """Drop a shut door that no route leads to and nobody is behind; an unknown one counts as shut all the same.

        Not one that owes the scheduler an answer: a route that moves on may overtake the order to shut.
        """
        door = self._doors.get(instance)
        if any(route.instance == instance for route in self._routes.values()):
            return
        if door is None or (door.quiet and not door.held and not door.owes):
            self._doors.pop(instance, None)
            self._serves.pop(instance, None)
            self.on_gone(instance)

    def _quiet(self, instance: InstanceId) -> None:
        self.on_quiet(instance)

    def _notify(self, space: SpaceId) -> None:
        for waiter in tuple(self._waiters.get(space, ())):
            waiter.look()
