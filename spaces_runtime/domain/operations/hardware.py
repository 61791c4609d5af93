"""Which tiers can be chosen, and how much of this machine is free."""

from __future__ import annotations

from collections.abc import Sequence

from spaces_runtime.domain.errors import Fault, Invalid, Unavailable
from spaces_runtime.domain.hardware import Hardware, Offer, Stock, offer
from spaces_runtime.domain.operations.desk import Desk


async def stock_of(desk: Desk) -> Stock | None:
    """What there is, as the scheduler told last; None: nobody knows."""
    try:
        return await desk.stocks.latest()
    except Unavailable:
        return None


async def offers(desk: Desk) -> Sequence[Offer]:
    """All tiers of this hub, also those that cannot be chosen here, and why they cannot."""
    stock, standard = await stock_of(desk), desk.settings.default_hardware
    return [offer(tier, stock, standard=tier.name == standard) for tier in desk.settings.hardware]


async def chosen(desk: Desk, name: str, what: str) -> Hardware:
    """The tier of this name. what: is attempted with it.

    Raises:
        Fault: there is none of this name; the text has those that can be chosen.
        Invalid: it cannot be had on this machine; the text says why.
        Unavailable: nobody has looked yet.
    """
    found = await offers(desk)
    free = ", ".join(each.tier.name for each in found if not each.why_not)
    mine = next((each for each in found if each.tier.name == name), None)
    if mine is None:
        raise Fault(what=what, why=f"this hub has no hardware {name!r}", then=f"It has {free}.")
    if mine.why_not and await stock_of(desk) is None and not mine.tier.never:
        raise Unavailable(what=what, why=f"{name}: {mine.why_not}", then="Try again in a minute.")
    if mine.why_not:
        raise Invalid(what=what, why=f"{name} cannot be had here: {mine.why_not}", then=f"There is {free}.")
    return mine.tier


async def may_have(desk: Desk, namespace: str, tier: Hardware, what: str, now: float) -> None:
    """Nothing happens when the Spaces of this namespace may be put on it. now: Unix seconds.

    Raises:
        Refused: it is more than they may use, or their GPU hours are used up.
    """
    (await desk.allowances.of(namespace)).take_tier(tier, what, now)


async def can_have(desk: Desk, name: str) -> bool:
    """It can be chosen here."""
    return any(each.tier.name == name and not each.why_not for each in await offers(desk))
