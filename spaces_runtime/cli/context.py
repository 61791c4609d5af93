"""What every command needs: the settings, and the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from spaces_runtime.cli import settings as reader
from spaces_runtime.cli.drop import become
from spaces_runtime.cli.folders import prepare
from spaces_runtime.cli.serve import needed
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.settings import Settings
from spaces_runtime.wiring.desk import desk, migrate
from spaces_runtime.wiring.names import visitor_key

OPERATOR = Person(id=UserId(""), name="the operator", admin=True)  # whoever may read the data folder
T = TypeVar("T")


def effective(context: typer.Context, *, anew: bool = False, **flags: Any) -> reader.Effective:  # noqa: ANN401 - of any setting
    """The settings, flags included; `--data` was read before the subcommand."""
    return reader.load(Path(context.obj) if context.obj else None, flags, anew=anew)


def settings_of(context: typer.Context, *, anew: bool = False, **flags: Any) -> Settings:  # noqa: ANN401 - as above
    """The same, without where each came from."""
    return effective(context, anew=anew, **flags).settings


def at_desk(context: typer.Context, work: Callable[[Desk], Awaitable[T]], *, also: tuple[Path, ...] = ()) -> T:
    """Do this work on the data folder, whether or not the platform runs; as root, as the hub's user.

    also: folders outside the data folder that the work reads.
    """
    settings = settings_of(context)
    prepare(Layout(settings.data))
    visitor_key(settings)
    become("hub", (*needed(settings), *also))

    async def go() -> T:
        await migrate(settings)
        async with desk(settings) as made:
            return await work(made)

    return asyncio.run(go())
