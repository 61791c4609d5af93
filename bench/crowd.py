"""Thirty small Spaces asked for at once: is everybody answered, does anybody wait much longer, what does it take?

All are put to sleep, cold, until the kernel has no process of any; then all are visited in the same moment.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.kernel import processes
from bench.platform import HELLO, Platform, platform, working_copy
from bench.rows import Row, at_least, at_most, median, row

CROWD: Final = 30
WITHIN: Final = 240.0  # seconds for one answer
SAMPLE: Final = 0.5  # seconds
BASE: Final = os.environ.get("SPACES_TEST_BASE", "spaces-test-base:bookworm")
SETTINGS: Final = {"process": "", "docker": f'engine = "docker"\n[docker]\nbase = "{BASE}"\n'}
ENGINE: Final = ("dockerd", "containerd", "containerd-shim", "docker-init")  # as the kernel cuts their names
MIB: Final = 2**20


def rows() -> list[Row]:
    """crowd.<engine>.*, of every engine that is here."""
    return [found for engine in engines() for found in measured(engine, CROWD)]


def engines() -> list[str]:
    """process, and docker where its socket is."""
    return ["process", *(["docker"] if Path("/var/run/docker.sock").exists() else [])]


def measured(engine: str, count: int) -> list[Row]:
    """One platform with so many Spaces."""
    with platform(SETTINGS[engine]) as here:
        names = [f"crowd{n:02}" for n in range(count)]
        _deploy(here, names)
        alone = _asked(here, names[:1])[0]
        _rest(here, names)
        with _watched(here) as peak:
            took = _asked(here, names)
        answers = [seconds for seconds in took if seconds] or [WITHIN]
        middle, slowest = median(answers), max(answers)
    return [
        row(
            f"crowd.{engine}.answered", sum(map(bool, took)), "Spaces", rival="asked for at once", rival_value=count,
            target=f"all {count}", judge=at_least(count), note=f"on {os.cpu_count()} cores",
        ),
        row(
            f"crowd.{engine}.slowest", slowest, "s", rival="one after the other, as the first alone",
            rival_value=alone * count, target="≤ 1.5 x the middle one", judge=at_most(1.5), of=slowest / middle,
            note=f"first {min(answers):.1f} s, middle {middle:.1f} s; alone {alone:.1f} s; "
            f"{peak['busy']:.0f} s of processor, the platform's part {peak['platform busy']:.0f} s",
        ),
        row(
            f"crowd.{engine}.memory", peak["platform"] / MIB, "MiB", rival="the engine",
            rival_value=peak["engine"] / MIB, target="platform ≤ 600 MiB", judge=at_most(600.0),
            note=f"peaks; the whole machine took {peak['machine'] / MIB:.0f} MiB more, Spaces included",
        ),
    ]  # fmt: skip


def _deploy(here: Platform, names: list[str]) -> None:
    """All from one repo: what is measured is not a build."""
    copy = working_copy(HELLO)
    for name in names:
        here.create(name)
        here.push(copy, name)
    for name in names:
        here.until(name, "RUNNING", WITHIN)
    here.until_compiled()
    _rest(here, names)


def _rest(here: Platform, names: list[str]) -> None:
    """Until the kernel has no process of any of them."""
    for name in names:
        here.spaces("space", "sleep", f"bench/{name}", "--rung", "cold")
    if left := [name for name in names if processes(f"bench/{name}")]:
        raise RuntimeError(f"the kernel says that these are not cold: {left}")


def _asked(here: Platform, names: list[str]) -> list[float]:
    """Seconds from the moment in which all are asked for to each one's right answer; 0: it gave none."""
    began = threading.Barrier(len(names))

    def one(name: str) -> float:
        began.wait()
        moment = time.perf_counter()
        status, body = here.get(name, timeout=WITHIN)
        return time.perf_counter() - moment if status == 200 and b'"components"' in body else 0.0

    with ThreadPoolExecutor(len(names)) as visitors:
        return list(visitors.map(one, names))


@contextmanager
def _watched(here: Platform) -> Iterator[dict[str, float]]:
    """Peaks, bytes: of the platform's processes, of the engine's, and of what the whole machine has less free.

    busy, platform busy: seconds of processor that everything on the machine used, and the platform.
    """
    peak, ends = dict.fromkeys(("platform", "engine", "machine"), 0.0), threading.Event()
    free, busy, own = _available(), _busy(), _spent(here)

    def look() -> None:
        while not ends.wait(SAMPLE):
            seen = _held(here) | {"machine": free - _available()}
            peak.update({name: max(peak[name], value) for name, value in seen.items()})

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ends.set()
        thread.join()
        peak |= {"busy": _busy() - busy, "platform busy": _spent(here) - own}


def _held(here: Platform) -> dict[str, int]:
    """Shared pages are counted in parts, as Pss does."""
    found = {"platform": 0, "engine": 0}
    for kind, folder in _ours(here):
        with contextlib.suppress(OSError, IndexError):  # ended
            found[kind] += int((folder / "smaps_rollup").read_text().partition("Pss:")[2].split()[0]) * 1024
    return found


def _spent(here: Platform) -> float:
    """Seconds of processor that the platform's processes used so far."""
    found = 0
    for kind, folder in _ours(here):
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            found += sum(map(int, words[11:13])) if kind == "platform" else 0
    return found / os.sysconf("SC_CLK_TCK")


def _ours(here: Platform) -> Iterator[tuple[str, Path]]:
    """What houses the Spaces, and the platform itself."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit():
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                housing = (folder / "comm").read_text().strip().startswith(ENGINE)
                if housing or "bwrap" in words.partition("\0")[0]:
                    yield "engine", folder
                elif str(here.data) in words or folder.name == str(here.process.pid):
                    yield "platform", folder


def _busy() -> float:
    """Seconds of processor that everything on this machine used so far."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _available() -> int:
    told = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]
    return int(told) * 1024
