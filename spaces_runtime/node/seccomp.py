"""The system calls a Space may not make, as a filter for the kernel (pure).

No list of what is allowed: apps use most of Linux. Denied is what reaches the kernel's less tested parts, other
processes' memory, namespaces and mounts, and io_uring, which also keeps an app from being checkpointed.
Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux 6.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALLOW: Final = 0x7FFF0000  # include/uapi/linux/seccomp.h
KILL: Final = 0x80000000
EPERM: Final = 0x00050001
ENOSYS: Final = 0x00050026
LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS, and so on: include/uapi/linux/bpf_common.h
EQUAL: Final = 0x15
AT_LEAST: Final = 0x35
ANY_BIT: Final = 0x45
END: Final = 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half of the first argument
X32: Final = 0x40000000  # the x32 table under x86-64, with numbers of its own
CLONE_NEWUSER: Final = 0x10000000

SAME_EVERYWHERE: Final = (  # from 424 on the numbers are equal on all architectures
    *(425, 426, 427),  # io_uring
    *(428, 429, 430, 431, 432, 433, 442),  # open_tree, move_mount, fs*, mount_setattr
    440,  # process_madvise
    438,  # pidfd_getfd
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """audit: AUDIT_ARCH_*; denied: numbers that get EPERM; clone, clone3: theirs."""

    audit: int
    denied: tuple[int, ...]
    clone: int
    clone3: int = 435


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(
        audit=0xC000003E,
        clone=56,
        denied=(
            *(248, 249, 250),  # add_key, request_key, keyctl
            *(321, 298, 323),  # bpf, perf_event_open, userfaultfd
            *(155, 165, 166),  # pivot_root, mount, umount2
            *(272, 308),  # unshare, setns
            *(175, 176, 313, 246, 320),  # init_module, delete_module, finit_module, kexec_load, kexec_file_load
            *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(304, 163, 167, 168, 169),  # open_by_handle_at, acct, swapon, swapoff, reboot
            *(172, 173, 103, 179),  # iopl, ioperm, syslog, quotactl
            *SAME_EVERYWHERE,
        ),
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        clone=220,
        denied=(
            *(217, 218, 219),
            *(280, 241, 282),
            *(41, 40, 39),
            *(97, 268),
            *(105, 106, 273, 104, 294),
            *(117, 270, 271, 272),
            *(265, 89, 224, 225, 142),
            *(116, 60),
            *SAME_EVERYWHERE,
        ),
    ),
}


def _step(code: int, operand: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; yes and no: how many to skip."""
    return struct.pack("HBBI", code, yes, no, operand)


def deny(machine: Machine) -> bytes:
    """The filter. A foreign architecture's calls kill; clone3 says ENOSYS, so that libc falls back to clone."""
    head = (
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, machine.audit, 1, 0),
        _step(END, KILL),
        _step(LOAD, NUMBER),
        _step(AT_LEAST, X32, 0, 1),
        _step(END, ENOSYS),
        _step(EQUAL, machine.clone3, 0, 1),
        _step(END, ENOSYS),
    )
    each = tuple(step for number in sorted(machine.denied) for step in (_step(EQUAL, number, 0, 1), _step(END, EPERM)))
    new_user_namespace = (
        _step(EQUAL, machine.clone, 0, 3),
        _step(LOAD, FIRST_ARGUMENT),
        _step(ANY_BIT, CLONE_NEWUSER, 0, 1),
        _step(END, EPERM),
    )
    return b"".join((*head, *each, *new_user_namespace, _step(END, ALLOW)))
