"""`spaces org`."""

from __future__ import annotations

import typer

from spaces_runtime.cli.context import OPERATOR, at_desk
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.operations import orgs
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import OrgRole

app = typer.Typer(help="Organisations: a namespace that several people have in common.", no_args_is_help=True)
Name = typer.Argument(..., metavar="ORG")
User = typer.Argument(..., metavar="USER")


@app.command()
def add(
    context: typer.Context,
    name: str = Name,
    admin: str = typer.Option(..., "--admin", help="The user who leads it first, and makes others members."),
    fullname: str = typer.Option("", help="As people call it."),
    details: str = typer.Option("", help="A sentence about it."),
) -> None:
    """Create an organisation."""

    async def create(desk: Desk) -> None:
        await orgs.create_org(desk, OPERATOR, name=name, fullname=fullname, details=details, founder=admin)

    at_desk(context, create)
    typer.echo(f"created organisation {name}, led by {admin}", err=True)


@app.command("list")
def everyone(context: typer.Context) -> None:
    """List the organisations."""
    for org in at_desk(context, lambda desk: desk.orgs.everyone()):
        typer.echo(org.name + (f"  {org.fullname}" if org.fullname != org.name else ""))


@app.command()
def members(context: typer.Context, name: str = Name) -> None:
    """List the members of one, with their roles."""

    async def read(desk: Desk) -> list[str]:
        found, lines, last = await orgs.find_org(desk, name), list[str](), ""
        while rows := await desk.orgs.members(found.name, after=last, limit=500):
            lines += [f"{user}  {role.value}" for user, role in rows]
            last = rows[-1][0]
        return lines

    for line in at_desk(context, read):
        typer.echo(line)


@app.command("set")
def set_role(
    context: typer.Context,
    name: str = Name,
    user: str = User,
    role: str = typer.Option("write", help="read, contributor (only what they create), write, or admin."),
) -> None:
    """Make a user a member, or change what they may."""
    wanted = next((each for each in OrgRole if each.value == role), None)
    if wanted is None:
        said = ", ".join(each.value for each in OrgRole)
        raise Fault(what=f"make {user} a member", why=f"there is no role {role!r}", then=f"It is one of {said}.")
    at_desk(context, lambda desk: orgs.set_role(desk, OPERATOR, name, user, wanted))
    typer.echo(f"{user} is {role} in {name}", err=True)


@app.command()
def remove(context: typer.Context, name: str = Name, user: str = User) -> None:
    """Take a user out."""
    at_desk(context, lambda desk: orgs.set_role(desk, OPERATOR, name, user, None))
    typer.echo(f"{user} is no longer in {name}", err=True)


@app.command()
def delete(context: typer.Context, name: str = Name) -> None:
    """Delete an organisation that has no repos."""
    at_desk(context, lambda desk: orgs.delete_org(desk, OPERATOR, name))
    typer.echo(f"deleted organisation {name}", err=True)
