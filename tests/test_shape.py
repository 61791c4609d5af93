"""Size is a smell, not a law: what passes 400 lines a module or 60 a function is printed, twice that fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE, FUNCTION = 400, 60  # lines
FOLDERS = ("spaces_runtime", "builder", "bench", "example_spaces")


def sources() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()


def functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_and_no_function_is_twice_as_long_as_it_should_be(capsys):
    modules = {name: text.count("\n") for name, text in sources()}
    functional = {f"{name} {f}": size for name, text in sources() for f, size in functions(text)}
    smells = [f"{name}: {size} lines" for name, size in modules.items() if size > MODULE]
    smells += [f"{name}: {size} lines" for name, size in functional.items() if size > FUNCTION]
    with capsys.disabled():
        print("".join(f"\n  {smell}" for smell in smells))
    assert max(modules.values()) <= 2 * MODULE
    assert max(functional.values()) <= 2 * FUNCTION
