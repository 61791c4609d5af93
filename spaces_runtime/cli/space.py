"""`spaces space`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar

import typer

from spaces_runtime.cli.context import OPERATOR, at_desk
from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.operations import settings, show, wake
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.repo import Kind, Repo

app = typer.Typer(help="Spaces: see, wake, put to sleep, restart, pause, keep off the internet.", no_args_is_help=True)
Json = typer.Option(False, "--json", help="For programs.")
Name = typer.Argument(..., metavar="NS/NAME")
T = TypeVar("T")


class Switch(Enum):
    """A word for a person to type."""

    ON = "on"
    OFF = "off"


@app.command("list")
def everything(context: typer.Context, as_json: bool = Json) -> None:
    """List all Spaces."""

    async def all_of_them(desk: Desk) -> list[show.View]:
        return await show.show_all(desk, await desk.index.listing(Kind.SPACE), time.time())

    views = at_desk(context, all_of_them)
    if as_json:
        typer.echo(json.dumps([told(view) for view in views], indent=2))
        return
    widest = max((len(view.repo.full) for view in views), default=0)
    for view in views:
        typer.echo(f"{view.repo.full:<{widest}}  {view.stage.value:<20}  {view.why}")


@app.command("show")
def one(context: typer.Context, name: str = Name, as_json: bool = Json) -> None:
    """Show a Space: its stage, and why."""
    view = at_desk(context, lambda desk: _view(desk, name))
    if as_json:
        typer.echo(json.dumps(told(view), indent=2))
        return
    for key, value in told(view).items():
        typer.echo(f"{key:<9} {value if value is not None else '-'}")


@app.command()
def logs(
    context: typer.Context,
    name: str = Name,
    build: bool = typer.Option(False, "--build", help="The build's, not the app's."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Stay, and print what comes."),
    tail: int | None = typer.Option(None, help="Only so many lines from the end."),
    as_json: bool = Json,
) -> None:
    """Print the kept log."""
    source = Source.BUILD if build else Source.RUN

    async def read(desk: Desk) -> None:
        view = await _view(desk, name)
        async for line in desk.logs.read(view.id, source, follow=follow, tail=tail):
            whole = {"timestamp": line.stamp, "data": line.text}
            typer.echo(json.dumps(whole) if as_json else f"{line.stamp} {line.text}")

    at_desk(context, read)


@app.command("wake")
def wake_up(context: typer.Context, name: str = Name, as_json: bool = Json) -> None:
    """Wake it, as a visit does."""
    _act(context, name, as_json, lambda desk, repo: wake.wake(desk, OPERATOR, repo, time.time()))


@app.command()
def sleep(
    context: typer.Context,
    name: str = Name,
    rung: str = typer.Option(
        "frozen", help="frozen, paged, checkpointed, packed or cold; what this machine has of them."
    ),
    wait: float = typer.Option(60.0, help="Seconds to wait until it is there; those inside finish first."),
    as_json: bool = Json,
) -> None:
    """Put it to sleep at once; a visit wakes it."""

    async def until_there(desk: Desk, repo: Repo) -> None:
        await wake.sleep(desk, OPERATOR, repo, time.time(), rung)
        await _until(desk, repo, rung, wait)

    _act(context, name, as_json, until_there)


@app.command()
def restart(
    context: typer.Context,
    name: str = Name,
    rebuild: bool = typer.Option(False, "--rebuild", help="Build it anew first, with nothing from before."),
    as_json: bool = Json,
) -> None:
    """Start it anew; also starts a paused one."""
    _act(context, name, as_json, lambda desk, repo: settings.restart(desk, OPERATOR, repo, rebuild=rebuild))


@app.command()
def pause(context: typer.Context, name: str = Name, as_json: bool = Json) -> None:
    """Stop it until a member restarts it."""
    _act(context, name, as_json, lambda desk, repo: settings.pause(desk, OPERATOR, repo))


@app.command()
def internet(
    context: typer.Context,
    name: str = Name,
    state: Switch = typer.Argument(..., help="Whether it may reach the public internet."),
    as_json: bool = Json,
) -> None:
    """Let it reach the public internet, or this platform alone; it starts anew with that."""
    _act(context, name, as_json, lambda desk, repo: settings.set_internet(desk, OPERATOR, repo, state is Switch.ON))


@app.command()
def pin(
    context: typer.Context,
    name: str = Name,
    state: Switch = typer.Argument(Switch.ON, help="Whether it never makes way for a Space that waits."),
    as_json: bool = Json,
) -> None:
    """Let it keep its place, however long others wait; it still sleeps when its own time comes."""
    _act(context, name, as_json, lambda desk, repo: settings.set_pinned(desk, OPERATOR, repo, state is Switch.ON))


def told(view: show.View) -> dict[str, Any]:
    """A Space for scripts; these names stay."""
    return {
        "id": view.repo.full,
        "stage": view.stage.value,
        "why": view.why,
        "host": view.client_url,
        "url": view.url,
        "hardware": view.hardware or view.requested,
        "rung": view.rung,
        "revision": view.serves,
        "head": view.head.key.revision if view.head else None,
        "sleep": view.sleep,
        "internet": view.internet,
        "pinned": view.pinned,
    }


def _act(context: typer.Context, name: str, as_json: bool, act: Callable[[Desk, Repo], Awaitable[None]]) -> None:
    async def go(desk: Desk) -> show.View:
        repo = await _repo(desk, name)
        await act(desk, repo)
        return await show.show(desk, repo, time.time())

    view = at_desk(context, go)
    typer.echo(json.dumps(told(view), indent=2) if as_json else f"{view.repo.full}  {view.stage.value}  {view.why}")


async def _until(desk: Desk, repo: Repo, rung: str, seconds: float) -> None:
    """Wait until it stands on this rung."""
    try:
        async with asyncio.timeout(seconds):
            while (await show.show(desk, repo, time.time())).rung != rung:
                await asyncio.sleep(0.02)
    except TimeoutError:
        view = await show.show(desk, repo, time.time())
        raise Fault(
            what=f"put {repo.full} to sleep at once", why=f"after {seconds:.0f} s it is {view.rung}", then=view.why
        ) from None


async def _view(desk: Desk, name: str) -> show.View:
    return await show.show(desk, await _repo(desk, name), time.time())


async def _repo(desk: Desk, name: str) -> Repo:
    namespace, slash, rest = name.partition("/")
    if not slash or not rest:
        raise Fault(what=f"find {name}", why="a Space is named owner/name", then="`spaces space list` has them all.")
    return await find_repo(desk, OPERATOR, Kind.SPACE, namespace, rest, Verb.READ)
