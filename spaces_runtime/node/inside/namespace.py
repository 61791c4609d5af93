"""Makes sockets inside another network namespace and hands them out; for a node that is not root.

Run as `python -I -S namespace.py PID` with a unix socket on standard input. To enter a user namespace a process must
have one thread and cannot come back, so this is a process of its own; it ends with the node.
Each byte asks for one socket: `4` or `6` for TCP, `d` for the kernel's list of sockets (sock_diag).
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import socket
import sys

NEW_USER, NEW_NET = 0x10000000, 0x40000000  # include/uapi/linux/sched.h
GET_OWNER = 0xB701  # NS_GET_USERNS, include/uapi/linux/nsfs.h
SOCK_DIAG = 4  # include/uapi/linux/netlink.h


def enter(pid: int) -> None:
    """Join the network namespace of a process, and the user namespace that owns it: often not the process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    owner = fcntl.ioctl(network, GET_OWNER)
    for number, kind in ((owner, NEW_USER), (network, NEW_NET)):
        if libc.setns(number, kind) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def make(wanted: bytes) -> socket.socket:
    """One socket."""
    if wanted == b"d":
        return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, SOCK_DIAG)
    return socket.socket(socket.AF_INET6 if wanted == b"6" else socket.AF_INET, socket.SOCK_STREAM)


def main() -> None:
    """Serve until the other end is closed."""
    enter(int(sys.argv[1]))
    asker = socket.socket(fileno=0)
    asker.sendall(b"r")
    while wanted := asker.recv(1):
        with make(wanted) as made:
            asker.sendmsg([b"s"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))])


if __name__ == "__main__":
    main()
