"""The docker command that has BuildKit: found, and run while its words are read."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.command import run
from builder.faults import BuildFailed
from builder.image.engine import address
from builder.sources import network

PLACES: Final = ("/usr/bin/docker", "/usr/local/bin/docker")
BUILT_IN: Final = range(19, 23)  # major versions of the command that have BuildKit without a plugin
PATIENCE: Final = 3600.0  # seconds, unless somebody says otherwise
MERCY: Final = 5.0  # seconds it may take to end
_VERSION: Final = re.compile(r"version (\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cli:
    """binary: absolute. host: as DOCKER_HOST takes it. home: where it looks for plugins and registries' logins."""

    binary: str
    host: str
    home: str = "/"

    @property
    def env(self) -> dict[str, str]:
        """Made from nothing, but for the way to the network."""
        own = {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "HOME": self.home}
        return {**network(os.environ), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """status: negative for a signal. why: we ended it, for this reason; empty: it ended by itself."""

    status: int
    why: str = ""


def find(search: str, host: str, home: str = "/") -> Cli:
    """The first of these that has BuildKit. search: as PATH; host: empty is the usual socket.

    Raises: BuildFailed, which names the package that brings one.
    """
    seen = []
    for place in dict.fromkeys(filter(None, (shutil.which("docker", path=search), *PLACES))):
        if not Path(place).is_file():
            continue
        cli = Cli(binary=str(Path(place).resolve()), host=address(host), home=home)
        if _has_buildkit(cli):
            return cli
        seen.append(place)
    has = f"{' and '.join(seen)} lack BuildKit" if seen else "there is no docker command here"
    raise BuildFailed(f"Images are built by BuildKit, and {has}. Install docker-buildx-plugin, or Debian's docker.io.")


def _has_buildkit(cli: Cli) -> bool:
    try:
        version = _VERSION.search(run([cli.binary, "--version"], seconds=20).out)
        if version is None:
            return False
        return (
            int(version[1]) in BUILT_IN or run([cli.binary, "buildx", "version"], env=cli.env, seconds=20).status == 0
        )
    except OSError:
        return False


def follow(argv: Sequence[str], env: Mapping[str, str], *, seconds: float, said: Callable[[str], None]) -> Ended:
    """Run it to its end, or to its time. said: is given each line."""
    process = subprocess.Popen(  # noqa: S603  a list, never a shell
        list(argv),
        env=dict(env),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    until = time.monotonic() + seconds
    try:
        while (left := until - time.monotonic()) > 0:
            try:
                line = lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                return Ended(status=process.wait())
            said(line)
        return Ended(status=-signal.SIGTERM, why=f"it took longer than {seconds:.0f} s")
    finally:
        _end(process)


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[str | None]) -> None:
    for line in process.stdout or ():
        lines.put(line.decode(errors="replace").rstrip("\r\n"))
    lines.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The engine ends a build when whoever asked for it hangs up."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(MERCY)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
