"""Talking to the live store: short commands on a pool, and long waits each on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from spaces_runtime.domain.errors import Unavailable

log = structlog.get_logger()
ANSWER = 5.0  # seconds in which a short command must be answered
CONNECT = 2.0  # seconds
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)  # seconds between attempts to come back; the last one is repeated
SINCE = "since"  # Unix seconds at which somebody first met this store; a store that lost everything has another one
AWAY = (RedisError, OSError, asyncio.TimeoutError)

Command = tuple[str | bytes | int | float, ...]


class Live:
    """One live store: Valkey, or Redis from 7 on. url: unix:///path or redis://host:port.

    Short commands raise Unavailable when the store is away; following goes on by itself.
    """

    # The deadlines are ours: with a timeout of its own, the client library sends inside asyncio.wait_for, which on
    # Python 3.11 loses a cancellation that comes as the sending ends. Its task would then never end.

    def __init__(self, url: str) -> None:
        keepalive = {} if url.startswith("unix:") else {"socket_keepalive": True}
        self._redis: Redis = Redis.from_url(
            url,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=CONNECT,
            retry=Retry(NoBackoff(), 1),  # once: a pooled connection may be from before a restart of the store
            **keepalive,
        )

    async def call(self, *command: str | bytes | float) -> Any:  # noqa: ANN401 - what the store answers
        """One command, one round trip."""
        async with _answered():
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def calls(self, *commands: Command) -> list[Any]:
        """Several commands, all or none, one round trip."""
        async with _answered():
            pipeline = self._redis.pipeline(transaction=True)
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = await pipeline.execute()
            return answers

    def script(self, source: str) -> Script:
        """A step that must not be interrupted, run inside the store."""
        return Script(self._redis, source)

    async def since(self) -> float:
        """When this store began, as far as anybody knows. Unix seconds."""
        _, at = await self.calls(("SET", SINCE, repr(time.time()), "NX"), ("GET", SINCE))
        return float(at)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection for one who waits; closed with it."""
        connection = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT):
                await connection.connect()
            yield Line(connection)
        finally:
            with suppress(*AWAY):
                await connection.disconnect(nowait=True)

    async def follow(
        self, channel: str, present: Callable[[], Awaitable[Iterable[bytes]]]
    ) -> AsyncGenerator[bytes, None]:
        """Messages as they are published, each time after what present() says: subscribed first, so that none is lost.

        Comes back by itself when the store was away, with the whole present state again.
        """
        tries = 0
        while True:
            try:
                async with self.line() as line:
                    await line.call("SUBSCRIBE", channel)
                    for item in await present():
                        yield item
                    tries = 0
                    while True:
                        _, _, message = await line.next()
                        yield message
            except (*AWAY, Unavailable) as error:
                tries += 1
                await come_back(tries, error)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._redis.aclose()


class Script:
    """Lua that the store runs in one step."""

    def __init__(self, redis: Redis, source: str) -> None:
        self._run = redis.register_script(source)

    async def __call__(self, keys: Sequence[str], *args: str | bytes | float) -> Any:  # noqa: ANN401 - as call()
        """One round trip; another one after the store lost the script."""
        async with _answered():
            return await self._run(keys=keys, args=args)


class Line:
    """A connection on which one waits."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def call(self, *command: str | bytes | float) -> Any:  # noqa: ANN401 - what the store answers
        """Send, and wait for the answer without a deadline."""
        await self._connection.send_command(*command)
        return await self._connection.read_response()

    async def next(self) -> Any:  # noqa: ANN401 - a message
        """Wait for what the store sends by itself."""
        return await self._connection.read_response()


async def come_back(tries: int, error: Exception) -> None:
    """Wait a little before the next attempt. Says so once per absence."""
    if tries == 1:
        log.warning("live store is away", why=str(error))
    await asyncio.sleep(PAUSES[min(tries, len(PAUSES)) - 1])


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """A short command: answered in time, or a Fault people can act on."""
    try:
        async with asyncio.timeout(ANSWER):
            yield
    except AWAY as error:
        why = str(error) or type(error).__name__
        raise Unavailable(what="reach the live store", why=why, then="It comes back by itself.") from error
