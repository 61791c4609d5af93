"""Commands about what is stored: gc, backup, restore; and what `spaces doctor` says of it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

from spaces_runtime.cli import up as running
from spaces_runtime.cli.context import at_desk, settings_of
from spaces_runtime.cli.folders import prepare
from spaces_runtime.cli.housekeeping import fullness, last_run, note
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import Settings
from spaces_runtime.domain.storage import Removed, said
from spaces_runtime.wiring.collect import collect, needed, sweep_content
from spaces_runtime.wiring.desk import desk, migrate

LOCK = "storage.lock"  # in Layout.run: a backup is not made while something is removed


def gc(context: typer.Context) -> None:
    """Remove environments, builds, wheels, logs and content that no Space and no repo needs; say what and how much."""
    settings = settings_of(context)
    prepare(Layout(settings.data))
    with quiet(Layout(settings.data), "remove what nothing needs"):
        removed = asyncio.run(_collected(settings))
        removed += at_desk(context, lambda desk: sweep_content(desk, time.time()))
        text = _told(removed)
        note(settings, text)
    typer.echo(f"removed {text}")


async def _collected(settings: Settings) -> tuple[Removed, ...]:
    """As root where the platform is root's: environments belong to the builders."""
    await migrate(settings)
    async with desk(settings) as made:
        return collect(Layout(settings.data), await needed(made, running=_runs(settings)), time.time())


def _runs(settings: Settings) -> bool:
    try:
        running.running(Layout(settings.data))
    except Unavailable:
        return False
    return True


def _told(removed: tuple[Removed, ...]) -> str:
    parts = [
        f"{each.count} {each.what}" + (f" ({said(each.size)})" if each.size else "") for each in removed if each.count
    ]
    return f"{', '.join(parts) or 'nothing'}; {said(sum(each.size for each in removed))} more are free"


@contextmanager
def quiet(layout: Layout, what: str) -> Iterator[None]:
    """While the block runs nothing else removes or saves what is stored here.

    Raises: Unavailable.
    """
    held = os.open(layout.run / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        why = "a backup, or another `spaces gc`, is under way"
        raise Unavailable(what=what, why=why, then="Try again when it is done.") from None
    else:
        yield
    finally:
        os.close(held)


def room_findings(settings: Settings) -> tuple[Finding, ...]:
    """How full the disk is, and what the last run removed."""
    full, at = fullness(settings.data), settings.storage.gc_at
    then = f"What nothing needs is removed at {at} %." if at else "Nothing is removed by itself: storage.gc_at is 0."
    done = last_run(settings)
    when = datetime.fromtimestamp(done.at, UTC).strftime("%Y-%m-%d %H:%M UTC") if done else ""
    last = f" Last, {when}: removed {done.said}." if done else ""
    holds = not at or full < at
    return (
        Finding(
            subject="room",
            holds=holds,
            says=f"The disk of the data folder is {full:.0f} % full. {then}{last}",
            remedy="" if holds else "Everything on it is needed: delete repos, or give it a larger disk.",
        ),
    )
