"""The page for Prometheus on a whole platform: it is on its own address alone, and its numbers move."""

from __future__ import annotations

import urllib.request
from http.client import HTTPConnection

from bench.platform import Platform
from tests.promises.conftest import METRICS
from tests.promises.world import Work, until
from tests.watch.test_page import Read, read

PROCESSES = ("hub", "scheduler", "node", "gateway-0", "live", "watch", "supervisor")


def scrape() -> Read:
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=10) as answer:
        return read(answer.read().decode())


def test_numbers_of_every_process_move_with_a_sleep_and_a_wake(here: Platform, steady: Work) -> None:
    steady.tells("hello")
    before = scrape()
    assert [before("spaces_process_up", process=each) for each in PROCESSES] == [1.0] * len(PROCESSES)
    assert all(before("spaces_process_memory_bytes", process=each) > 2**20 for each in PROCESSES)
    assert [before("spaces_reachable", process="hub", what=each) for each in ("database", "live store")] == [1.0, 1.0]
    here.spaces("space", "sleep", steady.full)
    assert steady.visit()
    woken = {"process": "scheduler", "rung": "frozen"}

    def more(name: str, **labels: str) -> float:
        return (scrape()(name, **labels) or 0) - (before(name, **labels) or 0)

    until(lambda: more("spaces_wake_seconds_count", **woken) == 1, "the wake is counted")
    assert more("spaces_sleeps_total", **woken) == 1
    assert sum(more("spaces_gateway_held_total", process=f"gateway-{n}") for n in range(4)) >= 1
    served = [more("spaces_gateway_requests_total", process=f"gateway-{n}", way="app", status="200") for n in range(4)]
    assert sum(served) >= 1
    assert more("spaces_hub_requests_total", process="hub", method="GET", status="200") >= 0
    assert scrape()("spaces_stage", process="scheduler", stage="RUNNING") >= 1


def test_visitors_do_not_reach_the_page(here: Platform) -> None:
    connection = HTTPConnection("127.0.0.1", here.port)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert b"spaces_process_up" not in answer.read()
    connection.close()
