"""`spaces user`."""

from __future__ import annotations

import sys

import typer

from spaces_runtime.cli.context import OPERATOR, at_desk
from spaces_runtime.domain.operations import people
from spaces_runtime.domain.operations.desk import Desk

app = typer.Typer(help="The people who push.", no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: str,
    password_stdin: bool = typer.Option(False, "--password-stdin", help="Read the password from standard input."),
    admin: bool = typer.Option(False, "--admin", help="May do everything, in every namespace."),
) -> None:
    """Create a user."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _asked()

    async def create(desk: Desk) -> None:
        await people.create_user(desk, OPERATOR, name=name, password=password, admin=admin)

    at_desk(context, create)
    typer.echo(f"created user {name}", err=True)


@app.command("list")
def everyone(context: typer.Context) -> None:
    """List the users."""
    for person in at_desk(context, lambda desk: desk.people.everyone()):
        typer.echo(person.name + ("  admin" if person.admin else ""))


def _asked() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
