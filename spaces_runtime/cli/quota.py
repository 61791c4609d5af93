"""`spaces quota`."""

from __future__ import annotations

import typer

from spaces_runtime.cli.context import OPERATOR, at_desk
from spaces_runtime.domain.allowance import Standing
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.operations import allowances, storage
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.storage import Use, said, size_of

app = typer.Typer(help="How much people and organisations may store, run and use.", no_args_is_help=True)
OTHERS = "none, or default: what the settings say."


@app.command("set")
def put(
    context: typer.Context,
    name: str = typer.Argument(..., help="A person or an organisation."),
    size: str = typer.Argument("", help="Stored: 50GB, 1.5TB, none, or default: what storage.namespace says."),
    spaces: str = typer.Option("", help=f"How many Spaces; {OTHERS}"),
    memory: str = typer.Option("", help=f"Memory of the tiers of those awake at once: 32GB; {OTHERS}"),
    gpu_hours: str = typer.Option("", help=f"GPU hours each month; {OTHERS}"),
) -> None:
    """Give somebody other limits than the settings'. What is not named stays."""
    given = {
        "spaces": (spaces, count_of),
        "memory": (memory, size_of),
        "gpu_hours": (gpu_hours, hours_of),
    }
    changes = {kind: None if told == "default" else read(told) for kind, (told, read) in given.items() if told}
    if not size and not changes:
        raise Fault(
            what="set the quota", why="no limit is named", then="Name a size, --spaces, --memory or --gpu-hours."
        )

    async def give(desk: Desk) -> tuple[Use, Standing]:
        if size:
            await storage.set_quota(desk, OPERATOR, name, None if size == "default" else size_of(size))
        standing = await allowances.give(desk, OPERATOR, name, changes)
        return await desk.storage.use_of(name), standing

    typer.echo(_line(*at_desk(context, give)))


@app.command()
def show(context: typer.Context, name: str = typer.Argument("", help="Empty: everybody.")) -> None:
    """Print what is used, and what may be; who stores most is first."""

    async def look(desk: Desk) -> list[tuple[Use, Standing]]:
        uses = [await desk.storage.use_of(name)] if name else list(await desk.storage.everybody())
        return [(use, await desk.allowances.of(use.name)) for use in uses]

    for use, standing in at_desk(context, look):
        typer.echo(_line(use, standing))


def count_of(text: str) -> int:
    """Raises: Fault."""
    if text == "none":
        return 0
    if not text.isdecimal() or int(text) >= 2**31:
        raise Fault(what="set the quota", why=f"{text!r} is not a number of Spaces", then="Write 5, or none.")
    return int(text)


def hours_of(text: str) -> float:
    """Raises: Fault."""
    if text == "none":
        return 0.0
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < 1e9:  # noqa: PLR2004 - no month has so many, whatever is multiplied
        raise Fault(what="set the quota", why=f"{text!r} is not a number of hours", then="Write 20, or none.")
    return hours


def _line(use: Use, standing: Standing) -> str:
    limit = standing.limit
    parts = [f"{said(use.used)} of {said(use.limit) if use.limit else 'no limit'}"]
    parts.append(f"{standing.spaces} of {limit.spaces} Spaces" if limit.spaces else f"{standing.spaces} Spaces")
    if limit.memory:
        parts.append(f"{said(limit.memory)} of memory at once")
    if limit.gpu_hours or standing.gpu_hours:
        most = f"{limit.gpu_hours:g}" if limit.gpu_hours else "no limit"
        parts.append(f"{standing.gpu_hours:.4g} of {most} GPU hours this month")
    return f"{use.name}  {', '.join(parts)}"
