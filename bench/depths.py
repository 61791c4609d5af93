"""Below frozen: how long a visitor waits for what was in swap or on disk, and what a Space on disk still costs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from bench.kernel import CGROUPS
from bench.platform import HELLO, Platform, platform, working_copy
from bench.rows import Row, at_most, median, row
from bench.wake import answered, put_to_sleep

CYCLES = 20
STILL = 5.0  # seconds in which a Space on disk is watched
MIB = 2**20
AIMS = {"paged": 60.0, "checkpointed": 100.0, "packed": 700.0}  # milliseconds


def rows() -> list[Row]:
    """wake.paged, wake.checkpointed and wake.packed of hello; sleep.memory, sleep.cpu."""
    with platform() as here:
        here.create("hello")
        here.push(working_copy(HELLO), "hello")
        here.until("hello", "RUNNING")
        here.until_compiled()
        awake = median([answered(here) for _ in range(CYCLES)])
        rungs = [rung for rung in AIMS if rung != "paged" or _swap()]
        woken = [_rung(here, rung, awake) for rung in rungs]
        put_to_sleep(here, "checkpointed")
        return [*woken, *_costs(here)]


def _rung(here: Platform, rung: str, awake: float) -> Row:
    taken, predicted = [], []
    for _ in range(CYCLES):
        put_to_sleep(here, rung)
        taken.append(answered(here))
        predicted.append(_prediction(here))
    aim, middle = AIMS[rung], median(taken)
    said = "was frozen and mostly in swap" if rung == "paged" else "had no process"
    return row(
        f"wake.{rung}.hello.p50", middle, "ms", rival="the same app, awake", rival_value=awake,
        target=f"≤ {aim:g} ms", judge=at_most(aim),
        note=f"{CYCLES} cycles; p95 {sorted(taken)[int(CYCLES * 0.95) - 1]:.0f}, worst {max(taken):.0f} ms; the first "
        f"prediction after it {median(predicted):.0f} ms; the kernel said that it {said} before each",
    )  # fmt: skip


def _prediction(here: Platform) -> float:
    """Milliseconds for one right prediction, by the calls that Gradio's clients make."""
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", here.port, timeout=60)
    headers = {"Host": f"bench-hello.localhost:{here.port}", "Content-Type": "application/json"}
    connection.request("POST", "/gradio_api/call/greet", json.dumps({"data": ["you"]}), headers)
    event = json.loads(connection.getresponse().read())["event_id"]
    connection.request("GET", f"/gradio_api/call/greet/{event}", headers=headers)
    told = connection.getresponse().read()
    connection.close()
    if b"Hello, you!" not in told:
        raise RuntimeError(f"a wrong prediction: {told[:200]!r}")
    return (time.perf_counter() - began) * 1000


def _costs(here: Platform) -> list[Row]:
    """By the kernel's word, of all processes that the Space still has."""
    pids = list(_left(here))
    memory = sum(_pss(pid) for pid in pids) / MIB
    before = sum(map(_ran, pids))
    time.sleep(STILL)
    cpu = (sum(map(_ran, pids)) - before) / 1e9
    return [
        row(
            "sleep.memory", memory, "MiB", rival="-", rival_value=None, target="≤ 10 MB", judge=at_most(10e6 / MIB),
            note=f"Pss of the {len(pids)} processes that are left of a checkpointed Space",
        ),
        row(
            "sleep.cpu", cpu, "s", rival="-", rival_value=None, target="0", judge=at_most(0.0),
            note=f"processor time of the same in {STILL:.0f} s",
        ),
    ]  # fmt: skip


def _left(here: Platform) -> Iterator[int]:
    key = hashlib.sha256(str(here.data.resolve()).encode()).hexdigest()[:10]
    found = {pid for path in CGROUPS.glob(f"**/spaces-{key}/*/cgroup.procs") for pid in path.read_text().split()}
    yield from map(int, found)


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _ran(pid: int) -> int:
    """Nanoseconds on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def _swap() -> bool:
    return len(Path("/proc/swaps").read_text().splitlines()) > 1
