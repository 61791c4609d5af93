"""Commands about what is stored: gc, backup, restore; and what `spaces doctor` says of it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from spaces_runtime.cli import up as running
from spaces_runtime.cli.context import at_desk, settings_of
from spaces_runtime.cli.folders import folders, prepare
from spaces_runtime.cli.housekeeping import fullness, last_run, note
from spaces_runtime.domain.errors import Fault, Unavailable
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import Settings
from spaces_runtime.domain.storage import Removed, said
from spaces_runtime.store.archive import reading, writing
from spaces_runtime.store.seal import master_key
from spaces_runtime.wiring.backup import save
from spaces_runtime.wiring.collect import collect, needed, sweep_content, sweep_images
from spaces_runtime.wiring.desk import desk, migrate
from spaces_runtime.wiring.restore import restore as bring_back

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
        kept = await needed(made, running=_runs(settings))
        return (*collect(Layout(settings.data), kept, time.time()), *await sweep_images(settings, kept))


def backup(
    context: typer.Context,
    place: Path = typer.Argument(
        ..., metavar="DIR|FILE.tar", help="A folder, which a later backup adds to; or a file."
    ),
    with_key: bool = typer.Option(False, "--with-key", help="Also the key that opens the secrets of Spaces."),
    key_file: Path | None = typer.Option(None, "--key-file", help="Write that key there: keep it elsewhere."),
) -> None:
    """Save the hub: people, repos, files, settings and secrets; while it runs. Not /data of Spaces, and no logs."""
    settings = settings_of(context)
    layout = Layout(settings.data)
    prepare(layout)
    with quiet(layout, "make a backup"), writing(place) as writer:
        made = save(settings, writer, with_key=with_key)
    if key_file is not None:
        _write_key(layout, key_file)
    typer.echo(f"saved {made.repos} repos and {made.blobs} large files in {place}; {said(made.size)} are new")
    if not with_key and key_file is None:
        typer.echo(f"The key that opens the secrets of Spaces is not in it: keep a copy of {layout.keys / 'master'}.")
    if made.lost:
        typer.echo(f"{len(made.lost)} large files were missing in the hub itself: {', '.join(made.lost)}", err=True)


def restore(
    context: typer.Context,
    place: Path = typer.Argument(..., metavar="DIR|FILE.tar", help="What `spaces backup` wrote."),
    key_file: Path | None = typer.Option(None, "--key-file", help="The key that opens the secrets of Spaces."),
) -> None:
    """Make the hub of a backup again, in a new data folder or a new database."""
    settings = settings_of(context)
    layout = Layout(settings.data)
    if _runs(settings):
        raise Fault(what="restore", why=f"a platform runs on {layout.data}", then="Stop it, or name a new --data.")
    prepare(layout)
    os.umask(0o007)  # as the hub's
    key = key_file.read_bytes() if key_file is not None else None
    with quiet(layout, "restore a backup"), reading(place) as reader:
        made = bring_back(settings, reader, key)
    _hand_over(layout)
    typer.echo(f"restored {made.manifest.repos} repos and {made.manifest.blobs} large files of {made.manifest.made_at}")
    if made.closed:
        typer.echo(
            f"The key here does not open {len(made.closed)} secrets; set them again, or restore with --key-file:\n"
            + "\n".join(f"  {secret}" for secret in made.closed),
            err=True,
        )


def _hand_over(layout: Layout) -> None:
    """As root: all of it belongs to whom its folder belongs to; the group comes from the folder by itself."""
    if os.geteuid() != 0:
        return
    owned = (layout.database.parent, layout.repos, layout.blobs, layout.keys, layout.builds)
    for folder in (each for each in folders(layout) if each.path in owned):
        for path in folder.path.rglob("*"):
            os.chown(path, folder.user, -1, follow_symlinks=False)


def _write_key(layout: Layout, place: Path) -> None:
    key = master_key(layout.keys / "master").master
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)


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
