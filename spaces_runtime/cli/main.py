"""The command `spaces`."""

from __future__ import annotations

import sys

import click
import typer

from spaces_runtime.cli import base, log, org, platform, quota, space, token, user
from spaces_runtime.cli.drop import shared_by_users
from spaces_runtime.domain.errors import Fault

app = typer.Typer(
    help="A self-hosted home for machine-learning demos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(user.app, name="user")
app.add_typer(org.app, name="org")
app.add_typer(token.app, name="token")
app.add_typer(space.app, name="space")
app.add_typer(quota.app, name="quota")
app.add_typer(base.app, name="base")
platform.add_to(app)


def main() -> None:
    """Run the command line; a Fault is one sentence on standard error and status 1."""
    log.to_stderr()
    shared_by_users()
    try:
        app(_data_first(sys.argv[1:]), standalone_mode=True)
    except Fault as fault:
        click.echo(str(fault), err=True)
        raise SystemExit(1) from None


def _data_first(words: list[str]) -> list[str]:
    """`--data DIR` may stand before or after the subcommand: it is moved to the front, where the app reads it."""
    found: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word == "--data":
            found = [word, *(value for value in [next(left, None)] if value is not None)]
        elif word.startswith("--data="):
            found = [word]
        else:
            rest.append(word)
    return found + rest


@app.callback()
def _options(
    context: typer.Context,
    data: str = typer.Option("", help="The data folder; also accepted after the subcommand."),
) -> None:
    context.obj = data


if __name__ == "__main__":
    main()
