"""The page of figures: what real processes tell over real sockets, as Prometheus reads it."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.platform import free_port
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.figures import Counter, Gauge, Spread, figure, plain
from spaces_runtime.domain.settings import Settings
from spaces_runtime.watch.serve import serve
from spaces_runtime.wiring.telling import address, telling

Read = Callable[..., float | None]


def read(text: str) -> Read:
    """Finds the value of a sample by its name and labels."""
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return lambda name, **labels: found.get((name, tuple(sorted(labels.items()))))


def scrape(port: int) -> Read:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return read(answer.read().decode())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "run").mkdir()
    return Settings(data=tmp_path, metrics=f"127.0.0.1:{free_port()}")


async def watched(settings: Settings, port: int, stop: asyncio.Event) -> None:
    await serve(("127.0.0.1", port), settings.data / "run", None, stop)


def test_what_two_processes_count_is_one_family_that_changes_and_a_dead_one_is_down(settings: Settings) -> None:
    async def run() -> tuple[Read, Read, Read]:
        counts = [Counter("spaces_tests", "Of these.", "way") for _ in range(2)]
        took, stop = Spread("spaces_tests_seconds", "How long.", bounds=(0.1, 1.0)), asyncio.Event()
        _, port = address(settings)
        watching = asyncio.create_task(watched(settings, port, stop))
        async with telling(settings, "gateway-0", (counts[0], took)):
            async with telling(settings, "gateway-1", (counts[1],)):
                counts[0].add("app")
                first = await _scraped(port)
                counts[0].add("app")
                counts[1].add("hub", by=3)
                for seconds in (0.05, 0.1, 0.5, 7.0):
                    took.add(seconds)
                second = await _scraped(port)
            last = await _scraped(port)
        stop.set()
        await watching
        return first, second, last

    first, second, last = asyncio.run(run())
    one = {"process": "gateway-0"}
    assert first("spaces_tests_total", way="app", **one) == 1
    assert second("spaces_tests_total", way="app", **one) == 2
    assert second("spaces_tests_total", way="hub", process="gateway-1") == 3
    buckets = [second("spaces_tests_seconds_bucket", le=le, **one) for le in ("0.1", "1.0", "+Inf")]
    assert buckets == [2, 3, 4]
    assert second("spaces_tests_seconds_count", **one) == 4
    assert second("spaces_tests_seconds_sum", **one) == pytest.approx(7.65)
    assert second("spaces_process_up", process="gateway-1") == 1
    assert second("spaces_process_memory_bytes", **one) > 2**20
    assert second("spaces_process_cpu_seconds_total", **one) > 0
    assert last("spaces_process_up", process="gateway-1") == 0
    assert last("spaces_process_up", **one) == 1


async def _scraped(port: int) -> Read:
    for _ in range(500):
        try:
            return await asyncio.to_thread(scrape, port)
        except OSError:
            await asyncio.sleep(0.01)
    raise AssertionError("the page never came")


def test_a_process_that_says_something_else_is_down_and_harms_nobody(settings: Settings) -> None:
    async def run() -> Read:
        async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b'[{"name": "x"}]')
            writer.close()

        _, port = address(settings)
        stop, ok = asyncio.Event(), Gauge("spaces_ok", "Fine.", lambda: {(): 5.0})
        server = await asyncio.start_unix_server(nonsense, settings.data / "run" / "odd.figures")
        watching = asyncio.create_task(watched(settings, port, stop))
        async with server, telling(settings, "hub", (ok,)):
            found = await _scraped(port)
        stop.set()
        await watching
        return found

    found = asyncio.run(run())
    assert found("spaces_ok", process="hub") == 5
    assert found("spaces_process_up", process="odd") == 0


def test_nobody_is_told_where_nobody_asked_for_metrics(tmp_path: Path) -> None:
    async def run() -> list[Path]:
        async with telling(Settings(data=tmp_path), "hub", ()):
            return [path for path in tmp_path.rglob("*") if path.is_socket()]

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("wrong", ["9100", "localhost:", ":9100", "localhost:http", "localhost:70000", "0.0.0.0:7800"])
def test_an_address_must_be_one_and_never_the_visitors_port(settings: Settings, wrong: str) -> None:
    with pytest.raises(Fault, match="tell metrics"):
        address(replace(settings, metrics=wrong))


def test_an_ipv6_address_is_read() -> None:
    assert address(Settings(data=Path("/"), metrics="[::1]:9100")) == ("::1", 9100)


def test_a_port_that_somebody_has_is_said(settings: Settings) -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            await serve(server.sockets[0].getsockname(), settings.data / "run", None, asyncio.Event())

    with pytest.raises(Fault, match="in use"):
        asyncio.run(run())


def test_figures_come_through_as_they_were_sent() -> None:
    counter, spread = Counter("a", "b", "c", "d"), Spread("e", "f", "g", bounds=(1.0, 2.0))
    counter.add("1", "2", by=0.5)
    spread.add(2.0, "x")
    gauge = Gauge("h", "i", lambda: {("y",): 2.0}, "j")
    assert [figure(told) for told in plain((counter, spread, gauge))] == [s.read() for s in (counter, spread, gauge)]
