"""PID 1 of a sandbox: starts the app, reaps, writes down how the app ended.

Run as `python -I -S init.py`, with the node's orders on standard input (spawn.orders writes them) and the log pipe as
output. It outlives the node: it holds both ends of the log pipe, so that the app never meets a broken one and a new
node finds every line. No orders means that the node died before it had written this sandbox down: then nothing is
started. Each import here is paid for by every start: json, ctypes and signal would double its 10 ms.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
import time

DRAIN = 60.0  # seconds the last words may wait for a reader
CANNOT_RUN = 127  # exit status of a shell that cannot run a command
COUNT_UNREAD = 0x541B  # FIONREAD, include/uapi/asm-generic/ioctls.h
WORDS_OUT, WORDS_IN = 90, 91  # both ends of a pipe; the node opens the second one and says HOLD or GO
HOLD, GO = b"h", b"g"
ENDING = 0.002  # seconds between looks at processes that were killed with the app


class Orders:
    """What to run, and how. user, keeper: numeric users of the app and of this process; None: nobody can change."""

    def __init__(self, said: bytes) -> None:
        fields = [os.fsdecode(field) for field in said.split(b"\0")]
        pairs = list(zip(fields[::2], fields[1::2]))  # noqa: B905 strict= is younger than some Pythons inside
        one = dict(pairs)
        self.argv = [value for name, value in pairs if name == "argv"]
        self.env = dict(value.partition("=")[::2] for name, value in pairs if name == "env")
        self.limits = [value.partition("=")[::2] for name, value in pairs if name == "limit"]
        self.groups = [int(value) for name, value in pairs if name == "group"]
        self.folder, self.log, self.exit = one["folder"], int(one["log"]), int(one["exit"])
        self.user = int(one["user"]) if "user" in one else None
        self.keeper = int(one["keeper"]) if "keeper" in one else None


def unread(pipe: int) -> int:
    """Bytes of the log that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, COUNT_UNREAD, b"\0" * 4), sys.byteorder)


def change_user(user: int | None, groups: list[int]) -> None:
    """For good: the kernel takes every capability with it, and bubblewrap has set no_new_privs."""
    if user is None:  # an ordinary user's sandbox: there is only this user
        return
    os.setgroups(groups)
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit(kind: int, most: int) -> None:
    """Lower a limit; one that is lower already stays, for raising it would need a capability."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def become_app(orders: Orders) -> None:
    """In the child: limits, user, folder, exec. Never returns."""
    try:
        os.setsid()
        for name, most in orders.limits:
            limit(getattr(resource, name), int(most))
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 see the top
            file.write("500")  # the app goes first, then its PID 1 can still say why
        os.umask(0o022)
        change_user(orders.user, orders.groups)
        os.chdir(orders.folder)
        os.execvpe(orders.argv[0], orders.argv, orders.env)  # noqa: S606 the app is what this is for
    except OSError as error:
        os.write(2, f"Cannot run {' '.join(orders.argv)}: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_RUN)


def listen() -> None:
    """Open the pipe of the node's words; whoever comes to the node later finds it at the same number."""
    for number, end in zip(os.pipe(), (WORDS_OUT, WORDS_IN)):  # noqa: B905 see above
        os.dup2(number, end, inheritable=False)
        os.close(number)


def all_gone() -> bool:
    """Reap what has ended; whether that was the last child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def newest(word: bytes) -> bytes:
    """The node's last word. While that is HOLD nothing happens here, once the numbers of all processes are free."""
    while word == HOLD or unread(WORDS_OUT):
        if word == HOLD and not unread(WORDS_OUT) and not all_gone():
            time.sleep(ENDING)
        else:
            word = os.read(WORDS_OUT, 1)
    return word


def is_there(app: int) -> bool:
    """It is a child of this process: it never ended, or was restored."""
    try:
        os.waitid(os.P_PID, app, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def wait_for(app: int) -> int:
    """Reap everything; return the app's status, negative for a signal, when it has ended and will not be restored."""
    word = GO
    while True:
        pid, raw = os.wait()
        if pid == app:
            word = newest(word)
            if not is_there(app):
                return -os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw)


def main() -> None:
    """Start, wait, write down, end; with this process all others of the sandbox end."""
    said = b"".join(iter(lambda: os.read(0, 65536), b""))
    if not said:
        sys.exit(1)
    orders = Orders(said)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number in (orders.log, orders.exit):
        os.set_inheritable(number, False)
    listen()
    app = os.fork()
    if app == 0:
        become_app(orders)
    change_user(orders.keeper, [])  # another user than the app's: the app can neither read nor end this process
    del said, orders.env  # secrets
    status = wait_for(app)
    os.pwrite(orders.exit, b"%d" % status, 0)
    os.fsync(orders.exit)
    until = time.monotonic() + DRAIN
    while unread(orders.log) and time.monotonic() < until:
        time.sleep(0.005)
    os._exit(0)


if __name__ == "__main__":
    main()
