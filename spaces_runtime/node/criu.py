"""CRIU, run in the namespaces of a living sandbox: it dumps the app's processes, never the sandbox itself.

Neither its files nor the images are visible to the Space: it runs from descriptors of folders outside, with the loader
and the libraries that came with it. LD_LIBRARY_PATH would give them to the tools that it starts, too.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OURS = Path("/opt/spaces-criu")  # where GET puts it
GET = Path(__file__).with_name("criu-get.sh")
MACHINES = {
    "x86_64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
WITHIN, SLOWEST = 10.0, 50e6  # seconds for one call, and bytes a second: it moves all memory, on a disk that others use
GHOSTS = "256M"  # the largest deleted file that an app may still have open
CAPABILITIES = (  # of a dump under the Space's own user: what criu asks of root
    *("checkpoint_restore", "sys_ptrace", "sys_admin", "net_admin", "dac_override", "dac_read_search", "setuid"),
    *("setgid", "setpcap", "kill", "chown", "fowner", "sys_chroot", "sys_nice", "net_raw"),
)
SYS_RESOURCE = 1 << 24  # include/uapi/linux/capability.h
COMMON = (
    *("-v1", "--manage-cgroups=ignore", "--tcp-close", "--ext-unix-sk", "--file-locks", "--link-remap"),
    *("--skip-in-flight", "--ghost-limit", GHOSTS),
)
# Joins control groups, runs the rest, and writes down how it ended: also when the node is no more.
RUN = """done=$1; shift
while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift
"$@"; status=$?; echo $status > "$done"; exit $status"""
FAULT = re.compile(r"^(?:\([\d.]+\))?\s*(?:\d+:\s*)?Error \([^)]*\): (.+)$", re.MULTILINE)
HARMLESS = ("tun: Unable to create tun", "rlimit: Can't setup RLIMIT_NOFILE")


class CriuFailed(Exception):
    """In criu's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A sandbox. init: pid of its PID 1, as seen from outside; user: of the app."""

    init: int
    user: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Criu:
    """One copy. base: folder that holds it with its libraries; the others: paths below it."""

    base: Path
    program: str
    loader: str
    libraries: tuple[str, ...]

    @property
    def version(self) -> str:
        """As it says itself; empty when it does not run."""
        try:
            done = subprocess.run(  # noqa: S603
                (*self._command(str(self.base)), "--version"), capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return next(iter(re.findall(r"Version: (\S+)", done.stdout)), "")

    def _command(self, base: str) -> tuple[str, ...]:
        below = [os.path.join(base, path) for path in (self.loader, *self.libraries, self.program)]  # noqa: PTH118
        return (below[0], "--library-path", ":".join(below[1:-1]), below[-1])

    def dump(self, target: Target, images: Path, app: int, size: int) -> None:
        """Write the tree of a process down and end it. app: its pid as seen inside; size: bytes it holds. Blocks.

        Raises: CriuFailed, and then it runs on.
        """
        who = identity(target.user)
        enter = self._enter(target, images, "dump", ("-t", str(app), *(("--unprivileged",) if who else ())))
        with enter as (argv, passed):
            _finish(("dump", within(size)), images, (), (*who, *argv), passed)

    def restore(self, target: Target, images: Path, joins: Sequence[Path], log: int, size: int) -> None:
        """Let it run again, in these control groups. log: a writing end of its log pipe. Blocks. Raises: CriuFailed."""
        pipe = f"fd[{log}]:pipe:[{os.fstat(log).st_ino}]"
        with self._enter(target, images, "restore", ("--restore-detached", "--inherit-fd", pipe)) as (argv, passed):
            _finish(("restore", within(size)), images, joins, argv, (*passed, log))

    @contextlib.contextmanager
    def _enter(
        self, target: Target, images: Path, verb: str, flags: Sequence[str]
    ) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
        """The command that runs inside, and the descriptors that it needs."""
        base = os.open(self.base, os.O_PATH | os.O_CLOEXEC)
        folder = os.open(images, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        seen = f"/proc/self/fd/{folder}"
        enter = ("nsenter", "-t", str(target.init), "-m", "-p", "-n", "-i", "-u", "-C", "--")
        criu = (*self._command(f"/proc/self/fd/{base}"), verb, "-D", seen, "-W", seen, "-o", f"{verb}.log")
        try:
            yield (*enter, *criu, *COMMON, *flags), (base, folder)
        finally:
            os.close(base)
            os.close(folder)


def found() -> tuple[Criu, ...]:
    """Those on this machine, the one that was fetched for this first."""
    triple, loader = MACHINES.get(os.uname().machine, ("", ""))
    copies = []
    if triple and (OURS / "usr/sbin/criu").exists():
        at = next(
            (path for path in ("usr/lib64", "usr/lib", f"usr/lib/{triple}") if (OURS / path / loader).exists()), ""
        )
        copies.append(
            Criu(base=OURS, program="usr/sbin/criu", loader=f"{at}/{loader}", libraries=(f"usr/lib/{triple}",))
        )
    installed = shutil.which("criu", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if triple and installed:
        real = next((p for p in (Path("/lib64") / loader, Path("/lib") / loader) if p.exists()), Path("/"))
        folders = (f"usr/lib/{triple}", "usr/lib64", "usr/lib", "usr/local/lib")
        paths = [str(Path(path).resolve()).lstrip("/") for path in (installed, real)]
        copies.append(Criu(base=Path("/"), program=paths[0], loader=paths[1], libraries=folders))
    return tuple(copies)


def identity(user: int) -> tuple[str, ...]:
    """What comes before a dump. Without CAP_SYS_RESOURCE root may not read the limits of other users' processes."""
    if _capabilities() & SYS_RESOURCE:
        return ()
    kept = ",".join(f"+{name}" for name in CAPABILITIES)
    changed = (f"--reuid={user}", f"--regid={user}", "--clear-groups", f"--inh-caps={kept}", f"--ambient-caps={kept}")
    return ("setpriv", *changed, "--")


def _capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)


def within(size: int) -> float:
    """Seconds that a call may take for so many bytes."""
    return WITHIN + size / SLOWEST


def _finish(
    what: tuple[str, float], images: Path, joins: Sequence[Path], argv: Sequence[str], passed: Sequence[int]
) -> None:
    """Run it to its end, or kill all of it when its seconds are over. Raises: CriuFailed."""
    verb, seconds = what
    with (images / f"{verb}.said").open("wb") as output:
        running = subprocess.Popen(  # noqa: S603
            ("/bin/sh", "-c", RUN, "sh", str(images / f"{verb}.done"), *map(str, joins), "--", *argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=passed,
            start_new_session=True,
        )
    if not _ends(running.pid, seconds):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise CriuFailed(f"criu {verb} took longer than {seconds:.0f} s")
    if (status := running.wait()) != 0:
        raise CriuFailed(words(images, verb) or f"criu {verb} ended with status {status}")


def _ends(child: int, seconds: float) -> bool:
    """Whether it does in that time, noticed at once: Popen.wait(timeout) looks only every 50 ms."""
    handle, looks = os.pidfd_open(child), select.poll()
    looks.register(handle, select.POLLIN)
    try:
        return bool(looks.poll(seconds * 1000))
    finally:
        os.close(handle)


def words(images: Path, verb: str) -> str:
    """The first fault that criu's log names, those that it outlives aside; else the last that was said.

    What follows the first is its consequence.
    """
    log, output = (_text(images / f"{verb}.{end}") for end in ("log", "said"))
    faults = [fault for fault in FAULT.findall(log) if not fault.startswith(HARMLESS)]
    return next((line.strip(" .") for line in (*faults, *output.splitlines()[::-1]) if line.strip()), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
