"""Makes sockets inside another network namespace and hands them out; for a node that is not root.

Run as `python -I -S namespace.py PID` with a unix socket on standard input. To enter a user namespace a process must
have one thread and cannot come back, so this is a process of its own; it ends with the node.
Each byte asks for one TCP socket: `4` or `6`.
"""

import array
import ctypes
import os
import socket
import sys

NEW_USER, NEW_NET = 0x10000000, 0x40000000  # include/uapi/linux/sched.h


def enter(pid):
    """Join the user and the network namespace of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    spaces = [
        (os.open("/proc/%d/ns/%s" % (pid, name), os.O_RDONLY), kind)
        for name, kind in (("user", NEW_USER), ("net", NEW_NET))
    ]
    for number, kind in spaces:
        if libc.setns(number, kind) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main():
    """Serve until the other end is closed."""
    enter(int(sys.argv[1]))
    asker = socket.socket(fileno=0)
    asker.sendall(b"r")
    while True:
        wanted = asker.recv(1)
        if not wanted:
            return
        with socket.socket(socket.AF_INET6 if wanted == b"6" else socket.AF_INET, socket.SOCK_STREAM) as made:
            asker.sendmsg([b"s"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))])


if __name__ == "__main__":
    main()
