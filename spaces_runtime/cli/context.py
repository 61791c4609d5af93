"""What every command needs: the settings, and the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from spaces_runtime import wiring
from spaces_runtime.cli import settings as reader
from spaces_runtime.cli.folders import prepare
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.settings import Settings

OPERATOR = Person(id=UserId(""), name="the operator", admin=True)  # whoever may read the data folder
T = TypeVar("T")


def effective(context: typer.Context, **flags: Any) -> reader.Effective:  # noqa: ANN401 - flags of any setting
    """The settings, flags included; `--data` was read before the subcommand."""
    return reader.load(Path(context.obj) if context.obj else None, flags)


def settings_of(context: typer.Context, **flags: Any) -> Settings:  # noqa: ANN401 - as above
    """The same, without where each came from."""
    return effective(context, **flags).settings


def at_desk(context: typer.Context, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do this work on the data folder, whether or not the platform runs."""
    settings = settings_of(context)

    async def go() -> T:
        prepare(Layout(settings.data))
        await wiring.migrate(settings)
        async with wiring.desk(settings) as desk:
            return await work(desk)

    return asyncio.run(go())
