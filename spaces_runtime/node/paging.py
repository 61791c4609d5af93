"""The memory of a frozen app into swap or zram; it comes back by itself, page by page, as the app touches it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PROCESS_MADVISE, PAGE_OUT = 440, 21  # include/uapi/asm-generic/unistd.h, mman-common.h
MOST = 1024  # spans in one call
KERNELS = ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")

_libc = ctypes.CDLL(None, use_errno=True)


class _Span(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_size_t))


def swap_free() -> int:
    """Bytes that can still be swapped out; 0: there is no swap, and nothing of a frozen app can leave memory."""
    rows = [line.split() for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    return sum(int(row[2]) - int(row[3]) for row in rows) * 1024


def page_out(pids: Iterable[int]) -> None:
    """All memory of these processes that can go. Blocks; a second for the first GiB. Raises: OSError."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                _advise(handle, list(_spans(pid)))
            finally:
                os.close(handle)


def _spans(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if not line.endswith(KERNELS):
            start, _, end = line.split(None, 1)[0].partition("-")
            yield int(start, 16), int(end, 16)


def _advise(handle: int, spans: list[tuple[int, int]]) -> None:
    """The kernel stops at the first span that it cannot take, a device's or a locked one: that is left out."""
    while spans:
        some = spans[:MOST]
        vector = (_Span * len(some))(*(_Span(start, end - start) for start, end in some))
        done = _libc.syscall(PROCESS_MADVISE, handle, vector, len(some), PAGE_OUT, 0)
        if done < 0:
            number = ctypes.get_errno()
            if number in {errno.EPERM, errno.ESRCH, errno.ENOSYS}:
                raise OSError(number, os.strerror(number), "process_madvise")
            done = 0
        taken = _covered(some, done)
        spans = spans[taken + (taken < len(some)) :]


def _covered(spans: list[tuple[int, int]], size: int) -> int:
    """How many of these spans so many bytes are."""
    count = 0
    for start, end in spans:
        size -= end - start
        if size < 0:
            break
        count += 1
    return count
