"""Starting a sandbox: from arguments to a PID 1 that waits for its orders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHOWN_WITHIN = 20.0  # seconds until bubblewrap has told the pid
BURIED_WITHIN = 5.0  # seconds until it has gone with its sandbox
# Joins the control groups, then becomes the sandbox: no code of ours runs between fork and exec.
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One init to start. joins: cgroup.procs files. bwrap: its path and arguments; empty: no sandbox."""

    joins: tuple[Path, ...]
    bwrap: tuple[str, ...]
    seccomp: bytes
    init: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What init is told once the sandbox is written down; inside.init.Orders reads it. No value holds a zero byte.

    folder: where the app starts. user: its numeric user, keeper: init's; None: nobody can change.
    groups: the app's further groups. limits: names of resource limits → most.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    folder: str
    user: int | None
    keeper: int | None
    groups: tuple[int, ...] = ()
    limits: Mapping[str, int]

    def said(self) -> Iterator[tuple[str, str]]:
        """Pairs of a name and a value."""
        yield from (("argv", part) for part in self.argv)
        yield from (("env", f"{name}={value}") for name, value in self.env.items())
        yield from (("limit", f"{name}={most}") for name, most in self.limits.items())
        yield from (("group", str(group)) for group in self.groups)
        yield "folder", self.folder
        yield from ((name, str(who)) for name, who in (("user", self.user), ("keeper", self.keeper)) if who is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """A started sandbox. init: pid of its PID 1, 0: it failed, and the log says why.

    monitor: our child, bubblewrap or init itself. log: reading end of its output, ours.
    inside_log, inside_exit: numbers of the descriptors in init.
    orders: writing end; init does nothing before it has read its orders, and ends when this is closed without.
    """

    init: int
    monitor: subprocess.Popen[bytes]
    log: int
    inside_log: int
    inside_exit: int
    orders: int

    def order(self, orders: Orders) -> None:
        """Tell init what to run."""
        said = (*orders.said(), ("log", str(self.inside_log)), ("exit", str(self.inside_exit)))
        with contextlib.suppress(BrokenPipeError), os.fdopen(self.orders, "wb") as pipe:
            pipe.write(b"\0".join(os.fsencode(part) for pair in said for part in pair))

    def words(self) -> bytes:
        """What it has printed so far; then its output is closed."""
        os.set_blocking(self.log, False)
        with os.fdopen(self.log, "rb") as pipe:
            return pipe.read() or b""

    def call_off(self) -> None:
        """It ends without having run anything."""
        os.close(self.orders)


def buried(monitor: subprocess.Popen[bytes]) -> None:
    """Reap our child; it ends with the sandbox, or is ended. Blocks."""
    try:
        monitor.wait(BURIED_WITHIN)
    except subprocess.TimeoutExpired:
        monitor.kill()
        monitor.wait()


def born(pid: int) -> int:
    """When a process started, in clock ticks since boot; with its pid, never reused. 0: it is gone, or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])


async def spawn(command: Command, *, exit_file: Path, log_owner: int | None) -> Spawned:
    """Start it. log_owner: so that the app may open /dev/stdout again. Raises: OSError, TimeoutError."""
    log_out, log_in = os.pipe()
    orders_out, orders_in = os.pipe()
    info_out, info_in = os.pipe()
    exit_in = os.open(exit_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if log_owner is not None:
        os.fchown(log_in, log_owner, log_owner)
    passed = [log_out, exit_in]
    argv: list[str] = []
    if command.bwrap:
        program, *arguments = command.bwrap
        told = _in_memory(b"".join(os.fsencode(part) + b"\0" for part in arguments))
        rules = _in_memory(command.seccomp)
        passed += [told, rules, info_in]
        argv = [program, "--args", str(told), "--info-fd", str(info_in)]
        argv += ["--seccomp", str(rules)] if command.seccomp else []
        argv.append("--")
    try:
        monitor = subprocess.Popen(  # noqa: S603, ASYNC220 returns at exec
            ("/bin/sh", "-c", JOIN, "sh", *map(str, command.joins), "--", *argv, *command.init),
            stdin=orders_out,
            stdout=log_in,
            stderr=log_in,
            pass_fds=passed,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        for end in (log_out, orders_in, info_out):
            os.close(end)
        raise
    finally:
        for end in {*passed, orders_out, log_in, info_in} - {log_out}:
            os.close(end)
    with os.fdopen(info_out, "rb") as info:
        init = await _told(info.fileno()) if command.bwrap else monitor.pid
    return Spawned(init=init, monitor=monitor, log=log_out, inside_log=log_out, inside_exit=exit_in, orders=orders_in)


def _in_memory(content: bytes) -> int:
    """A descriptor from which a child reads this; nothing of it shows in the list of processes."""
    number = os.memfd_create("spaces")
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


async def _told(info: int) -> int:
    """The pid of init, from bubblewrap, which writes it in several pieces; 0 when it ended before."""
    said = b""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SHOWN_WITHIN):
        while not said.rstrip().endswith(b"}"):
            ready = loop.create_future()
            loop.add_reader(info, ready.set_result, None)
            try:
                await ready
            finally:
                loop.remove_reader(info)
            piece = os.read(info, 4096)
            if not piece:
                return 0
            said += piece
    return int(json.loads(said)["child-pid"])
