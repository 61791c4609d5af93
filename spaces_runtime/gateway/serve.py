"""One gateway process: listens, follows what the scheduler publishes, tells what it sees, and ends gracefully."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from spaces_runtime.domain.figures import Counter
from spaces_runtime.domain.hosts import Names
from spaces_runtime.domain.ids import GatewayId
from spaces_runtime.domain.ports.engine import Dialer
from spaces_runtime.domain.ports.live import Activity, Events, Gates, Routes, Wakes
from spaces_runtime.domain.settings import GatewaySettings
from spaces_runtime.gateway.activity import Ledger
from spaces_runtime.gateway.answers import Answers
from spaces_runtime.gateway.ask import HubCheck
from spaces_runtime.gateway.bare import BareReception
from spaces_runtime.gateway.bodies import Bodies
from spaces_runtime.gateway.connection import Connection
from spaces_runtime.gateway.exchange import Host
from spaces_runtime.gateway.hold import Asker, News
from spaces_runtime.gateway.reception import Desk, Reception
from spaces_runtime.gateway.table import Table
from spaces_runtime.gateway.tally import Tally
from spaces_runtime.gateway.upstream import AHEAD, Pool

log = structlog.get_logger()

BACKLOG = 4096
TELL = 1.0  # seconds between reports of activity; the lease lasts three of them
FINISH = 5.0  # seconds that requests in flight are given when the gateway ends
AWAY = 1.0  # seconds before a live store that is away is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What wiring hands over. sockets: already listening, see listen(). key: of layout.keys/visitor.

    blobs: the folder of all blobs, which the hub may hand us to send. bodies: the hub's socket for large bodies.
    """

    gateway: GatewayId
    sockets: Sequence[socket.socket]
    hub_socket: Path
    names: Names
    settings: GatewaySettings
    key: bytes = field(repr=False)
    routes: Routes
    gates: Gates
    wakes: Wakes
    activity: Activity
    events: Events
    dialer: Dialer
    blobs: Path | None = None
    bodies: Path | None = None


def listen(port: int, *, public: bool) -> list[socket.socket]:
    """The sockets of one gateway; others listen on the same port beside it.

    public: on all addresses. Else so that only this machine can come: 0.0.0.0 on the loopback device, so that every
    127.a.b.c is ours, and [::1].
    """
    first = _listening(socket.AF_INET, "0.0.0.0", port, device=b"" if public else b"lo")  # noqa: S104 - see above
    port = first.getsockname()[1]
    try:
        return [first, _listening(socket.AF_INET6, "::" if public else "::1", port, device=b"")]
    except OSError as error:  # a machine without IPv6
        log.warning("not listening on IPv6", why=str(error))
        return [first]


def _listening(family: socket.AddressFamily, host: str, port: int, *, device: bytes) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Hall:
    """All connections of one gateway."""

    def __init__(self, host: Host, settings: GatewaySettings) -> None:
        self.host = host
        self.max_head, self.parked = settings.max_head, settings.parked
        self.ending = False
        self.refused = Counter("spaces_gateway_unreadable", "What came and was no request, by answer.", "status")
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()

    def __repr__(self) -> str:
        return f"Hall(connections={len(self._connections)})"

    @property
    def connections(self) -> int:
        """How many visitors are connected."""
        return len(self._connections)

    def opened(self, connection: Connection) -> None:
        """A visitor has connected."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """A visitor's connection has ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def unreadable(self, status: int) -> None:
        """Something that is no request was answered so."""
        self.refused.add(str(status))

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long. now: loop time."""
        for connection in tuple(self._connections):
            connection.sweep(now)

    async def end(self) -> None:
        """Idle connections close at once, others after their answer, or when time is over."""
        self.ending = True
        self._empty.clear()
        self.sweep(asyncio.get_running_loop().time())
        try:
            if self._connections:
                async with asyncio.timeout(FINISH):
                    await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.close()


async def serve(parts: GatewayParts, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is in flight, at most 5 s."""
    await Gateway(parts).run(stop)


class Gateway:
    """The parts of one gateway process, put together."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts
        self._table = Table()
        self._ledger = Ledger()
        self._asker = Asker(parts.wakes)
        self._tally = Tally()
        self._news = News(parts.events)
        path = str(parts.hub_socket)
        self._reception = Reception(
            Desk(
                table=self._table,
                ledger=self._ledger,
                asker=self._asker,
                news=self._news,
                check=HubCheck(lambda: asyncio.open_unix_connection(path)),
                hub=Pool(lambda: _unix(path)),
                dialer=parts.dialer,
                names=parts.names,
                settings=parts.settings,
                key=parts.key,
                clock=time.time,
                tally=self._tally,
                blobs=parts.blobs,
                bodies=Bodies(parts.bodies) if parts.bodies else None,
            )
        )
        self._answers = Answers(
            gateway=parts.gateway,
            gates=parts.gates,
            table=self._table,
            close_idle=self._reception.close_idle,
            flush=self._tell,
            clock=time.time,
        )
        self._hall = Hall(self._reception, parts.settings)
        self._leased = asyncio.Event()
        tallied = self._tally.sources(lambda: self._hall.connections, lambda: self._table.all_waiting)
        self.figures = (*tallied, self._hall.refused)

    async def run(self, stop: asyncio.Event) -> None:
        """Until stop is set."""
        servers = await _accept(self._parts.sockets, self._hall)
        create = asyncio.get_running_loop().create_task
        background = [
            create(_forever("seconds", self._every_second)),
            create(_forever("answers", self._answers.run)),
            create(_forever("orders", self._orders)),
            create(_forever("routes", self._routes)),
        ]
        await stop.wait()
        for server in servers:
            server.close()
        await self._hall.end()
        await self._told()
        ending = [*background, *self._news.end()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _orders(self) -> None:
        """The lease first, orders second: no gate is read that nobody waits for."""
        await self._leased.wait()
        async for order in self._parts.gates.orders():
            self._table.apply_order(order)
            if order.is_open:
                for space in self._table.spaces(order.instance):
                    self._asker.opened(space)

    async def _routes(self) -> None:
        await self._leased.wait()
        async for host, route in self._parts.routes.follow():
            self._table.apply_route(host, route)
            if route is not None and self._table.is_open(route):
                self._asker.opened(route.space)

    async def _every_second(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if await self._told():
                self._leased.set()
            await asyncio.sleep(TELL)
            self._hall.sweep(loop.time())
            self._reception.sweep(loop.time())

    async def _told(self) -> bool:
        """Renew the lease and tell what was seen; False: the live store is away, which costs visitors nothing."""
        try:
            await self._parts.gates.renew(self._parts.gateway)
            await self._tell()
        except Exception as error:  # noqa: BLE001 - whatever the live store raises, visitors go on
            log.warning("live store away", why=str(error))
            return False
        return True

    async def _tell(self) -> None:
        seen = self._ledger.drain(time.time())
        if not seen:
            return
        try:
            await self._parts.activity.report(self._parts.gateway, seen)
        except BaseException:
            self._ledger.give_back(seen)
            raise


async def serve_bare(
    host: str, port: int, listen_port: int, announce: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Stand in front of one app until `stop` is set. announce: is told the URL once connections are taken."""
    pool = Pool(lambda: _tcp(host, port))
    hall = Hall(BareReception(pool), GatewaySettings())
    sockets = listen(listen_port, public=False)
    servers = await _accept(sockets, hall)
    announce(f"http://localhost:{sockets[0].getsockname()[1]}")
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        try:
            async with asyncio.timeout(TELL):
                await stop.wait()
        except TimeoutError:
            hall.sweep(loop.time())
            pool.sweep(loop.time())
    for server in servers:
        server.close()
    await hall.end()


async def _accept(sockets: Sequence[socket.socket], hall: Hall) -> list[asyncio.Server]:
    loop = asyncio.get_running_loop()
    return [await loop.create_server(lambda: Connection(hall), sock=sock, backlog=BACKLOG) for sock in sockets]


async def _forever(what: str, follow: Callable[[], Awaitable[None]]) -> None:
    """The store's iterators go on by themselves; should one end all the same, begin again."""
    while True:
        try:
            await follow()
        except Exception as error:  # noqa: BLE001 - a task's root: a gateway must outlive the live store
            log.warning("not followed", what=what, why=str(error))
        await asyncio.sleep(AWAY)


async def _unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD)  # as much as the system allows
    return await _connected(sock, path)


async def _tcp(host: str, port: int) -> socket.socket:
    family, _, _, _, address = (await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
    return await _connected(socket.socket(family, socket.SOCK_STREAM), address)


async def _connected(sock: socket.socket, address: str | tuple[object, ...]) -> socket.socket:
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
