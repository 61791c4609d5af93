"""Which tests name which calls: read from the tests' text, without running them.

`@pytest.mark.client("HfApi.create_repo")`: it works. `@pytest.mark.refused("HfApi.list_papers")`: the hub says that it
does not offer it, and the test sees the client say so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKS = ("client", "refused")
COMMANDS = ("hf", "git", "git-lfs", "gradio")  # named with their words, all others by the last name in dots


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One call that one test names. source: the test's text."""

    works: bool
    call: str
    test: str
    path: str
    source: str

    @property
    def made(self) -> bool:
        """Whether the test's text makes the call at all."""
        kind, _, rest = self.call.partition(" ")
        words = rest.split() if kind in COMMANDS else [self.call.rpartition(".")[2]]
        at = 0
        for word in words:
            at = self.source.find(word, at)
            if at < 0:
                return False
            at += len(word)
        return True


def marks(folder: Path = ROOT / "tests") -> list[Mark]:
    """Of every test, in the order of the files."""
    return [mark for path in sorted(folder.rglob("test_*.py")) for mark in _in(path)]


def _in(path: Path) -> Iterator[Mark]:
    text = path.read_text()
    if "mark.client" not in text and "mark.refused" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                yield from _named(decorator, node, text, path.relative_to(ROOT).as_posix())


def _named(decorator: ast.expr, test: ast.FunctionDef, text: str, path: str) -> Iterator[Mark]:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return
    kind = decorator.func.attr
    if kind not in MARKS or not ast.unparse(decorator.func).startswith("pytest.mark."):
        return
    body = "\n".join(ast.get_source_segment(text, statement) or "" for statement in test.body)
    for each in decorator.args:
        assert isinstance(each, ast.Constant), f"{path}: name the calls as plain strings"
        yield Mark(works=kind == "client", call=str(each.value), test=test.name, path=path, source=body)
