"""Commands about the platform itself: up, restart, serve, config, doctor, bench, import-model."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import typer

from spaces_runtime.cli import up as running
from spaces_runtime.cli.checkpoint import opened
from spaces_runtime.cli.context import at_desk, effective, settings_of
from spaces_runtime.cli.folders import prepare
from spaces_runtime.cli.hardware import hardware
from spaces_runtime.cli.models import import_model
from spaces_runtime.cli.serve import serve, serve_bare
from spaces_runtime.cli.settings import shown
from spaces_runtime.cli.storage import backup, gc, restore, room_findings
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.layout import Layout
from spaces_runtime.wiring.node import checks, get_criu


def add_to(app: typer.Typer) -> None:
    """Give the app these commands."""
    app.command("up")(up)
    app.command("restart")(restart)
    app.command("serve")(serve_role)
    app.command("config")(config)
    app.command("doctor")(doctor)
    app.command("hardware")(hardware)
    app.command("criu-get")(criu_get)
    app.command("gc")(gc)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("import-model")(bring_in)
    app.command("bench")(bench)


def up(
    context: typer.Context,
    port: int | None = typer.Option(None, help="The one public port."),
    trust_spaces: bool | None = typer.Option(
        None, "--trust-spaces", help="Run Spaces without a sandbox: for a person's own machine only."
    ),
    public_url: str | None = typer.Option(None, help="The hub as people reach it; without it, this machine only."),
    engine: str | None = typer.Option(None, help="What runs Spaces: process (sandboxes), or docker (containers)."),
    node: bool = typer.Option(
        True, help="--no-node: it runs elsewhere on this machine, as `spaces serve --role node`."
    ),
) -> None:
    """Run everything on this machine, in the foreground; prints one line when a push would be accepted."""
    flags = {"port": port, "trust_spaces": trust_spaces, "public_url": public_url, "engine": engine}
    settings = settings_of(context, anew=True, **flags)
    running.up(settings, lambda url: typer.echo(f"ready {url}"), own_node=node)


def restart(context: typer.Context) -> None:
    """Replace the platform's processes; Spaces go on running."""
    os.kill(running.running(Layout(settings_of(context).data)), signal.SIGHUP)


def serve_role(
    context: typer.Context,
    role: str = typer.Option(..., help="hub, scheduler, gateway, node or live."),
    number: int = typer.Option(0, help="Which gateway.", hidden=True),
    upstream: str = typer.Option("", help="Gateway only: the one app to stand in front of, HOST:PORT."),
    port: int | None = typer.Option(None, help="With --upstream: where to listen; 0 picks a free port."),
) -> None:
    """Run one process of the platform, or a bare gateway in front of one app."""
    if not upstream:
        settings = settings_of(context, port=port)
        if role == "node":
            prepare(Layout(settings.data))  # it may be the first to come
        serve(settings, role, number)
        return
    host, _, app_port = upstream.rpartition(":")
    if role != "gateway" or not host or not app_port.isdigit():
        raise Fault(
            what="serve", why=f'"{upstream}" is no HOST:PORT of a gateway', then="Say --upstream 127.0.0.1:7860."
        )
    serve_bare(host, int(app_port), port or 0, typer.echo)


def config(context: typer.Context) -> None:
    """Print the effective settings and where each came from."""
    rows = shown(effective(context))
    widths = [max(len(row[n]) for row in rows) for n in (0, 1)]
    for name, value, origin in rows:
        typer.echo(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


def doctor(context: typer.Context) -> None:
    """Say what this machine can and cannot enforce, and what to do about it."""
    settings = settings_of(context)
    prepare(Layout(settings.data))
    faults = 0
    for finding in (*checks(settings), *room_findings(settings)):
        faults += not finding.holds
        typer.echo(f"{'ok ' if finding.holds else 'NOT'}  {finding.says}")
        if finding.remedy:
            typer.echo(f"     {finding.remedy}")
    typer.echo(f"\n{faults} not enforced" if faults else "\nall enforced")


def criu_get() -> None:
    """Fetch CRIU into a folder of its own, so that Spaces can sleep on disk; for root on Debian and Ubuntu."""
    raise typer.Exit(get_criu())


def bring_in(
    context: typer.Context,
    folder: Path = typer.Argument(..., metavar="DIR", help="A local checkpoint: config.json, weights, tokenizer."),
    name: str = typer.Argument(..., metavar="NS/NAME"),
    alias: str = typer.Option("", help="A one-segment name that leads there, e.g. bert-base-uncased."),
) -> None:
    """Bring a local checkpoint in as a model repo."""
    with opened(folder) as checkpoint:
        typer.echo(at_desk(context, lambda desk: import_model(desk, checkpoint, name, alias)))


def bench(
    context: typer.Context,
    name: str = typer.Argument(..., help="A row or group, e.g. wake or gateway.sse_added; all for every one."),
    json_file: Path | None = typer.Option(None, "--json", help="Write the rows there as JSON."),
) -> None:
    """Measure, beside a rival, in one run."""
    try:
        from bench import run  # lives beside the package, in a checkout
    except ImportError:
        raise Fault(what="measure", why="bench/ is not here", then="Run it in a checkout of the project.") from None
    run.main(name, json_file)
