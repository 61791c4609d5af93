"""The node's process: what is found again, two sockets, and an end that leaves the Spaces running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import structlog

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.layout import GATEWAY, SCHEDULER, Layout
from spaces_runtime.domain.sandbox import LONGEST_LINE, Ability
from spaces_runtime.node.capabilities import look
from spaces_runtime.node.control import Control
from spaces_runtime.node.dialing import Dialing
from spaces_runtime.node.instances import Instances
from spaces_runtime.node.jobs import JobRunner
from spaces_runtime.node.relay import Relay
from spaces_runtime.node.sandboxes import Sandboxes

log = structlog.get_logger()


async def serve(layout: Layout, *, port: int, trusting: bool = False, internet: bool = True) -> None:
    """Until SIGTERM or SIGINT; Spaces run on, and the next node finds them. port: the platform's public one."""
    ends = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ends.set)
    machine, findings = await asyncio.to_thread(look, layout, port=port, trusting=trusting, internet=internet)
    for finding in findings:
        (log.info if finding.holds else log.warning)(finding.says, subject=finding.subject, remedy=finding.remedy)
    ability = Ability(rungs=(Phase.FROZEN,), findings=findings, gpus=machine.gpus, no_gpus=machine.no_gpus)
    control = Control(ability, _allowed(SCHEDULER))
    relay = Relay(port)
    instances = control.instances = Instances(machine, Sandboxes(machine, relay), control.tell)
    control.jobs = JobRunner(machine)
    await control.jobs.end_all()
    await instances.adopt()
    dialing = Dialing(_listener(layout.dial_socket, GATEWAY), instances.dial, _allowed(GATEWAY))
    orders = await asyncio.start_unix_server(
        control.serve, sock=_listener(layout.node_socket, SCHEDULER), limit=LONGEST_LINE
    )
    watching = [asyncio.create_task(instances.watch_connections()), asyncio.create_task(dialing.serve())]
    watching.append(asyncio.create_task(instances.send_written()))
    log.info("node ready", instances=len(instances.observe()))
    await ends.wait()
    orders.close()
    await control.hang_up()
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)
    held = instances.observe()
    await instances.let_go()
    relay.close()
    if not held:
        await asyncio.to_thread(machine.remove)
    for path in (layout.node_socket, layout.dial_socket):
        path.unlink(missing_ok=True)


def _allowed(*users: int) -> frozenset[int]:
    """Root, and these; where nobody is root, ourselves."""
    return frozenset({0, *users}) if os.geteuid() == 0 else frozenset({0, os.geteuid()})


def _listener(path: Path, owner: int) -> socket.socket:
    """A unix socket that only its owner may connect to. The dial socket keeps messages apart, the other is a stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    kind = socket.SOCK_SEQPACKET if path.name.startswith("dial") else socket.SOCK_STREAM
    made = socket.socket(socket.AF_UNIX, kind)
    made.setblocking(False)
    made.bind(str(path))
    path.chmod(0o600)
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):
            os.chown(path, owner, owner)
    made.listen(128)
    return made
