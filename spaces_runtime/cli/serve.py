"""`spaces serve`: one process of the platform. Each imports only what its role needs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import uvloop

import spaces_runtime
from spaces_runtime.cli import log
from spaces_runtime.cli.drop import become, end_with_parent
from spaces_runtime.cli.settings import load
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.settings import Settings

ROLES = ("hub", "scheduler", "gateway", "node", "live", "watch")
Run = Callable[[asyncio.Event], Awaitable[None]]


def serve(settings: Settings, role: str, number: int, listening: Sequence[int] = ()) -> None:
    """Run one role until SIGTERM. number: which gateway; listening: descriptors of its sockets, if it was given them.

    Raises: Fault for a role that there is not.
    """
    if role not in ROLES:
        raise Fault(what="serve", why=f'"{role}" is no role', then=f"Roles: {', '.join(ROLES)}.")
    become(role, needed(settings))
    if os.environ.get("SPACES_SUPERVISED"):
        end_with_parent()
    if role == "live":
        from spaces_runtime.wiring.live import command

        program, *_ = argv = command(settings)
        os.execv(program, argv)  # noqa: S606 - the bundled server, by its absolute path
    runner = asyncio.run if role == "node" else uvloop.run  # the node's pipes and children want the plain loop
    runner(until_asked(_program(settings, role, number, listening)))


def _program(settings: Settings, role: str, number: int, listening: Sequence[int]) -> Run:
    match role:
        case "hub":
            from spaces_runtime.wiring.hub import run as hub

            return partial(hub, settings)
        case "scheduler":
            from spaces_runtime.wiring.scheduler import run as scheduler

            return partial(scheduler, settings)
        case "gateway":
            from spaces_runtime.wiring.gateway import run as gateway

            return partial(gateway, settings, number, [socket.socket(fileno=each) for each in listening])
        case "watch":
            from spaces_runtime.wiring.watch import run as watch

            return partial(watch, settings)
        case _:
            from spaces_runtime.wiring.node import run as node

            return partial(node, settings)


def serve_bare(host: str, port: int, listen_port: int, announce: Callable[[str], None]) -> None:
    """A gateway in front of one app, until SIGTERM."""
    from spaces_runtime.wiring.gateway import bare

    uvloop.run(until_asked(lambda stop: bare(host, port, listen_port, announce, stop)))


def needed(settings: Settings) -> tuple[Path, ...]:
    """The folders a process without privilege must be able to reach."""
    code = Path(spaces_runtime.__file__).parents[1]
    return (Path(sys.base_prefix), Path(sys.prefix), code, settings.data)


async def until_asked(run: Run) -> None:
    """Run with an event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(stop)


def main() -> None:
    """How `spaces up` starts its processes, without the rest of the command line."""
    parser = ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--role", required=True)
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--listening", type=int, nargs="*", default=())
    asked = parser.parse_args()
    log.to_stderr()
    serve(load(asked.data, {}).settings, asked.role, asked.number, asked.listening)


if __name__ == "__main__":
    main()
