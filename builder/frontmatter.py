"""The YAML block at the top of a README, with the line of each key. Pure; never runs a constructor of YAML's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from builder.faults import ConfigError

FILE: Final = "README.md"
LARGEST: Final = 256 * 1024  # characters of the block; the YAML parser takes seconds for more
NODES: Final = 20_000  # aliases make a tree larger than its text
DEEPEST: Final = 40

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of the block. line: of the key, in the README, from 1. text: a scalar as it was written, else empty.

    keys, items: the lines of a mapping's keys or a list's items, in order.
    """

    line: int
    value: Plain
    text: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The keys in the order written. errors: why there are none, or not all. present: there is a block at all."""

    entries: dict[str, Entry]
    errors: tuple[ConfigError, ...] = ()
    present: bool = True

    def plain(self) -> dict[str, Plain]:
        """The values alone, as cards and API show them."""
        return {key: entry.value for key, entry in self.entries.items()}


def front_matter(text: str) -> FrontMatter:
    """Read the block between two `---` lines at the very top of a README."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return _broken(1, "the block of settings between two --- lines is missing", present=False)
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return _broken(1, "the block of settings is not closed; end it with a line of three dashes: ---")
    block = "\n".join(lines[1:end])
    if len(block) > LARGEST:
        return _broken(1, f"the block of settings is larger than {LARGEST // 1024} KiB")
    try:
        root = yaml.compose(block, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _broken((mark.line if mark else 0) + 2, f"this is not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return _broken(2, f"this is not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deep'}")
    return _entries(root)


def plain_yaml(text: str) -> Plain:
    """Any small YAML document, read with the same care.

    Raises:
        ValueError: with what is wrong, a clause.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1024} KiB")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if root is None else _plain(root, iter(range(NODES)), 0)
    except _TooMuch:
        raise ValueError("it is too large or nested too deep") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is not YAML: {(str(error) or 'nested too deep').splitlines()[0]}") from None


def _broken(line: int, found: str, *, present: bool = True) -> FrontMatter:
    return FrontMatter(entries={}, errors=(ConfigError(file=FILE, line=line, found=found),), present=present)


def _entries(root: Node | None) -> FrontMatter:
    if root is None:
        return FrontMatter(entries={})
    if not isinstance(root, MappingNode):
        return _broken(root.start_mark.line + 2, "the block of settings must be lines of the form key: value")
    entries: dict[str, Entry] = {}
    errors: list[ConfigError] = []
    budget = iter(range(NODES))
    for name, node in root.value:
        line = name.start_mark.line + 2
        key = name.value if isinstance(name, ScalarNode) else ""
        if not key:
            errors.append(ConfigError(file=FILE, line=line, found="a key must be a word"))
        elif key in entries:
            errors.append(ConfigError(file=FILE, line=line, found=f"{key} stands twice", then="Keep one of the two."))
        else:
            try:
                entries[key] = _entry(line, node, budget)
            except _TooMuch:
                errors.append(ConfigError(file=FILE, line=line, found=f"{key} is too large or nested too deep"))
    return FrontMatter(entries=entries, errors=tuple(errors))


class _TooMuch(Exception):
    """A value grows past its limits."""


def _entry(line: int, node: Node, budget: Iterator[int]) -> Entry:
    inner: tuple[int, ...] = ()
    if isinstance(node, MappingNode):
        inner = tuple(name.start_mark.line + 2 for name, _ in node.value)
    elif isinstance(node, SequenceNode):
        inner = tuple(item.start_mark.line + 2 for item in node.value)
    text = node.value if isinstance(node, ScalarNode) else ""
    return Entry(line=line, value=_plain(node, budget, 0), text=text, lines=inner)


def _plain(node: Node, budget: Iterator[int], depth: int) -> Plain:
    if next(budget, None) is None or depth > DEEPEST:
        raise _TooMuch
    if isinstance(node, SequenceNode):
        return [_plain(item, budget, depth + 1) for item in node.value]
    if isinstance(node, MappingNode):
        return {
            (name.value if isinstance(name, ScalarNode) else str(name.tag)): _plain(item, budget, depth + 1)
            for name, item in node.value
        }
    return _scalar(node)


def _scalar(node: Node) -> Plain:
    """Booleans and numbers as YAML 1.2 has them; all else, dates and 1_000 too, stays the text it is."""
    text: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in ("true", "false"):  # YAML 1.1 also takes yes, no, on, off: words to an author
        return text.lower() == "true"
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError:
        return text
    return text
