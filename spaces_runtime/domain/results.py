"""A model's evaluation results: `model-index` in its card, and the files in `.eval_results`. Pure.

A broken entry of the card is left out; a broken file says what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from builder.frontmatter import plain_yaml
from spaces_runtime.domain.plain import Plain, mapping, text

MOST: Final = 200  # rows of a card, or of the files
FOLDER: Final = ".eval_results/"
NOT_WHOLE: Final = "an entry needs dataset.id, dataset.task_id and value"


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


def is_results(path: str) -> bool:
    """Whether this file of a repo holds results."""
    return path.startswith(FOLDER) and path.endswith((".yaml", ".yml"))


def filed(path: str, content: bytes) -> list[dict[str, Plain]]:
    """The entries of one file as clients read them: `{filename, data}`, or `{filename, error}`."""
    named: dict[str, Plain] = {"filename": path}
    try:
        read = plain_yaml(content.decode())
    except ValueError as error:
        return [named | {"error": str(error)}]
    entries = read if isinstance(read, list) else [read]
    return [named | ({"data": each} if _whole(each) else {"error": NOT_WHOLE}) for each in entries][:MOST]


def shown(entry: Plain) -> Result:
    """An entry of a file, as the card's results are shown."""
    parts = mapping(mapping(entry).get("data"))
    dataset = mapping(parts.get("dataset"))
    named = text(dataset.get("id"))
    return Result(
        task=text(dataset.get("task_id")),
        dataset=named,
        dataset_id=named,
        split="",
        metric=text(parts.get("notes")),
        value=_value(parts.get("value")),
    )


def _whole(entry: Plain) -> bool:
    parts = mapping(entry)
    dataset = mapping(parts.get("dataset"))
    return all(text(dataset.get(key)) for key in ("id", "task_id")) and parts.get("value") is not None


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
