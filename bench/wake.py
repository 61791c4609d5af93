"""How long a sleeping Space keeps its visitor waiting: from a new connection to the last byte of a right answer."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.by_hand import seconds_to_answer
from bench.kernel import is_asleep
from bench.platform import HELLO, Platform, platform, working_copy
from bench.rows import Row, at_most, median, row

FROZEN_CYCLES = 40
COLD_CYCLES = 5


def rows() -> list[Row]:
    """wake.frozen.p50 and wake.cold.hello.p50."""
    with platform() as here:
        here.create("hello")
        here.push(working_copy(HELLO), "hello")
        here.until("hello", "RUNNING")
        here.until_compiled()
        awake = median([answered(here) for _ in range(FROZEN_CYCLES)])
        frozen = median([_woken(here, "frozen") for _ in range(FROZEN_CYCLES)])
        cold = median([_woken(here, "cold") for _ in range(COLD_CYCLES)])
        by_hand = median([_by_hand(here) for _ in range(3)])
    return [
        row(
            "wake.frozen.p50", frozen, "ms", rival="the same app, awake", rival_value=awake,
            target="adds ≤ 5 ms", judge=at_most(5.0), of=frozen - awake,
            note=f"{FROZEN_CYCLES} cycles; adds {frozen - awake:.2f} ms; the kernel said frozen before each",
        ),
        row(
            "wake.cold.hello.p50", cold, "ms", rival="python app.py by hand, same environment", rival_value=by_hand,
            target="≤ 1500 ms", judge=at_most(1500.0),
            note=f"{COLD_CYCLES} cycles; no process of the app before each",
        ),
    ]  # fmt: skip


def answered(here: Platform) -> float:
    """Milliseconds for one right answer."""
    began = time.perf_counter()
    status, body = here.get("hello")
    took = (time.perf_counter() - began) * 1000
    if status != 200 or b'"components"' not in body:
        raise RuntimeError(f"a wrong answer: {status} {body[:200]!r}")
    return took


def put_to_sleep(here: Platform, rung: str) -> None:
    """Until the kernel, too, says that it sleeps."""
    here.spaces("space", "sleep", "bench/hello", "--rung", rung)
    if not is_asleep("bench/hello", rung):
        raise RuntimeError(f"the kernel does not say that it is {rung}")


def _woken(here: Platform, rung: str) -> float:
    put_to_sleep(here, rung)
    return answered(here)


def _by_hand(here: Platform) -> float:
    """Milliseconds that the same app takes in the same environment, started by a person."""
    environment = next(path for path in (here.data / "store" / "envs").iterdir() if not path.name.startswith("."))
    packages = next(environment.glob("lib/python*/site-packages"))
    return seconds_to_answer(Path(sys.base_prefix) / "bin" / "python3", packages) * 1000
