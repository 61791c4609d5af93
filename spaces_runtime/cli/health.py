"""`python -m spaces_runtime.cli.health`: exit status 0 while the platform, or the node of its own, does its work.

Asked every few seconds by a container engine, so it imports little.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from pathlib import Path

from spaces_runtime.backends.process.backend import ProcessBackend
from spaces_runtime.cli import port
from spaces_runtime.cli.settings import load
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings

ANSWER_WITHIN = 3.0  # seconds


async def well(settings: Settings, role: str) -> str:
    """Empty, or what is wrong. role: "platform", through its public port; "node", on its socket."""
    if role == "platform":
        return "" if await port.hub_answers(settings.port) else f"the hub does not answer on port {settings.port}"
    backend = ProcessBackend(Layout(settings.data))
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await backend.ability()
    except TimeoutError:
        return f"the node does not answer within {ANSWER_WITHIN:.0f} s"
    except Fault as fault:
        return str(fault)
    finally:
        await backend.close()
    return ""


def main() -> None:
    """Say what is wrong, if anything is."""
    parser = ArgumentParser(prog="python -m spaces_runtime.cli.health")
    parser.add_argument("--data", type=Path, help="the data folder, unless SPACES_DATA names it")
    parser.add_argument("--role", choices=("platform", "node"), default="platform")
    asked = parser.parse_args()
    wrong = asyncio.run(well(load(asked.data, {}).settings, asked.role))
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
