"""Why a Space waits, who has what it waits for, and when it is likely to get in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

from spaces_runtime.domain.hardware import Hardware, fitting, size
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.waits import Waits
from spaces_runtime.scheduler.place import Capacity, Claim, Grant, Shares, in_turn, room_of

NAMED = 5  # holders


def waits(
    claims: Sequence[Claim], grants: Mapping[SpaceId, Grant], capacity: Capacity, limits: Mapping[str, int], c: Claim
) -> Waits:
    """c: the claim of one that has no place.

    At the latest: those awake could end earlier, and those before it may need less than is reserved for them.
    """
    room = room_of([_as_granted(each, grants) for each in claims], capacity)
    lacks = c.tier is not None and not room.chosen(c)
    own = c.barred or _over(claims, limits, c)
    queue = in_turn(claims)
    before = [each for each in queue[: queue.index(c)] if not grants[each.space].places] if c in queue else []
    if own:
        mine = [each for each in claims if each.owner == c.owner and each.holds]
        holders, at = ([], inf) if c.barred else (mine, _own_at(mine, limits, c))
    else:
        holders = [each for each in claims if each.holds and (bool(each.has) if lacks else True)]
        at = _at(holders, room.memory, before, c, capacity)
    holders.sort(key=lambda each: (-each.memory * each.holds, each.space))
    return Waits(
        memory=min(c.memory, capacity.memory),
        free=room.memory,
        room=capacity.memory,
        devices=_devices(c.tier) if c.tier is not None and lacks else "",
        own=own,
        holders=tuple(each.space for each in holders[:NAMED]),
        others=max(0, len(holders) - NAMED),
        at=at if at < inf else 0.0,
    )


def _over(claims: Sequence[Claim], limits: Mapping[str, int], c: Claim) -> str:
    """That it would be more than its owner's may use at once; empty: it would not."""
    shares = Shares(claims, limits)
    if shares.allow(c):
        return ""
    may, use = size(limits[c.owner]), size(shares.used[c.owner])
    return f"Its owner's Spaces may use {may} at once: those awake have {use}, and it has {size(c.ceiling)}"


def _as_granted(c: Claim, grants: Mapping[SpaceId, Grant]) -> Claim:
    """A place that was given and not taken yet is no longer free."""
    places = grants[c.space].places
    return replace(c, holds=places) if places > c.holds else c


def _at(holders: Sequence[Claim], free: int, before: Sequence[Claim], c: Claim, capacity: Capacity) -> float:
    """When enough of them would have made way for all that are before it, and for itself; inf: never."""
    needs = min(c.memory, capacity.memory) + sum(min(each.memory, capacity.memory) for each in before)
    needs = min(needs, capacity.memory)  # more than there is cannot be free: those before it will have to end
    devices = [gpu for gpu in capacity.gpus if not any(gpu.id in each.has for each in holders)]
    for holder in sorted(holders, key=lambda each: each.free_at):
        free += holder.memory * holder.holds
        devices += [gpu for gpu in capacity.gpus if gpu.id in holder.has]
        if free >= needs and (c.tier is None or fitting(c.tier, devices)):
            return holder.free_at
    return inf


def _own_at(mine: Sequence[Claim], limits: Mapping[str, int], c: Claim) -> float:
    """When enough of its owner's would have made way; inf: never."""
    by_time = sorted(mine, key=lambda each: each.free_at)
    for count, holder in enumerate(by_time, 1):
        if Shares(by_time[count:], limits).allow(c):
            return holder.free_at
    return inf


def _devices(tier: Hardware) -> str:
    model = tier.gpu or "GPU"
    return f"a slice of a {model}" if tier.gpus < 1 else f"{tier.gpus:g} x {model}"
