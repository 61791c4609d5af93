"""What the keys of a model's or dataset's front matter may hold. Pure.

Unknown keys are the author's own. Errors are for what clients and listings could not read; a likely slip is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from builder.faults import ConfigError, shown
from builder.frontmatter import FILE, Entry, Plain
from builder.rules import REPO, Rule, license_rule

RELATIONS: Final = ("finetune", "adapter", "merge", "quantized")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*|code|multilingual")
RESULT: Final = (("task", ("type",)), ("dataset", ("type", "name")))  # what each result of a model-index must say
METRIC: Final = ("type", "value")


def _fault(entry: Entry, found: str, then: str = "", *, line: int = 0) -> ConfigError:
    return ConfigError(file=FILE, line=line or entry.line, found=found, then=then)


def _word(value: Plain) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip() != ""


def _text(key: str, entry: Entry) -> ConfigError | None:
    return None if _word(entry.value) else _fault(entry, f"{key} is {shown(entry.value)}", f'"{key}" must be a string.')


def _words(key: str, entry: Entry) -> ConfigError | None:
    """One word, or a list of them."""
    return _text(key, entry) if not isinstance(entry.value, list) else _list(key, entry)


def _list(key: str, entry: Entry) -> ConfigError | None:
    if not isinstance(entry.value, list):
        return _fault(entry, f"{key} is {shown(entry.value)}", f'"{key}" must be an array of strings.')
    for at, (item, line) in enumerate(zip(entry.value, entry.lines, strict=True)):
        if not _word(item):
            return _fault(entry, f"{key} holds {shown(item)}", f'"{key}[{at}]" must be a string.', line=line)
    return None


def _bases(key: str, entry: Entry) -> ConfigError | None:
    if (wrong := _words(key, entry)) is not None:
        return wrong
    values = entry.value if isinstance(entry.value, list) else [entry.value]
    bad = next((value for value in values if not REPO.fullmatch(str(value))), None)
    then = f'"{key}" must be the id of a model, such as owner/name, or a list of them.'
    return None if bad is None else _fault(entry, f"{key} is {shown(bad)}", then)


def _relation(key: str, entry: Entry) -> ConfigError | None:
    fine = entry.value in RELATIONS
    then = f'"{key}" must be one of [{", ".join(RELATIONS)}].'
    return None if fine else _fault(entry, f"{key} is {shown(entry.value)}", then)


def _index(key: str, entry: Entry) -> ConfigError | None:
    """The clients' EvalResult needs each of these, and drops the whole card's results without."""
    missing = next(_missing(entry.value, key), None)
    return None if missing is None else _fault(entry, f"{key} is not whole", missing)


def _missing(index: Plain, key: str) -> Iterator[str]:
    if not isinstance(index, list):
        yield f'"{key}" must be an array.'
        return
    for m, model in enumerate(index):
        place = f"{key}[{m}]"
        if not isinstance(model, dict) or not _word(model.get("name")):
            yield f'"{place}.name" is required.'
            return
        found = model.get("results")
        if not isinstance(found, list):
            yield f'"{place}.results" must be an array.'
            return
        for r, result in enumerate(found):
            yield from _missing_in_result(result, f"{place}.results[{r}]")


def _missing_in_result(result: Plain, place: str) -> Iterator[str]:
    if not isinstance(result, dict):
        yield f'"{place}" must be an object.'
        return
    for part, keys in RESULT:
        inner = result.get(part)
        for key in keys:
            if not isinstance(inner, dict) or not _word(inner.get(key)):
                yield f'"{place}.{part}.{key}" is required.'
    metrics = result.get("metrics")
    if not isinstance(metrics, list):
        yield f'"{place}.metrics" must be an array.'
        return
    for n, metric in enumerate(metrics):
        for key in METRIC:
            if not isinstance(metric, dict) or metric.get(key) is None:
                yield f'"{place}.metrics[{n}].{key}" is required.'


SHARED: Final[dict[str, Rule]] = {
    "license": license_rule,
    "license_name": _text,
    "license_link": _text,
    "language": _words,
    "tags": _list,
    "thumbnail": _text,
}
RULES: Final[Mapping[str, Mapping[str, Rule]]] = MappingProxyType(
    {
        "model": {
            **SHARED,
            "library_name": _text,
            "pipeline_tag": _text,
            "datasets": _words,
            "metrics": _words,
            "base_model": _bases,
            "base_model_relation": _relation,
            "model-index": _index,
        },
        "dataset": {
            **SHARED,
            "pretty_name": _text,
            "task_categories": _words,
            "task_ids": _words,
            "size_categories": _words,
            "annotations_creators": _words,
            "language_creators": _words,
            "multilinguality": _words,
            "source_datasets": _words,
        },
    }
)


def check(kind: str, entries: Mapping[str, Entry]) -> tuple[ConfigError, ...]:
    """Every wrong value, in the order of the file. A key left empty counts as absent. kind: model or dataset."""
    rules = RULES[kind]
    found = (rules[key](key, entry) for key, entry in entries.items() if key in rules and entry.value is not None)
    return tuple(error for error in found if error is not None)


def warnings(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """What works, but will not be found as its author may think."""
    entry = entries.get("language")
    values = entry.value if entry is not None and isinstance(entry.value, list) else [entry.value if entry else None]
    odd = [value for value in values if isinstance(value, str) and not LANGUAGE.fullmatch(value)]
    if entry is None or not odd:
        return ()
    return (f"{FILE} line {entry.line}: language is {shown(odd[0])}. It is looked for by codes such as en or deu.",)
