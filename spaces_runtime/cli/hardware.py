"""`spaces hardware`: the tiers, what is free for them, and why the rest cannot be had."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer

from spaces_runtime.cli.context import at_desk
from spaces_runtime.domain.hardware import Hardware, Offer, Stock, fitting, size
from spaces_runtime.domain.operations import hardware as look
from spaces_runtime.domain.operations.desk import Desk


def hardware(context: typer.Context, as_json: bool = typer.Option(False, "--json", help="For programs.")) -> None:
    """List the tiers: which can be chosen here, what is free, and why the others cannot."""

    async def both(desk: Desk) -> tuple[Sequence[Offer], Stock | None]:
        return await look.offers(desk), await look.stock_of(desk)

    offers, stock = at_desk(context, both)
    if as_json:
        typer.echo(json.dumps({"tiers": [told(each, stock) for each in offers], "stock": _stock(stock)}, indent=2))
        return
    rows = [(each.tier.name, about(each.tier), said(each, stock)) for each in sorted(offers, key=_absent)]
    name, ceilings = (max(len(row[column]) for row in rows) for column in (0, 1))
    for row in rows:
        typer.echo(f"{row[0]:<{name}}  {row[1]:<{ceilings}}  {row[2]}")
    typer.echo(f"\n{whole(stock)}")


def _absent(each: Offer) -> bool:
    return bool(each.why_not)


def about(tier: Hardware) -> str:
    """Its ceilings."""
    gpus = f", {tier.gpus:g} x {tier.gpu or 'GPU'}" if tier.gpus else ""
    return f"{tier.cpus:g} cores, {size(tier.memory)}, disk {size(tier.disk)}{gpus}"


def said(each: Offer, stock: Stock | None) -> str:
    """Whether it can be had, and at once."""
    if each.why_not:
        return f"no: {each.why_not}"
    free = [gpu for gpu in stock.gpus if gpu.id not in stock.leased] if stock else []
    if each.tier.gpus and not fitting(each.tier, free):
        return "yes, when its devices are free again"
    return f"yes; {each.note}" if each.note else "yes"


def whole(stock: Stock | None) -> str:
    """What this machine has, and how much of it is taken."""
    if stock is None:
        return "How much is free is not known: the scheduler has not told."
    waiting = f"; {stock.waiting} Spaces wait for a place" if stock.waiting else ""
    gpus = f"{len(stock.leased)} of {len(stock.gpus)} GPUs in use" if stock.gpus else f"No GPU: {stock.no_gpus}"
    memory = f"{size(stock.reserved)} of {size(stock.room)} of memory reserved"
    return f"{stock.cpus} cores; {memory}{waiting}. {gpus}."


def told(each: Offer, stock: Stock | None) -> dict[str, Any]:
    """A tier for scripts; these names stay."""
    tier = {key: value for key, value in asdict(each.tier).items() if key != "never"}
    return {**tier, "available": not each.why_not, "why_not": each.why_not, "says": said(each, stock)}


def _stock(stock: Stock | None) -> dict[str, Any] | None:
    return asdict(stock) if stock is not None else None
