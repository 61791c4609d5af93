"""What a process counts while it works, and tells whoever asks. Pure. To count costs a look-up in a dictionary."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

Labels = tuple[str, ...]
QUICK: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
SLOW: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreading:
    """How the values of one set of labels spread. counts: up to each bound, not added up; the last: above all."""

    labels: Labels
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that is counted, as it stands. kind: counter, gauge or histogram. labels: their names.

    values: of counters and gauges, by the labels' values. bounds, spreads: of histograms.
    """

    name: str
    kind: str
    about: str
    labels: Labels = ()
    values: tuple[tuple[Labels, float], ...] = ()
    bounds: tuple[float, ...] = ()
    spreads: tuple[Spreading, ...] = ()


class Source(Protocol):
    """Knows a figure."""

    def read(self) -> Figure: ...


class Counter:
    """Only grows."""

    __slots__ = ("_about", "_labels", "_name", "_values")

    def __init__(self, name: str, about: str, *labels: str) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}  # without labels it is there from the start

    def add(self, *of: str, by: float = 1.0) -> None:
        """Once more, for these values of the labels."""
        self._values[of] = self._values.get(of, 0.0) + by

    def read(self) -> Figure:
        """As it stands."""
        values = tuple(self._values.items())
        return Figure(name=self._name, kind="counter", about=self._about, labels=self._labels, values=values)


class Gauge:
    """Goes up and down: looked up when somebody asks. look: values by those of the labels."""

    __slots__ = ("_about", "_labels", "_look", "_name")

    def __init__(self, name: str, about: str, look: Callable[[], Mapping[Labels, float]], *labels: str) -> None:
        self._name, self._about, self._look, self._labels = name, about, look, labels

    def read(self) -> Figure:
        """As it stands."""
        values = tuple(self._look().items())
        return Figure(name=self._name, kind="gauge", about=self._about, labels=self._labels, values=values)


class Spread:
    """How long something takes. bounds: ascending, of its buckets; a value that equals one is in it."""

    __slots__ = ("_about", "_bounds", "_counts", "_labels", "_name", "_totals")

    def __init__(self, name: str, about: str, *labels: str, bounds: tuple[float, ...] = QUICK) -> None:
        self._name, self._about, self._labels, self._bounds = name, about, labels, bounds
        self._counts: dict[Labels, list[int]] = {}
        self._totals: dict[Labels, float] = {}

    def add(self, value: float, *of: str) -> None:
        """One more, for these values of the labels."""
        counts = self._counts.get(of)
        if counts is None:
            counts = self._counts[of] = [0] * (len(self._bounds) + 1)
            self._totals[of] = 0.0
        counts[bisect_left(self._bounds, value)] += 1
        self._totals[of] += value

    def read(self) -> Figure:
        """As it stands."""
        spreads = tuple(
            Spreading(labels=of, counts=tuple(counts), total=self._totals[of]) for of, counts in self._counts.items()
        )
        return Figure(
            name=self._name, kind="histogram", about=self._about, labels=self._labels, bounds=self._bounds,
            spreads=spreads,
        )  # fmt: skip


def plain(sources: Iterable[Source]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(source.read()) for source in sources]


def figure(told: Mapping[str, Any]) -> Figure:
    """Read what plain() wrote.

    Raises: KeyError, TypeError, ValueError when it is something else.
    """
    return Figure(
        name=str(told["name"]),
        kind=str(told["kind"]),
        about=str(told["about"]),
        labels=tuple(map(str, told["labels"])),
        values=tuple((tuple(map(str, of)), float(value)) for of, value in told["values"]),
        bounds=tuple(map(float, told["bounds"])),
        spreads=tuple(
            Spreading(
                labels=tuple(map(str, each["labels"])),
                counts=tuple(map(int, each["counts"])),
                total=float(each["total"]),
            )
            for each in told["spreads"]
        ),
    )
