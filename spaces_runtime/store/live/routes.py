"""Which host leads where: a hash of all routes, and a channel that tells each change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from spaces_runtime.domain.route import Route
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.live.connection import Live

ROUTES = "routes"
PUBLISH = """
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('PUBLISH', KEYS[1], ARGV[3])
"""


class LiveRoutes:
    """The port Routes."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._publish = live.script(PUBLISH)

    async def publish(self, host: str, route: Route | None) -> None:
        """None: there is nothing any more."""
        written = dumps(route) if route else ""
        await self._publish([ROUTES], host, written, _message(host, written))

    async def follow(self) -> AsyncIterator[tuple[str, Route | None]]:
        """All routes, then each change.

        A store that came back empty does not take routes away: what runs is served from what is known, until the
        scheduler has published again. A route that went while only the connection was away is told as None.
        """
        known: set[str] = set()
        begun = 0.0

        async def present() -> Iterable[bytes]:
            nonlocal begun
            since = await self._live.since()
            table = await self._live.call("HGETALL", ROUTES)
            found = {host.decode(): route.decode() for host, route in table.items()}
            if since != begun:  # another store, or the first one: that it lacks a route says nothing
                begun = since
                known.clear()
            gone = known - found.keys()
            return [_message(host, found.get(host, "")) for host in (*gone, *found)]

        async with aclosing(self._live.follow(ROUTES, present)) as messages:
            async for message in messages:
                host, written = json.loads(message)
                if written:
                    known.add(host)
                else:
                    known.discard(host)
                yield host, loads(Route, written) if written else None


def _message(host: str, route: str) -> bytes:
    return json.dumps([host, route]).encode()
