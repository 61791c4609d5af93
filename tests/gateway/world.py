"""A real gateway beside a real Valkey, with small apps behind it; the test plays scheduler."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h11

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.hosts import Names, names
from spaces_runtime.domain.ids import GatewayId, InstanceId, SpaceId
from spaces_runtime.domain.route import Face, Order, Route
from spaces_runtime.domain.settings import GatewaySettings
from spaces_runtime.gateway.serve import Gateway, GatewayParts, listen
from spaces_runtime.store.live import Live, LiveActivity, LiveEvents, LiveGates, LiveRoutes, LiveWakes
from tests.gateway.app import App

KEY = b"k" * 32
HOST = "ann-hello.localhost"
SPACE, ONE = SpaceId("s1"), InstanceId("i1")
DEADLINE = 10.0


def route(**changes) -> Route:
    told = {
        "space": SPACE, "name": "ann/hello", "host": HOST, "instance": ONE, "private": False,
        "page": "http://localhost:7800/spaces/ann/hello", "face": Face(title="Hello", emoji="👋"),
    }  # fmt: skip
    return Route(**(told | changes))


class Apps:
    """Dials instances by name; refuses those without an app, as a node does."""

    def __init__(self) -> None:
        self.of: dict[InstanceId, App] = {}

    async def dial(self, instance: InstanceId) -> socket.socket:
        app = self.of.get(instance)
        if app is None:
            raise ConnectionRefusedError("The app does not listen")
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", app.port))
        return sock


@dataclass
class World:
    port: int
    live: Live
    apps: Apps
    hub: App
    names: Names
    hub_socket: Path
    allowed: set[str] = field(default_factory=set)  # tokens the hub lets in
    asked_for: list[tuple[bool, SpaceId]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.routes, self.gates, self.wakes = LiveRoutes(self.live), LiveGates(self.live), LiveWakes(self.live)
        self.activity, self.events = LiveActivity(self.live), LiveEvents(self.live)

    async def app(self, instance: InstanceId = ONE, **told) -> App:
        app = self.apps.of[instance] = await App(name=instance, **told).start()
        return app

    async def publish(self, one: Route | None = None, host: str = HOST) -> None:
        await self.routes.publish(host, one or route())

    async def awake(self, **changes) -> App:
        """A Space that answers."""
        app = await self.app()
        await self.publish(route(**changes))
        await self.open()
        await self.known()
        return app

    async def known(self, host: str = HOST) -> None:
        """Until the gateway has heard of the host and its door."""
        await until(lambda: self.gateway_knows(host))

    async def gateway_knows(self, host: str) -> bool:
        answer = await self.get("/.spaces/none", host=host)
        return answer.status == 404 and b"Space" not in answer.body

    async def known_refusal(self) -> None:
        """Until the gateway knows that the Space cannot be woken."""
        await until(lambda: self._answers(503))

    async def _answers(self, status: int) -> bool:
        return (await self.get("/.spaces/none")).status == status

    async def reached(self, headers: dict[str, str]) -> bool:
        return (await self.get("/", **headers)).status == 200

    async def refused(self, headers: dict[str, str]) -> bool:
        return (await self.get("/", **headers)).status == 404

    async def hops(self, path: str, headers: dict[str, str]) -> bool:
        return (await self.get(path, **headers)).get("set-cookie") is not None

    async def reaches(self, name: str) -> bool:
        return name.encode() in (await self.get("/who")).body

    async def open(self, instance: InstanceId = ONE) -> None:
        await self.gates.order(Order(instance=instance, is_open=True))

    async def close(self, instance: InstanceId = ONE, within: float = float("inf")) -> None:
        await self.gates.order(Order(instance=instance, is_open=False, cut_at=time.time() + within))

    async def quiet(self, instance: InstanceId = ONE, connections: int = 0) -> bool:
        return (await self.gates.state(instance, connections))[0] is Gate.QUIET

    async def wakes_asked(self) -> int:
        """How often the gateway asked for a wake."""
        return sum([1 for why, _ in self.asked_for if why])

    async def asked(self, count: int) -> bool:
        return await self.wakes_asked() >= count

    async def leased(self) -> bool:
        return await self.live.call("ZCARD", "leases") > 0

    async def held(self) -> bool:
        return (await self.activity.seen([SPACE]))[SPACE].held_since is not None

    async def touched(self) -> bool:
        return (await self.activity.seen([SPACE]))[SPACE].touched_at > 0

    async def follow_wakes(self) -> None:
        async for space, visit in self.wakes.asked():
            self.asked_for.append((visit, space))

    async def talk(self) -> Talk:
        return await talk(self.port)

    async def get(self, path: str = "/", *, host: str = HOST, method: str = "GET", **headers: str) -> Answer:
        """One request over a new connection. headers: underscores become hyphens."""
        one = await self.talk()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await one.ask(method, path, {"Host": host, **named})
        finally:
            one.close()


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    interim: int  # 100 Continue before it

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Talk:
    """A client's connection, read by h11, which knows nothing of our parser."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.CLIENT)

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        await self.send(method, path, headers, body)
        return await self.answer()

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        if body and "Transfer-Encoding" not in headers:
            headers = headers | {"Content-Length": str(len(body))}
        out = self.http.send(h11.Request(method=method, target=path, headers=list(headers.items())))
        out += self.http.send(h11.Data(data=body)) if body else b""
        self.writer.write(out + self.http.send(h11.EndOfMessage()))

    async def event(self):
        async with asyncio.timeout(DEADLINE):
            while (event := self.http.next_event()) is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(65536))
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("closed before an answer")
        return event

    async def head(self) -> tuple[h11.Response, int]:
        interim = 0
        while not isinstance(event := await self.event(), h11.Response):
            interim += isinstance(event, h11.InformationalResponse) and event.status_code == 100
        return event, interim

    async def answer(self) -> Answer:
        head, interim = await self.head()
        body = b""
        while isinstance(event := await self.event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage)
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        headers = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        return Answer(head.status_code, headers, body, interim)

    async def data(self) -> bytes:
        event = await self.event()
        assert isinstance(event, h11.Data), event
        return event.data

    async def raw(self, sent: bytes) -> bytes:
        """What comes back until the other end closes."""
        self.writer.write(sent)
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    def close(self) -> None:
        self.writer.close()


async def talk(port: int) -> Talk:
    return Talk(*await asyncio.open_connection("127.0.0.1", port))


async def until(holds: Callable[[], Awaitable[bool] | bool], seconds: float = DEADLINE) -> None:
    """Wait for the thing itself, with a deadline."""
    async with asyncio.timeout(seconds):
        while True:
            now = holds()
            if now if isinstance(now, bool) else await now:
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def world(url: str, folder: Path, settings: GatewaySettings | None = None, **named: str) -> AsyncIterator[World]:
    live = Live(url)
    await live.call("FLUSHALL")
    sockets = listen(0, public=False)
    port = sockets[0].getsockname()[1]
    told = names(
        port=port, public_url=named.get("public_url", ""), spaces_domain=named.get("domain", ""), resolves=False
    )
    path = folder / "hub.sock"
    here = World(port, live, Apps(), App(name="hub"), told, path)
    server = await asyncio.start_unix_server(here.hub._serve, path)
    here.hub._internal = hub_check(here)
    stop = asyncio.Event()
    parts = GatewayParts(
        gateway=GatewayId("g1"), sockets=sockets, hub_socket=path, names=told, key=KEY,
        settings=settings or GatewaySettings(), routes=here.routes, gates=here.gates, wakes=here.wakes,
        activity=here.activity, events=here.events, dialer=here.apps, blobs=folder / "blobs",
    )  # fmt: skip
    gateway = Gateway(parts)
    task = asyncio.create_task(gateway.run(stop))
    scheduler = asyncio.create_task(here.follow_wakes())
    here.stop, here.task, here.figures = stop, task, gateway.figures
    try:
        yield here
    finally:
        stop.set()
        for app in (*here.apps.of.values(),):
            await app.stop()
        server.close()
        async with asyncio.timeout(DEADLINE):
            await task
            while not scheduler.done():
                scheduler.cancel()
                await asyncio.wait([scheduler], timeout=0.1)
        await live.close()


def hub_check(here: World):
    """The hub's answer about a token: GET /internal/visitor?space=ID."""

    async def answer(reader, writer, seen) -> bool:
        good = (seen.get("authorization") or "").removeprefix("Bearer ") in here.allowed
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % (b"200 OK" if good else b"403 Forbidden"))
        return True

    return answer
