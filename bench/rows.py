"""The form every benchmark speaks."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. unit: ms for wake.*, s for push.* and engine.*, else named.

    rival: what it is compared with, measured in the same run. ratio: value / rival_value.
    target: words, with the number that `holds` was judged by. note: what makes the figure mean something.
    """

    name: str
    value: float
    unit: str
    rival: str
    rival_value: float | None
    ratio: float | None
    target: str
    holds: bool
    note: str = ""


def at_most(limit: float) -> tuple[Callable[[float, float], bool], float]:
    """The value may not be more."""
    return operator.le, limit


def at_least(limit: float) -> tuple[Callable[[float, float], bool], float]:
    """The value may not be less."""
    return operator.ge, limit


def row(
    name: str, value: float, unit: str, *, rival: str, rival_value: float | None, target: str,
    judge: tuple[Callable[[float, float], bool], float], of: float | None = None, note: str = "",
) -> Row:  # fmt: skip
    """Judge and round. of: the figure that is judged, where it is not the value itself."""
    compare, limit = judge
    ratio = value / rival_value if rival_value else None
    return Row(
        name=name,
        value=round(value, 3),
        unit=unit,
        rival=rival,
        rival_value=None if rival_value is None else round(rival_value, 3),
        ratio=None if ratio is None else round(ratio, 3),
        target=target,
        holds=compare(value if of is None else of, limit),
        note=note,
    )


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def table(rows: Iterable[Row]) -> str:
    """For the screen."""
    head = ("name", "value", "", "rival", "its value", "ratio", "target", "holds")
    body = [
        (
            *(r.name, f"{r.value:g}", r.unit, r.rival),
            *("-" if r.rival_value is None else f"{r.rival_value:g}", "-" if r.ratio is None else f"{r.ratio:g}"),
            *(r.target, "yes" if r.holds else "NO"),
        )
        for r in rows
    ]
    widths = [max(len(line[n]) for line in (head, *body)) for n in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, *body)]
    notes = [f"{r.name}: {r.note}" for r in rows if r.note] if isinstance(rows, list) else []
    return "\n".join([*(line.rstrip() for line in lines), *notes])


def write(rows: Iterable[Row], file: Path) -> None:
    """As JSON."""
    file.write_text(json.dumps([asdict(r) for r in rows], indent=2) + "\n")
