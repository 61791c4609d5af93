"""`spaces quota`."""

from __future__ import annotations

import typer

from spaces_runtime.cli.context import OPERATOR, at_desk
from spaces_runtime.domain.operations import storage
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.storage import Use, said, size_of

app = typer.Typer(help="How much people and organisations may store.", no_args_is_help=True)


@app.command("set")
def put(
    context: typer.Context,
    name: str = typer.Argument(..., help="A person or an organisation."),
    size: str = typer.Argument(..., help="50GB, 1.5TB, none, or default: what storage.namespace says."),
) -> None:
    """Give somebody another limit than the settings'."""
    wanted = None if size == "default" else size_of(size)

    async def give(desk: Desk) -> Use:
        return await storage.set_quota(desk, OPERATOR, name, wanted)

    typer.echo(_line(at_desk(context, give)))


@app.command()
def show(context: typer.Context, name: str = typer.Argument("", help="Empty: everybody.")) -> None:
    """Print what is used, and what may be; the largest first."""

    async def look(desk: Desk) -> list[Use]:
        return [await desk.storage.use_of(name)] if name else list(await desk.storage.everybody())

    for use in at_desk(context, look):
        typer.echo(_line(use))


def _line(use: Use) -> str:
    return f"{use.name}  {said(use.used)} of {said(use.limit) if use.limit else 'no limit'}"
