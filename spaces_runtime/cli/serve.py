"""`spaces serve`: one process of the platform."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import spaces_runtime
from spaces_runtime import wiring
from spaces_runtime.cli.drop import become, end_with_parent
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.settings import Settings

ROLES = ("hub", "scheduler", "gateway", "node", "live")


def serve(settings: Settings, role: str, number: int) -> None:
    """Run one role until SIGTERM. number: which gateway.

    Raises: Fault for a role that there is not.
    """
    if role not in ROLES:
        raise Fault(what="serve", why=f'"{role}" is no role', then=f"Roles: {', '.join(ROLES)}.")
    become(role, needed(settings))
    if os.environ.get("SPACES_SUPERVISED"):
        end_with_parent()
    if role == "live":
        command = wiring.live_store_command(settings)
        os.execv(command[0], command)  # noqa: S606 - the bundled server, by its absolute path
    if role == "gateway":
        wiring.run_gateway(settings, number)
        return
    run: dict[str, Callable[[Settings, asyncio.Event], Awaitable[None]]] = {
        "hub": wiring.hub,
        "scheduler": wiring.scheduler,
        "node": wiring.node,
    }
    asyncio.run(until_asked(lambda stop: run[role](settings, stop)))


def needed(settings: Settings) -> tuple[Path, ...]:
    """The folders a process without privilege must be able to reach."""
    code = Path(spaces_runtime.__file__).parents[1]
    return (Path(sys.base_prefix), Path(sys.prefix), code, settings.data)


async def until_asked(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run with an event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(stop)
