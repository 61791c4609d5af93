"""Asks each process of the platform for its figures, and the kernel for what it uses. Blocks."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog

from spaces_runtime.domain.figures import Figure, figure
from spaces_runtime.domain.layout import FIGURES

log = structlog.get_logger()
PATIENCE = 2.0  # seconds for one process; Prometheus gives a page ten
PIECE = 65536
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred, unix(7)
TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one process said. pid: 0: it did not answer."""

    process: str
    pid: int = 0
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """cpu: seconds since its start; memory: bytes that are resident."""

    cpu: float
    memory: int


def ask_all(run: Path) -> Iterator[Told]:
    """Each process that has ever listened here since the platform began."""
    for path in sorted(run.glob(f"*{FIGURES}")):
        name = path.name.removesuffix(FIGURES)
        try:
            yield _asked(path, name)
        except (OSError, KeyError, TypeError, ValueError) as error:
            log.warning("figures not told", process=name, why=str(error))
            yield Told(process=name)


def _asked(path: Path, name: str) -> Told:
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        pid = pid_of(sock)
        said = b"".join(iter(lambda: sock.recv(PIECE), b""))
    return Told(process=name, pid=pid, figures=tuple(figure(each) for each in json.loads(said)))


def listener(path: Path) -> int:
    """The process that listens on a unix socket; 0: none does."""
    try:
        with closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(path))
            return pid_of(sock)
    except OSError:
        return 0


def pid_of(sock: socket.socket) -> int:
    """Who listens at the other end, as the kernel has it."""
    pid, _, _ = CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return int(pid)


def used(pid: int) -> Used | None:
    """What a process used; None: it is gone. See proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return None
    return Used(cpu=(int(fields[11]) + int(fields[12])) / TICK, memory=int(pages) * PAGE)
