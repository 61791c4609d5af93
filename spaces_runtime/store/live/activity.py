"""What visitors do, merged over the gateways."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from spaces_runtime.domain.ids import GatewayId, SpaceId
from spaces_runtime.domain.route import Seen
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.live.gates import HELD, LEASES, NOW, SLOW

TOUCHED = "touched"  # hash: Space → Unix seconds, the latest any gateway told
AT_ONCE = 1000  # Spaces a script is told or asked about; Lua unpacks no more than some thousands

# ARGV: the gateway's hash, then Space, touched_at, held_since or '' again and again.
REPORT = """
for i = 2, #ARGV, 3 do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
  if tonumber(ARGV[i + 1]) > known then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  if ARGV[i + 2] == '' then redis.call('HDEL', ARGV[1], ARGV[i])
  else redis.call('HSET', ARGV[1], ARGV[i], ARGV[i + 2]) end
end
"""
# ARGV: the prefix of the gateways' hashes, seconds of patience, then the Spaces.
SEEN = (
    NOW
    + """
local answer = {redis.call('HMGET', KEYS[1], unpack(ARGV, 3))}
for _, gateway in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], string.format('%.6f', now - ARGV[2]), '+inf')) do
  answer[#answer + 1] = redis.call('HMGET', ARGV[1] .. gateway, unpack(ARGV, 3))
end
return answer
"""
)


class LiveActivity:
    """The port Activity."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._report = live.script(REPORT)
        self._seen = live.script(SEEN)

    async def report(self, gateway: GatewayId, seen: Mapping[SpaceId, Seen]) -> None:
        """One round trip for a thousand Spaces."""
        told = list(seen.items())
        for start in range(0, len(told), AT_ONCE):
            words: list[str] = []
            for space, one in told[start : start + AT_ONCE]:
                held = "" if one.held_since is None else repr(one.held_since)
                words += (space, repr(one.touched_at), held)
            await self._report([TOUCHED], HELD + gateway, *words)

    async def seen(self, named: Collection[SpaceId]) -> Mapping[SpaceId, Seen]:
        """Each of those named; one of which nothing is known has Seen's defaults."""
        names, found = list(named), dict[SpaceId, Seen]()
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            touched, *held = await self._seen([TOUCHED, LEASES], HELD, SLOW, *some)
            found |= dict(zip(some, map(_merged, touched, *held), strict=True))
        return found

    async def since(self) -> float:
        return await self._live.since()


def _merged(touched: bytes | None, *held: bytes | None) -> Seen:
    """Over the gateways: a stream that is silent for a shorter time counts more."""
    silent: Sequence[float] = [float(since) for since in held if since is not None]
    return Seen(touched_at=float(touched or 0), held_since=max(silent, default=None))
