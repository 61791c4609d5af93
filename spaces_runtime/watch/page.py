"""All figures of all processes as one Prometheus page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from spaces_runtime.domain.figures import Figure
from spaces_runtime.watch.ask import Told, ask_all, listener, used

OWN = "process"  # the label that says which process told


class Page(Collector):
    """run: where the processes listen. live: socket of the bundled live store; None: it is the operator's own."""

    def __init__(self, run: Path, live: Path | None) -> None:
        self._run, self._live = run, live

    def collect(self) -> Iterator[Metric]:
        """Ask everybody, now."""
        told = tuple(ask_all(self._run))
        yield from _processes(told, self._more())
        yield from families(told)

    def _more(self) -> dict[str, int]:
        """Processes that have nothing to tell."""
        more = {"watch": os.getpid()}
        if self._live is not None:
            more["live"] = listener(self._live)
        if os.environ.get("SPACES_SUPERVISED"):
            more["supervisor"] = os.getppid()
        return more

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before it is asked."""
        return iter(())


def _processes(told: Iterable[Told], more: dict[str, int]) -> Iterator[Metric]:
    pids = {each.process: each.pid for each in told} | more
    up = GaugeMetricFamily("spaces_process_up", "Whether a process of the platform answers.", labels=[OWN])
    cpu = CounterMetricFamily("spaces_process_cpu_seconds", "Processor time it used.", labels=[OWN])
    memory = GaugeMetricFamily("spaces_process_memory_bytes", "Memory it holds, shared pages too.", labels=[OWN])
    for process, pid in sorted(pids.items()):
        uses = used(pid) if pid else None
        up.add_metric([process], 1.0 if uses else 0.0)
        if uses is not None:
            cpu.add_metric([process], uses.cpu)
            memory.add_metric([process], float(uses.memory))
    yield from (up, cpu, memory)


def families(told: Iterable[Told]) -> Iterator[Metric]:
    """What several processes count under one name is one family, told apart by who counted."""
    made: dict[str, Metric] = {}
    for each in told:
        for figure in each.figures:
            family = made.setdefault(figure.name, _family(figure))
            _add(family, figure, each.process)
    yield from made.values()


def _family(figure: Figure) -> Metric:
    labels = [OWN, *figure.labels]
    if figure.kind == "counter":
        return CounterMetricFamily(figure.name, figure.about, labels=labels)
    if figure.kind == "histogram":
        return HistogramMetricFamily(figure.name, figure.about, labels=labels)
    return GaugeMetricFamily(figure.name, figure.about, labels=labels)


def _add(family: Metric, figure: Figure, process: str) -> None:
    if isinstance(family, HistogramMetricFamily):
        bounds = [*map(str, figure.bounds), "+Inf"]
        for spread in figure.spreads:
            buckets = list(zip(bounds, accumulate(spread.counts), strict=True))
            family.add_metric([process, *spread.labels], buckets, spread.total)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        for of, value in figure.values:
            family.add_metric([process, *of], value)
