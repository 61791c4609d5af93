"""The evaluation results in a model card: `model-index`. Pure; a broken entry is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.plain import Plain, mapping, text

MOST: Final = 200  # rows of a card


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measured value. What the author claims: nobody here has measured it."""

    task: str
    dataset: str
    dataset_id: str
    split: str
    metric: str
    value: str


def results(index: Plain) -> tuple[Result, ...]:
    """Every metric of every result, in the card's order."""
    found: list[Result] = []
    for model in _each(index):
        for result in _each(mapping(model).get("results")):
            found += _measured(result)
    return tuple(found[:MOST])


def _measured(result: Plain) -> list[Result]:
    parts = mapping(result)
    task, dataset = mapping(parts.get("task")), mapping(parts.get("dataset"))
    return [
        Result(
            task=text(task.get("name")) or text(task.get("type")),
            dataset=text(dataset.get("name")) or text(dataset.get("type")),
            dataset_id=text(dataset.get("type")),
            split=text(dataset.get("split")),
            metric=text(mapping(metric).get("name")) or text(mapping(metric).get("type")),
            value=_value(mapping(metric).get("value")),
        )
        for metric in _each(parts.get("metrics"))
        if isinstance(metric, dict)
    ]


def _value(value: Plain) -> str:
    """Numbers to four places, as tables of results have them; a text as it is."""
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, dict | list):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items()) if isinstance(value, dict) else ""
    return text(value)


def _each(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []
