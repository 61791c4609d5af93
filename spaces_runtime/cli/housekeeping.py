"""Room on the disk, kept by the supervisor: it runs `spaces gc` as soon as the disk is as full as the settings say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings

LOOK = 30.0  # seconds between two looks at the disk
AGAIN = 1800.0  # seconds until another try while it stays as full
NOTE = "gc.json"  # in Layout.logs: what the last run did
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """at: Unix seconds. said: what was removed."""

    at: float
    said: str


def fullness(folder: Path) -> float:
    """Per cent of the disk that is used, as df says it."""
    disk = shutil.disk_usage(folder)
    return 100.0 * disk.used / max(1, disk.used + disk.free)


def is_due(full: float, limit: int, since: float) -> bool:
    """Whether to run now. full, limit: per cent; a limit of 0: never. since: seconds since the last try."""
    return bool(limit) and full >= limit and since >= AGAIN


async def keep_room(settings: Settings, environ: Mapping[str, str]) -> None:
    """Look until cancelled."""
    tried = -AGAIN
    while True:
        now = time.monotonic()
        full = fullness(settings.data)
        if is_due(full, settings.storage.gc_at, now - tried):
            tried = now
            log.warning("the disk is full; what nothing needs is removed", percent=round(full))
            await _run(settings, environ)
            left = fullness(settings.data)
            log.info("removed", percent=round(left), said=said.said if (said := last_run(settings)) else "")
            if left >= settings.storage.gc_at:
                log.warning("the disk stays full: everything on it is needed", percent=round(left))
        await asyncio.sleep(LOOK)


async def _run(settings: Settings, environ: Mapping[str, str]) -> None:
    """In a process of its own: it gives up root half-way, and may be killed at any moment."""
    command = (sys.executable, "-m", "spaces_runtime.cli.main", "--data", str(settings.data), "gc")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, env=dict(environ)
    )
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if status != 0:
        log.warning("not everything could be looked through", status=status)


def note(settings: Settings, said: str) -> None:
    """Keep what a run did, for `spaces doctor`."""
    (Layout(settings.data).logs / NOTE).write_text(json.dumps({"at": time.time(), "said": said}))


def last_run(settings: Settings) -> LastRun | None:
    """None: there was none."""
    try:
        return LastRun(**json.loads((Layout(settings.data).logs / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
