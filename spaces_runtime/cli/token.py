"""`spaces token`."""

from __future__ import annotations

import typer

from spaces_runtime.cli.context import at_desk
from spaces_runtime.domain.operations import people
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Role

app = typer.Typer(help="What programs sign in with.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    user: str,
    role: Role = typer.Option(Role.WRITE, help="What the token allows at most."),
    name: str = typer.Option("command line", help="To tell it from others."),
) -> None:
    """Create a token and print it, alone; it is shown only now."""

    async def made(desk: Desk) -> str:
        person = await people.find_person(desk, user)
        return await people.create_token(desk, person, name=name, role=role)

    typer.echo(at_desk(context, made))
