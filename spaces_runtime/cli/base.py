"""`spaces base`: the image below the Spaces that bring none of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import typer

from builder.faults import BuildFailed, EngineAway
from builder.image import base
from builder.image.engine import Engine, Image
from builder.image.registry import push
from spaces_runtime.cli.context import settings_of
from spaces_runtime.domain.errors import Invalid, Unavailable
from spaces_runtime.domain.settings import DockerSettings

app = typer.Typer(help="The image below Spaces without a Dockerfile of their own.", no_args_is_help=True)


@app.command()
def build(context: typer.Context) -> None:
    """Make it from the packages of this machine's distribution; with a registry in the settings, push it there, too.

    Equal packages make an equal image, wherever and whenever it is made.
    """
    settings = settings_of(context).docker
    name = settings.base or base.name()

    def made(engine: Engine) -> Image:
        return base.make(engine, base.ours(), (name,))

    _done("make the base image", settings, made, name)


@app.command()
def pull(context: typer.Context) -> None:
    """Take it from where the settings say: the image that docker.base names, or the registry's."""
    settings = settings_of(context).docker
    place = settings.base or (f"{settings.registry.rstrip('/')}/{base.name()}" if settings.registry else "")
    if not place:
        then = "Set base or registry under [docker], or make one here: spaces base build."
        raise Invalid(what="pull the base image", why="the settings name no place that it could come from", then=then)

    def pulled(engine: Engine) -> Image:
        found = base.pull(engine, place)
        if not settings.base:
            engine.tag(found.id, base.name())
        return found

    _done("pull the base image", settings, pulled)


def _done(what: str, settings: DockerSettings, act: Callable[[Engine], Image], pushed: str = "") -> None:
    """Act, push what has a name to push, and print the id; progress goes to standard error."""
    host = settings.host or os.environ.get("DOCKER_HOST", "")
    with _as_faults(what), redirect_stdout(sys.stderr), Engine(host) as engine:
        image = act(engine)
        if pushed and settings.registry and not settings.base:
            push(engine, image.id, f"{settings.registry.rstrip('/')}/{pushed}")
    typer.echo(image.id)


@contextmanager
def _as_faults(what: str) -> Iterator[None]:
    """The builder's sentences as the platform's."""
    try:
        yield
    except BuildFailed as failed:
        why, _, then = failed.why.rstrip(".").partition(". ")
        kind = Unavailable if isinstance(failed, EngineAway) else Invalid
        raise kind(what=what, why=why, then=f"{then}." if then else "") from None
