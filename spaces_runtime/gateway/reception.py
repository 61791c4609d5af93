"""Where each request goes: to the hub, into an instance, to a file, to a page of ours, or on hold."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Never

import structlog

from spaces_runtime.domain.handing import Handed
from spaces_runtime.domain.hosts import Names
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.ports.engine import Dialer
from spaces_runtime.domain.route import Route
from spaces_runtime.domain.settings import GatewaySettings
from spaces_runtime.gateway import blobs, files
from spaces_runtime.gateway.activity import Ledger, Use, use
from spaces_runtime.gateway.ask import HubCheck
from spaces_runtime.gateway.bodies import Bodies
from spaces_runtime.gateway.decide import NOBODY_HERE, Enter, Late, Refuse, decide, is_internal
from spaces_runtime.gateway.exchange import Exchange, Lane
from spaces_runtime.gateway.head import Field
from spaces_runtime.gateway.headers import Back, Toward
from spaces_runtime.gateway.hold import DIAL_AGAIN, Asker, Early, Held, News
from spaces_runtime.gateway.reply import elsewhere, hop, is_preflight, preflight, refusal, wants_page
from spaces_runtime.gateway.streams import Surroundings, Tab, Tunnel
from spaces_runtime.gateway.table import Table
from spaces_runtime.gateway.tally import Tally
from spaces_runtime.gateway.upstream import Pool
from spaces_runtime.gateway.visitor import Ask, Known, identify, set_cookie
from spaces_runtime.gateway.waiting import STREAM, WaitingPage, WaitStream

log = structlog.get_logger()

OWN = b"/.spaces/"  # paths of the gateway on every Space's host
GRACE = 3.0  # seconds after the start in which an unknown host may just not be heard of yet
ON_ITS_WAY = 0.3  # seconds that the news of a new host may take: its page, or a program, may be quicker
HUB_SECONDS = 15.0  # a request waits this long for a hub that restarts
MOST_LANES = 8192  # kept at once
SSE = [(b"content-type", b"Content-Type", b"text/event-stream"), (b"cache-control", b"Cache-Control", b"no-store")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a reception needs. key: signs visitors' cookies. clock: Unix seconds. hub: pool of the hub's socket."""

    table: Table
    ledger: Ledger
    asker: Asker
    news: News
    check: HubCheck
    hub: Pool
    dialer: Dialer
    names: Names
    settings: GatewaySettings
    key: bytes
    clock: Callable[[], float]
    tally: Tally = field(default_factory=Tally)
    blobs: Path | None = None  # their folder; None: this gateway cannot read it
    bodies: Bodies | None = None  # how the hub is handed what is uploaded; None: it is not


class Reception:
    """Decides about every exchange of one gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._scheme = desk.names.scheme.encode()
        trusted = frozenset(address.encode() for address in desk.settings.trusted)
        self._to_app = Toward(scheme=self._scheme, to_app=True, trusted=trusted)
        self._hub = Lane(
            pool=desk.hub,
            toward=Toward(scheme=self._scheme, to_app=False, trusted=trusted, takes=desk.blobs is not None),
            back=Back(to_app=False),
            hands=desk.blobs is not None,
            bodies=desk.bodies,
        )
        self._hub_hosts = _hub_hosts(desk.names)
        self._lanes: dict[str, tuple[Route, Lane]] = {}
        self._pools: dict[InstanceId, Pool] = {}
        self._page = WaitingPage()
        self._around = Surroundings(table=desk.table, ledger=desk.ledger, asker=desk.asker, clock=desk.clock)
        self._tunnels: set[Tunnel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = asyncio.get_running_loop().time()
        desk.table.on_gone = self._forget_pool

    def receive(self, exchange: Exchange) -> None:
        """A request's head is here, or it may go on after a while."""
        if not exchange.way:
            self._desk.tally.begun()
        host = exchange.head.host
        if host in self._hub_hosts:
            exchange.way = "hub"
            self._to_hub(exchange)
            return
        route = self._desk.table.lookup(host)
        exchange.way = "none" if route is None else "files" if route.files else "app"
        if route is None:
            self._to_nobody(exchange)
        elif route.private:
            self._to_private(exchange, route)
        else:
            self._admit(exchange, route, allowed=True)

    def close_idle(self, instance: InstanceId) -> None:
        """Of one instance: what its node counts must be visitors."""
        pool = self._pools.get(instance)
        if pool is not None:
            pool.close_idle()

    def sweep(self, now: float) -> None:
        """Once a second. now: loop time."""
        for pool in (*self._pools.values(), self._desk.hub):
            pool.sweep(now)
        wall = self._desk.clock()
        for tunnel in tuple(self._tunnels):
            tunnel.settle(wall, self._desk.settings.silent)

    # The ways.

    def _to_hub(self, exchange: Exchange) -> None:
        if is_internal(exchange.head.path):
            exchange.reply(refusal(exchange.head, 404, "There is nothing at this address."))
            return
        if not exchange.deadline:
            exchange.deadline = asyncio.get_running_loop().time() + HUB_SECONDS
        exchange.go(self._hub)

    def _to_nobody(self, exchange: Exchange) -> None:
        if is_preflight(exchange.head):  # as a private Space answers it
            exchange.reply(preflight(exchange.head))
        else:
            self._nobody(exchange)

    def _nobody(self, exchange: Exchange) -> None:
        """There is no such Space, or not for this visitor: said alike, also in the time it takes."""
        until = max(self._began + GRACE, asyncio.get_running_loop().time() + ON_ITS_WAY)
        Early(exchange, self._desk.table, until, refusal(exchange.head, 404, NOBODY_HERE))

    def _to_private(self, exchange: Exchange, route: Route) -> None:
        if is_preflight(exchange.head):
            exchange.reply(preflight(exchange.head))
            return
        desk, head = self._desk, exchange.head
        who = identify(head, route.space, key=desk.key, scheme=self._scheme, now=desk.clock())
        if isinstance(who, Ask):
            known = desk.check.known(route.space, who.authorization)
            if known is None:
                self._later(exchange, route, who)
            else:
                self._admit(exchange, route, allowed=known)
        elif isinstance(who, Known) and who.linked and wants_page(head) and head.get(b"sec-fetch-site"):
            cookie = set_cookie(route.space, who.user, key=desk.key, scheme=self._scheme, now=desk.clock())
            exchange.reply(hop(head.target, cookie, nonce=secrets.token_urlsafe(12), ancestors=self._ancestors(route)))
        else:
            self._admit(exchange, route, allowed=who is not None)

    def _admit(self, exchange: Exchange, route: Route, *, allowed: bool) -> None:
        head = exchange.head
        page = wants_page(head)
        decision = decide(route, allowed=allowed, page=page, settings=self._desk.settings)
        if isinstance(decision, Refuse):
            self._refused(exchange, route, decision)
        elif route.moved:
            exchange.reply(elsewhere(self._scheme + b"://" + route.host.encode() + head.target))
        elif head.target.startswith(OWN):
            exchange.way = "own"
            self._own(exchange, route)
        elif route.files:
            files.serve(exchange, Path(route.files), route.index, self._lane(exchange.head.host, route).back)
        else:
            self._to_app_of(exchange, route, decision)

    def _to_app_of(self, exchange: Exchange, route: Route, decision: Enter) -> None:
        kind = use(exchange.head)
        if kind is Use.TAB:
            self._tab(exchange, route)
            return
        exchange.used = kind is Use.VISIT
        if not self.enter(exchange, route):
            exchange.deadline = asyncio.get_running_loop().time() + decision.seconds
            self._hold(exchange, route, decision.late)

    def enter(self, exchange: Exchange, route: Route) -> bool:
        """Check, count and send in one breath; False: the door is shut."""
        door = self._desk.table.admit(route, exchange)
        if door is None:
            return False
        exchange.door = door
        if exchange.held_at:
            self._desk.tally.waited.add(monotonic() - exchange.held_at)
        lane = self._lane(exchange.head.host, route)
        if exchange.used:
            self._desk.ledger.enter(route.space)
            exchange.counted = True
        exchange.go(lane)
        return True

    def prepare(self, route: Route) -> None:
        """Connect to an app that is being woken while that takes its time: nothing is sent before its door opens."""
        if route.instance is not None:
            self._pool(route.instance).prepare()

    def refuse(self, exchange: Exchange, route: Route | None) -> bool:
        """A held request whose Space went away or cannot be woken any more."""
        if route is None or not route.why:
            return False
        self._desk.tally.refused.add("not served")
        exchange.reply(refusal(exchange.head, 503, route.why, link=route.page))
        return True

    def too_late(self, exchange: Exchange, route: Route, late: Late, why: str) -> None:
        """No instance took it in time."""
        self._desk.tally.refused.add("waiting page" if late is Late.WAITING_PAGE else "too late")
        if late is Late.WAITING_PAGE:
            nonce = secrets.token_urlsafe(12)
            spent = self._desk.settings.page_after
            exchange.reply(self._page.render(route, nonce=nonce, ancestors=self._ancestors(route), spent=spent))
            return
        seconds = self._desk.settings.hold
        told = f"{route.name} did not answer within {seconds:.0f} s. {why or route.waits}".strip()
        exchange.reply(refusal(exchange.head, 503, told, retry=10))

    def not_dialled(self, exchange: Exchange, why: str) -> None:
        """The hub restarts, or the instance does not take connections: try again until the deadline."""
        loop = asyncio.get_running_loop()
        lane = exchange.lane
        if lane is None or lane.space is None:
            if loop.time() < exchange.deadline:
                loop.call_later(DIAL_AGAIN, self._again, exchange)
            else:
                self._desk.tally.refused.add("hub away")
                exchange.reply(refusal(exchange.head, 503, "The hub does not answer.", then=why, retry=5))
            return
        if not exchange.deadline and exchange.stream is None:  # the first of many tries
            log.info("instance not reached", space=lane.space, why=why)
        route = self._desk.table.lookup(exchange.head.host)
        self._out(exchange)
        if isinstance(exchange.stream, Tab):
            exchange.stream.park(1.0)
        elif route is None or route.space != lane.space:
            exchange.reply(refusal(exchange.head, 503, "The Space is gone.", retry=5))
        else:
            exchange.deadline = exchange.deadline or loop.time() + self._desk.settings.hold
            self._hold(exchange, route, Late.RETRY, pause=DIAL_AGAIN)

    def left(self, exchange: Exchange) -> None:
        """It has ended, one way or another."""
        if exchange.way:
            self._desk.tally.over(exchange.way, exchange.status, exchange.took)
        self._out(exchange)
        if isinstance(exchange.stream, Tunnel):
            self._tunnels.discard(exchange.stream)

    def switched(self, exchange: Exchange) -> None:
        """A WebSocket: from here on its messages are the activity."""
        route = self._desk.table.lookup(exchange.head.host)
        if exchange.door is None or route is None:
            return
        self._uncount(exchange)
        self._tunnels.add(Tunnel(exchange, route, exchange.door, self._around))

    def handed(self, exchange: Exchange, blob: Handed, status: int, fields: list[Field]) -> None:
        """The hub has judged, and leaves the sending to us."""
        if self._desk.blobs is not None:
            blobs.send(exchange, self._desk.blobs, blob, status, fields)

    # Parts of them.

    def _hold(self, exchange: Exchange, route: Route, late: Late, *, pause: float = 0.0) -> None:
        desk = self._desk
        if not exchange.held_at:
            exchange.held_at = monotonic()
            desk.tally.held.add()
        held = Held(
            exchange, route, front=self, table=desk.table, asker=desk.asker, news=desk.news,
            interim=desk.settings.interim, late=late, wakes=exchange.used,
        )  # fmt: skip
        held.wait(pause)

    def _tab(self, exchange: Exchange, route: Route) -> None:
        """A heartbeat: held, never inside. Asleep, the gateway answers it itself."""

        def enter(exchange: Exchange) -> bool:
            now = self._desk.table.lookup(exchange.head.host)
            door = self._desk.table.admit(now, exchange, held=True) if now is not None and not now.why else None
            if now is None or door is None:
                return False
            exchange.door = door
            exchange.go(self._lane(exchange.head.host, now))
            return True

        tab = Tab(exchange, route, self._around, enter)
        if not enter(exchange):
            exchange.open_stream(SSE, self._lane(exchange.head.host, route).back)
            tab.park()

    def _own(self, exchange: Exchange, route: Route) -> None:
        desk = self._desk
        if exchange.head.path != STREAM or exchange.head.method != b"GET":
            exchange.reply(refusal(exchange.head, 404, "There is nothing at this address."))
            return
        exchange.open_stream(SSE, Back(to_app=False))
        patience = desk.settings.hold
        WaitStream(
            exchange, route, table=desk.table, asker=desk.asker, news=desk.news, clock=desk.clock, patience=patience
        ).begin()

    def _refused(self, exchange: Exchange, route: Route, refused: Refuse) -> None:
        if refused.status == 404:  # noqa: PLR2004 - a stranger learns nothing of a private Space, nor its page
            self._nobody(exchange)
        else:
            self._desk.tally.refused.add("not served")
            exchange.reply(refusal(exchange.head, refused.status, refused.why, link=route.page))

    def _later(self, exchange: Exchange, route: Route, who: Ask) -> None:
        """Only tokens need the hub; the request waits parked, then goes on."""

        async def ask() -> None:
            try:
                allowed = await self._desk.check.allowed(route.space, who.authorization)
            except Exception as error:  # noqa: BLE001 - a task's root
                log.warning("token not checked", why=str(error))
                if not exchange.over:
                    exchange.reply(refusal(exchange.head, 503, "The hub, which checks tokens, is away.", retry=2))
                return
            if not exchange.over:
                self._admit(exchange, route, allowed=allowed)

        task = asyncio.get_running_loop().create_task(ask())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _again(self, exchange: Exchange) -> None:
        if not exchange.over:
            exchange.go(self._hub)

    def _out(self, exchange: Exchange) -> None:
        """Out of the door, and no longer counted."""
        self._uncount(exchange)
        door, exchange.door = exchange.door, None
        if door is not None:
            door.leave(exchange)

    def _uncount(self, exchange: Exchange) -> None:
        if exchange.counted and exchange.lane is not None and exchange.lane.space is not None:
            exchange.counted = False
            self._desk.ledger.leave(exchange.lane.space, self._desk.clock())

    def _ancestors(self, route: Route) -> bytes:
        if route.frameable and not route.private:
            return b""
        return b"'self' " + self._desk.names.hub_url.encode()

    def _lane(self, host: str, route: Route) -> Lane:
        """Made once for each version of a route."""
        known = self._lanes.get(host)
        if known is not None and known[0] is route:
            return known[1]
        if len(self._lanes) > MOST_LANES:
            self._lanes.clear()
        pool = self._pool(route.instance) if route.instance is not None else Pool(_nowhere)
        back = Back(
            to_app=True,
            link=route.page.encode(),
            headers=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in route.headers),
            ancestors=self._ancestors(route),
            private=route.private,
        )
        lane = Lane(pool=pool, toward=self._to_app, back=back, space=route.space)
        self._lanes[host] = (route, lane)
        return lane

    def _pool(self, instance: InstanceId) -> Pool:
        pool = self._pools.get(instance)
        if pool is None:
            pool = self._pools[instance] = Pool(lambda: self._desk.dialer.dial(instance))
        return pool

    def _forget_pool(self, instance: InstanceId) -> None:
        pool = self._pools.pop(instance, None)
        if pool is not None:
            pool.close_idle()


def _hub_hosts(names: Names) -> frozenset[str]:
    """The hub's own host, and this machine by its usual names."""
    host = names.hub_url.partition("://")[2].partition("/")[0]
    bare = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    return frozenset(("localhost", "127.0.0.1", "[::1]", bare.lower()))


async def _nowhere() -> Never:
    raise ConnectionRefusedError("Nothing runs")
