"""System calls that Python 3.11 has no function for."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

NEW_NET = 0x40000000  # include/uapi/linux/sched.h
NO_SUID, NO_DEV, LAZY = 2, 4, 2  # include/uapi/linux/mount.h; LAZY: MNT_DETACH

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, about: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about)


def mount(source: str, target: Path, kind: str, options: str = "") -> None:
    """mount(2), with no set-uid programs and no devices. Raises: OSError."""
    _check(
        _libc.mount(source.encode(), os.fsencode(target), kind.encode(), NO_SUID | NO_DEV, options.encode()),
        str(target),
    )


def unmount(target: Path, *, lazily: bool = False) -> None:
    """umount2(2). Raises: OSError."""
    _check(_libc.umount2(os.fsencode(target), LAZY if lazily else 0), str(target))


@contextlib.contextmanager
def inside(network: int, home: int) -> Iterator[None]:
    """Within, sockets made by this thread belong to another network namespace. Nothing may await in between.

    network, home: open /proc/PID/ns/net, of the other one and of our own. A thread that could not come back would
    serve the wrong network: it ends the process.
    """
    _check(_libc.setns(network, NEW_NET), "network namespace")
    try:
        yield
    finally:
        if _libc.setns(home, NEW_NET) != 0:
            os.abort()
