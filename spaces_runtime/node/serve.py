"""The node's process: what is found again, two sockets, and an end that leaves the Spaces running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.layout import GATEWAY, SCHEDULER, Layout
from spaces_runtime.domain.ports.engine import Images
from spaces_runtime.domain.sandbox import LONGEST_LINE, Ability, Finding
from spaces_runtime.domain.settings import DockerSettings
from spaces_runtime.node import paging, trial
from spaces_runtime.node.capabilities import look
from spaces_runtime.node.cell import Housing
from spaces_runtime.node.control import Control
from spaces_runtime.node.deep import Depths
from spaces_runtime.node.dialing import Dialing
from spaces_runtime.node.firewall import NOTHING, Reach
from spaces_runtime.node.instances import Instances
from spaces_runtime.node.jobs import JobRunner
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.relay import Relay
from spaces_runtime.node.sandboxes import Sandboxes

if TYPE_CHECKING:
    from spaces_runtime.node.docker.containers import Containers

log = structlog.get_logger()
LATER = 1.0  # seconds from its start until the node tries what nobody needs in its first moments
GUARD_EVERY = 5.0  # seconds
AGAIN = 2.0  # seconds between tries to ask an engine that is away what it can do


async def serve(
    layout: Layout,
    *,
    port: int,
    trusting: bool = False,
    internet: bool = True,
    docker: DockerSettings | None = None,
    reach: Reach = NOTHING,
) -> None:
    """Until SIGTERM or SIGINT; Spaces run on, and the next node finds them. port: the platform's public one.

    docker: Spaces run in containers of this engine; None: in sandboxes of our own.
    reach: of Spaces and of image builds, beyond the public internet.
    """
    ends = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ends.set)
    machine, findings = await asyncio.to_thread(
        look, layout, port=port, trusting=trusting, internet=internet and not docker, reach=reach
    )
    ability = Ability(rungs=(Phase.FROZEN,), findings=findings, gpus=machine.gpus, no_gpus=machine.no_gpus)
    control = Control(ability, _allowed(SCHEDULER))
    relay, depths = Relay(port), Depths()
    containers = _containers(machine, relay, docker, internet=internet, reach=reach) if docker else None
    housing: Housing = containers or Sandboxes(machine, relay, depths)
    instances = control.instances = Instances(machine, housing, control.tell)
    control.jobs = JobRunner(machine)
    control.images = await _images(machine, control.jobs, docker) if docker else None
    await control.jobs.end_all()
    with contextlib.suppress(BackendUnavailable):  # attend() goes on trying, and every order says so
        await instances.adopt()
    dialing = Dialing(_listener(layout.dial_socket, GATEWAY), instances.dial, _allowed(GATEWAY))
    orders = await asyncio.start_unix_server(
        control.serve, sock=_listener(layout.node_socket, SCHEDULER), limit=LONGEST_LINE
    )
    watching = [asyncio.create_task(instances.watch_connections()), asyncio.create_task(dialing.serve())]
    watching.append(asyncio.create_task(instances.send_written()))
    watching.append(asyncio.create_task(_guard(housing)))
    if containers:
        watching.append(asyncio.create_task(_look_at(containers, ability, control)))
        watching.append(asyncio.create_task(instances.attend()))
    else:
        _say(findings)
        watching.append(asyncio.create_task(_look_deeper(machine, depths, ability, control)))
    log.info("node ready", instances=instances.count)
    await ends.wait()
    orders.close()
    await control.hang_up()
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)
    held = instances.count
    await instances.let_go()
    relay.close()
    if not held:
        await asyncio.to_thread(housing.remove)
    for path in (layout.node_socket, layout.dial_socket):
        path.unlink(missing_ok=True)


async def _guard(housing: Housing) -> None:
    """A reload of the machine's firewall takes our rules with it, and tells nobody."""
    while True:
        await asyncio.sleep(GUARD_EVERY)
        await asyncio.to_thread(housing.guard)


async def _look_at(containers: Containers, ability: Ability, control: Control) -> None:
    """What Spaces can have in containers; as soon as the engine can be asked."""
    while True:
        try:
            found, no_gpus = await asyncio.to_thread(containers.able, ability.findings)
        except BackendUnavailable as away:
            reason = f"the container engine does not answer, so nobody knows what it can give: {away.why}"
            control.able(replace(ability, gpus=(), no_gpus=ability.no_gpus or reason))
            await asyncio.sleep(AGAIN)
            continue
        _say(found)
        gpus = () if no_gpus else ability.gpus
        control.able(replace(ability, findings=found, gpus=gpus, no_gpus=ability.no_gpus or no_gpus))
        return


def _containers(
    machine: Machine, relay: Relay, settings: DockerSettings, *, internet: bool, reach: Reach
) -> Containers:
    """Its library takes a while to import, and the process engine does not need it."""
    from spaces_runtime.node.docker.containers import Containers as Made
    from spaces_runtime.node.docker.engine import Engine

    return Made(machine, relay, Engine(settings.host), settings, internet=internet, reach=reach)


async def _images(machine: Machine, jobs: JobRunner, settings: DockerSettings) -> Images:
    """With threads of its own for the engine: no instance waits for a build."""
    from spaces_runtime.node.docker.engine import Engine
    from spaces_runtime.node.docker.images import ImageRunner

    made = ImageRunner(
        machine, jobs, Engine(settings.host), key=machine.key, base=settings.base, registry=settings.registry
    )
    await made.end_all()
    return made


async def _look_deeper(machine: Machine, depths: Depths, ability: Ability, control: Control) -> None:
    """Which rungs there are below frozen; a trial that takes a moment, and that nobody waits for."""
    await asyncio.sleep(LATER)
    depths.tool, why = await trial.working(machine)
    depths.swap = machine.checkpoints and paging.swap_free() > 0
    found = trial.findings(machine, depths.tool, why)
    _say(found)
    control.able(replace(ability, rungs=(*ability.rungs, *depths.rungs), findings=(*ability.findings, *found)))


def _say(findings: Iterable[Finding]) -> None:
    for finding in findings:
        (log.info if finding.holds else log.warning)(finding.says, subject=finding.subject, remedy=finding.remedy)


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
