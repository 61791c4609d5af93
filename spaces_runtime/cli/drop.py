"""Gives up root for good: each platform process but the node becomes a user of its own."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.layout import CONTROL, GATEWAY, GROUP, HUB, SCHEDULER, VALKEY, WATCH

CLONE_NEWNS = 0x00020000  # linux/sched.h
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000  # linux/mount.h
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
OTHERS_ENTER = 0o001

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A numeric user. umask: what it creates is for its groups at most."""

    user: int
    group: int
    groups: tuple[int, ...] = ()
    umask: int = 0o007


IDENTITIES = {
    "hub": Identity(user=HUB, group=CONTROL, groups=(GROUP,)),
    "scheduler": Identity(user=SCHEDULER, group=CONTROL, groups=(GROUP,)),
    "gateway": Identity(user=GATEWAY, group=GROUP),
    "live": Identity(user=VALKEY, group=GROUP),
    "watch": Identity(user=WATCH, group=GROUP),
}


def become(role: str, needed: Iterable[Path]) -> None:
    """As root: take the role's identity, able to read the `needed` folders. As anybody else: nothing changes."""
    identity = IDENTITIES.get(role)
    if os.geteuid() != 0 or identity is None:
        return
    shared_by_users()
    _open_the_way(needed)
    os.setgroups(identity.groups)
    os.setresgid(identity.group, identity.group, identity.group)
    os.setresuid(identity.user, identity.user, identity.user)
    os.umask(identity.umask)
    _called("prctl", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _called("prctl", libc.prctl(4, 1, 0, 0, 0))  # PR_SET_DUMPABLE: /proc/self stays readable after the change


def shared_by_users() -> None:
    """As root, whatever root's own umask: folders say who may enter, and what leads to them is no secret."""
    if os.geteuid() == 0:
        os.umask(0o022)


def end_with_parent() -> None:
    """Ask the kernel to end this process when its parent, the supervisor, ends; call after become()."""
    parent = os.getppid()
    _called("prctl", libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:
        raise SystemExit(0)


def _open_the_way(needed: Iterable[Path]) -> None:
    """Where a folder above is closed to others (/root is), hide all else in it, for this process alone."""
    shut: dict[Path, list[Path]] = {}
    for path in needed:
        above = next((p for p in reversed(path.resolve().parents) if not p.stat().st_mode & OTHERS_ENTER), None)
        if above is not None:
            shut.setdefault(above, []).append(path.resolve())
    if not shut:
        return
    _called("unshare", libc.unshare(CLONE_NEWNS))
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    for above, paths in shut.items():
        _replace(above, paths)


def _replace(above: Path, paths: Sequence[Path]) -> None:
    kept = {path: os.open(path, os.O_PATH) for path in sorted(set(paths))}
    _mount("tmpfs", str(above), b"tmpfs", 0, b"mode=0755,size=1m")
    for path, handle in kept.items():
        if not path.exists():
            path.mkdir(parents=True)
            _mount(f"/proc/self/fd/{handle}", str(path), None, MS_BIND | MS_REC)
        os.close(handle)


def _mount(source: str, target: str, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    _called(f"mount {target}", libc.mount(source.encode(), target.encode(), kind, flags, options))


def _called(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
