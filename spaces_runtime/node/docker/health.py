"""What the container engine can do here, and what not: sentences, each with its remedy, from what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import DockerSettings
from spaces_runtime.node.docker.engine import Absent, Engine
from spaces_runtime.node.docker.network import Network

REMEDY: Final = "As root: apt-get install iproute2 iptables; modprobe br_netfilter"
KIND: Final = "nvidia.com/gpu="  # of devices, as the container device interface names them
CDI_SINCE: Final = (1, 44)  # version of the engine's API
OLDEST: Final = (1, 41)  # private cgroup namespaces
THEIRS: Final = (
    "users",
    "seccomp",
    "memory",
    "pids",
    "cpu",
    "freezer",
    "internet",
)  # what the engine does instead of us


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the engine says of itself. info: GET /info. api: its version. base: the image below Spaces is there."""

    info: dict[str, Any]
    api: tuple[int, ...]
    base: bool
    specs: tuple[str, ...] = ()  # files of the container device interface

    @property
    def options(self) -> str:
        return " ".join(self.info.get("SecurityOptions") or ())


def version(text: str) -> tuple[int, ...]:
    """Of an API, to be compared."""
    return tuple(int(part) for part in text.split("."))


def way_to_gpus(told: Told) -> tuple[str, str]:
    """("runtime" or "cdi", "") or ("", why not): how this engine gives devices to a container."""
    if "nvidia" in (told.info.get("Runtimes") or {}):
        return "runtime", ""
    known = [each.get("ID", "") for each in told.info.get("DiscoveredDevices") or ()]
    named = any(each.startswith(KIND) for each in known) or any("nvidia" in Path(spec).name for spec in told.specs)
    if named and told.api >= CDI_SINCE:
        return "cdi", ""
    return "", "the container engine has no NVIDIA runtime (nvidia-container-toolkit)"


def beside(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of what the process engine has here, what matters to containers, too; sandboxes are for builds then."""
    kept = (each for each in found if each.subject not in THEIRS)
    return tuple(
        replace(each, says="Builds of environments run in sandboxes.")
        if each.subject == "sandbox" and each.holds
        else each
        for each in kept
    )


def findings(
    told: Told, *, base: str, no_network: str, internet: bool, resolvers: tuple[str, ...]
) -> tuple[Finding, ...]:
    """base: its name. no_network: why there is no network for Spaces. internet: they may have it; resolvers: theirs."""
    info = told.info
    return (
        Finding(
            subject="engine",
            holds=told.api >= OLDEST,
            says=f"Spaces run in containers of Docker {info.get('ServerVersion')} ({info.get('Driver')}).",
            remedy="" if told.api >= OLDEST else "Docker 20.10 or later is needed.",
        ),
        *_limits(info),
        _seccomp(told),
        _freezer(told),
        _lives_on(info),
        Finding(
            subject="base",
            holds=told.base,
            says=f"Spaces without a Dockerfile stand on the image {base}."
            if told.base
            else f"There is no image {base or 'named'} for Spaces without a Dockerfile.",
            remedy="" if told.base else "spaces base build",
        ),
        _internet(no_network, internet=internet, resolvers=resolvers),
        _builds(no_network),
    )


def _limits(info: dict[str, Any]) -> list[Finding]:
    named = (("memory", "MemoryLimit", "Memory"), ("pids", "PidsLimit", "The number of processes"))
    return [
        Finding(
            subject=subject,
            holds=bool(info.get(field)),
            says=f"{good} is limited per Space." if info.get(field) else f"{good} is not limited: the engine cannot.",
            remedy="" if info.get(field) else "Give the engine this controller of the kernel's control groups.",
        )
        for subject, field, good in (*named, ("cpu", "CpuCfsQuota", "CPU time"))
    ]


def _seccomp(told: Told) -> Finding:
    has = "name=seccomp" in told.options
    return Finding(
        subject="seccomp",
        holds=has,
        says="Dangerous system calls are refused." if has else "The engine cannot refuse dangerous system calls.",
        remedy="" if has else "Install an engine with seccomp.",
    )


def _freezer(told: Told) -> Finding:
    can = "name=rootless" not in told.options or str(told.info.get("CgroupVersion")) != "1"
    return Finding(
        subject="freezer",
        holds=can,
        says="Sleeping Spaces are paused by the engine." if can else "The engine cannot pause containers.",
        remedy="" if can else "An engine without root needs control groups of version 2.",
    )


def _lives_on(info: dict[str, Any]) -> Finding:
    lives = bool(info.get("LiveRestoreEnabled"))
    return Finding(
        subject="live-restore",
        holds=lives,
        says="Spaces outlive a restart of the engine."
        if lives
        else "A restart of the engine ends all Spaces; they are started again.",
        remedy="" if lives else 'Put "live-restore": true into /etc/docker/daemon.json.',
    )


def _builds(no_network: str) -> Finding:
    """RUN steps are on Docker's own bridge, and only our rules keep them from the inside."""
    says = "Steps of image builds reach the public internet, and nothing private or of this machine."
    if no_network:
        says = f"Steps of image builds may reach private networks and this machine: {no_network}."
    return Finding(subject="builds", holds=not no_network, says=says, remedy=REMEDY if no_network else "")


def _internet(no_network: str, *, internet: bool, resolvers: tuple[str, ...]) -> Finding:
    if not internet:
        return Finding(subject="internet", holds=True, says="Spaces reach nothing but this platform, as it is set.")
    if no_network:
        says = f"Spaces reach nothing but this platform: {no_network}."
        return Finding(subject="internet", holds=False, says=says, remedy=REMEDY)
    if not resolvers:
        says = "Spaces reach the public internet; this machine's name server answers itself only, so Docker picks one."
        return Finding(subject="internet", holds=False, says=says, remedy="Name one in /etc/resolv.conf.")
    says = "Spaces reach the public internet over IPv4, and no private network, nor each other."
    return Finding(subject="internet", holds=True, says=says)


def away(fault: BackendUnavailable) -> Finding:
    """The one thing that can be said of an engine that does not answer."""
    return Finding(subject="engine", holds=False, says=f"No Space can be started: {fault.why}.", remedy=fault.then)


def ask(engine: Engine, base: str) -> Told:
    """base: name of an image. Blocks. Raises: BackendUnavailable, Declined."""
    info = engine.ask("look at it", lambda client: client.info())
    api = engine.ask("look at it", lambda client: client.api_version)
    try:
        found = bool(base) and bool(engine.ask("look at it", lambda client: client.inspect_image(base)))
    except Absent:
        found = False
    folders = [Path(each) for each in info.get("CDISpecDirs") or ()]
    specs = tuple(str(file) for folder in folders if folder.is_dir() for file in folder.iterdir())
    return Told(info=info, api=version(api), base=found, specs=specs)


def probe(key: str, found: Sequence[Finding], settings: DockerSettings, *, internet: bool) -> tuple[Finding, ...]:
    """For `spaces doctor`, with what the machine itself has. key: of a trial, of which nothing is left. Blocks."""
    engine = Engine(settings.host)
    network = Network(engine, key)
    try:
        told = ask(engine, settings.base)
        why = network.open()
        own = findings(told, base=settings.base, no_network=why, internet=internet, resolvers=network.resolvers)
        network.close()
    except BackendUnavailable as fault:
        own = (away(fault),)
    finally:
        engine.close()
    return (*beside(found), *own)
