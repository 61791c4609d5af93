"""PID 1 of a sandbox: starts the app, reaps, writes down how the app ended.

Run as `python -I -S init.py`, with the node's orders as JSON on standard input and the log pipe as output. It outlives
the node: it holds both ends of the log pipe, so that the app never meets a broken one and a new node finds every
line. No orders means that the node died before it had written this sandbox down: then nothing is started.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import struct
import sys
import termios
import time
from typing import Any

NO_NEW_PRIVS, DROP_BOUNDING = 38, 24  # include/uapi/linux/prctl.h
LAST_CAPABILITY = 63
DRAIN = 60.0  # seconds the last words may wait for a reader
UNREADABLE = 127  # exit status of a shell that cannot run a command


def unread(pipe: int) -> int:
    """Bytes of the log that nobody has read yet."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(count)


def change_user(user: int | None, groups: list[int]) -> None:
    """For good: no capability is left, and none can be gained."""
    libc = ctypes.CDLL(None)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if user is None:  # an ordinary user's sandbox: there is only this user
        return
    for capability in range(LAST_CAPABILITY):
        libc.prctl(DROP_BOUNDING, capability, 0, 0, 0)
    os.setgroups(groups)
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit(kind: int, most: int) -> None:
    """Lower a limit; one that is lower already stays, for raising it would need a capability."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def become_app(orders: dict[str, Any]) -> None:
    """In the child: limits, user, folder, exec. Never returns."""
    try:
        os.setsid()
        for name, most in orders["limits"].items():
            limit(getattr(resource, name), most)
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 pathlib costs a third of the start
            file.write("500")  # the app goes first, then its PID 1 can still say why
        os.umask(0o022)
        change_user(orders["user"], orders["groups"])
        os.chdir(orders["folder"])
        os.execvpe(orders["argv"][0], orders["argv"], orders["env"])  # noqa: S606 the app is what this is for
    except OSError as error:
        os.write(2, f"Cannot run {' '.join(orders['argv'])}: {error.strerror}\n".encode())
    finally:
        os._exit(UNREADABLE)


def wait_for(app: int) -> int:
    """Reap everything; return the app's status, negative for a signal."""
    while True:
        pid, raw = os.wait()
        if pid == app:
            return -os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw)


def main() -> None:
    """Start, wait, write down, end; with this process all others of the sandbox end."""
    said = b"".join(iter(lambda: os.read(0, 65536), b""))
    if not said:
        sys.exit(1)
    orders = json.loads(said)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number in (orders["log"], orders["exit"]):
        os.set_inheritable(number, False)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    app = os.fork()
    if app == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        become_app(orders)
    change_user(orders["keeper"], [])  # another user than the app's: the app can neither read nor end this process
    del said, orders["env"]  # secrets
    status = wait_for(app)
    os.pwrite(orders["exit"], b"%d" % status, 0)
    os.fsync(orders["exit"])
    until = time.monotonic() + DRAIN
    while unread(orders["log"]) and time.monotonic() < until:
        time.sleep(0.005)
    os._exit(0)


if __name__ == "__main__":
    main()
