"""Whether apps can be moved out of memory here: by doing it to a small one. `criu check` promises too much."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path

from spaces_runtime.domain.layout import STUB, TRIAL
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.node import network, paging, readiness, sandbox
from spaces_runtime.node.cgroups import Group, Limits
from spaces_runtime.node.checkpoint import Checkpoint
from spaces_runtime.node.criu import Criu, CriuFailed, Target, found
from spaces_runtime.node.inside import init
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import INIT
from spaces_runtime.node.record import EXIT
from spaces_runtime.node.spawn import Command, Orders, Spawned, buried, spawn

WITHIN = 30.0  # seconds for one copy of CRIU
PORT = 7860
ROOM = 256 * 2**20
SERVER = f"""
import asyncio
async def answer(reader, writer):
    await reader.readline()
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", {PORT}) as server:
        await server.serve_forever()
asyncio.run(main())
"""
GET = "spaces criu-get"
ZRAM = "modprobe zram; echo 4G > /sys/block/zram0/disksize; mkswap /dev/zram0; swapon -p 100 /dev/zram0"


def trial_name() -> str:
    """Of its group and folder: what has it and is not this process's is a rest."""
    return f"trial-{os.getpid()}"


async def working(machine: Machine) -> tuple[Criu | None, str]:
    """The first CRIU that dumps and restores a server in a sandbox like any Space's; else why none does. 0.3 s."""
    if not machine.checkpoints:
        return None, "it takes root, a sandbox and control groups"
    why = "CRIU is not installed"
    for tool in await asyncio.to_thread(found):
        try:
            async with asyncio.timeout(WITHIN):
                await _tried(machine, tool)
        except (CriuFailed, OSError, TimeoutError) as error:
            why = f"a trial with CRIU {tool.version or 'that does not run'} failed: {error or 'it took too long'}"
        else:
            return tool, ""
    return None, why


def findings(machine: Machine, tool: Criu | None, why: str) -> tuple[Finding, ...]:
    """The sentences."""
    root = "Start the platform as root."
    says = f"CRIU {tool.version} moves sleeping Spaces from memory to disk and back." if tool else ""
    swap = paging.swap_free() > 0
    swapped = "The memory of frozen Spaces can be swapped out." if swap else "There is no swap for frozen Spaces."
    return (
        Finding(
            subject="checkpoints",
            holds=tool is not None,
            says=says or f"Sleeping Spaces stay in memory until they are cold: {why}.",
            remedy="" if tool else (GET if machine.root else root),
        ),
        Finding(subject="swap", holds=swap, says=swapped, remedy="" if swap else (ZRAM if machine.root else root)),
    )


async def _tried(machine: Machine, tool: Criu) -> None:
    """Raises: CriuFailed, OSError, TimeoutError. Leaves nothing behind."""
    folder, group = machine.instances / trial_name(), machine.group(trial_name())
    folder.mkdir(parents=True, mode=0o711, exist_ok=True)
    spawned: Spawned | None = None
    try:
        group.make(Limits(memory=ROOM, cpus=1, processes=64))
        spawned = await spawn(_command(machine, group, folder), exit_file=folder / EXIT, log_owner=TRIAL)
        if not spawned.init:
            raise OSError(spawned.words().decode(errors="replace").strip() or "there is no sandbox")
        spawned.order(_orders())
        await _there_and_back(tool, Checkpoint(folder=folder, target=Target(init=spawned.init, user=TRIAL)), group)
    finally:
        with contextlib.suppress(TimeoutError):
            await group.end()
        if spawned:
            await asyncio.to_thread(buried, spawned.monitor)
            if spawned.init:  # else words() has closed it
                os.close(spawned.log)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _there_and_back(tool: Criu, checkpoint: Checkpoint, group: Group) -> None:
    sockets = network.Entered(checkpoint.target.init)
    try:
        (await readiness.up(sockets, PORT)).close()
        await asyncio.to_thread(checkpoint.take, tool, group.pids(), group.usage().memory)
        await asyncio.to_thread(checkpoint.give_back, group.joins)
        (await readiness.up(sockets, PORT)).close()
    finally:
        sockets.close()


def _python() -> Path:
    """The interpreter itself, whatever links lead there."""
    return Path(sys.executable).resolve()


def _command(machine: Machine, group: Group, folder: Path) -> Command:
    prefix = _python().parent.parent
    shown = () if prefix.is_relative_to("/usr") else ((prefix, str(prefix)),)
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    view = sandbox.View(root=True, shown=(*shown, (Path(init.__file__), INIT)), writable=(), etc=etc, memory=ROOM)
    return Command(
        joins=group.joins,
        bwrap=(machine.bwrap, *sandbox.arguments(view)),
        seccomp=machine.seccomp,
        init=(str(_python()), "-I", "-S", INIT),
    )


def _orders() -> Orders:
    argv = (str(_python()), "-I", "-S", "-c", SERVER)
    return Orders(argv=argv, env={}, folder="/", user=TRIAL, keeper=STUB, limits={"RLIMIT_CORE": 0})
