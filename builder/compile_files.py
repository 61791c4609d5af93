"""Started by a base interpreter as `python -I -S compile_files.py N`: compiles what standard input names.

Any Python from 3.8 on runs this; it imports nothing but the standard library, and never what it compiles. What an app
imports at its start comes first: apps start from this environment meanwhile.
"""

import json
import marshal
import multiprocessing
import os
import sys
import types
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait  # noqa: F401 in a comment
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: by hash, and trusted without a look at the source
UNFIT = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)
LONGEST = 2000000  # bytes of an app's file that is looked into
MOST = 200  # files of an app that are looked into


class Line:
    """What is to be compiled, in which order. wanted: dotted names, those of likely use unknown yet."""

    def __init__(self, wanted: "list[str]", first: "list[str]") -> None:
        self._left = dict.fromkeys(wanted)
        self._soon = deque(name for name in first if name in self._left)

    def take(self) -> "str | None":
        """The next; None: nothing is left."""
        while self._soon:
            name = self._soon.popleft()
            if name in self._left:
                del self._left[name]
                return name
        last = next(iter(self._left), None)
        if last is not None:
            del self._left[last]
        return last

    def found(self, module: str, names: "list[str]") -> None:
        """These words stand at the top of a module. Those that are modules, seen from there, come next, in order."""
        above = [module[: at or len(module)] for at in _dots(module)]
        likely = [full for word in names for base in ("", *above) for full in _parents(f"{base}.{word}".strip("."))]
        self._soon.extendleft(reversed([name for name in dict.fromkeys(likely) if name in self._left]))


def _dots(module: str) -> "list[int]":
    """Where to cut a name for its package and those above; 0: the whole of it, which may be a package itself."""
    return [0, *(at for at in range(len(module) - 1, 0, -1) if module[at] == ".")]


def _parents(name: str) -> "list[str]":
    """`a.b.c` needs a, a.b and itself, in this order."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def imported(app: str) -> "list[str]":
    """Words of an app's files that may be modules: what runs at its start before what its functions import."""
    top = []  # type: list[str]
    inner = []  # type: list[str]
    for path in files_of(Path(app)):
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except UNFIT:
            continue
        top += code.co_names
        inner += [name for part in nested(code) for name in part.co_names]
    return [name for word in (*top, *inner) for name in _parents(word)]


def files_of(app: Path) -> "list[Path]":
    """The app's file, and the modules beside it."""
    beside = sorted(path for path in app.parent.glob("*.py") if path != app)
    return [path for path in (app, *beside) if path.is_file() and path.stat().st_size < LONGEST][:MOST]


def nested(code: types.CodeType) -> "list[types.CodeType]":
    """The functions and classes in it, at every depth."""
    own = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return [inner for part in own for inner in (part, *nested(part))]


def compile_one(source: str, kept: str, place: str, shown: str) -> "list[str]":
    """Compile into the cache, whole or not at all, and link from there. The words that stand at the top.

    A file that is no valid Python here stays without bytecode; it is not our business to judge it.
    """
    target = Path(kept)
    new = target.with_name(target.name + ".new")
    try:
        text = Path(source).read_bytes()
        code = compile(text, shown, "exec", dont_inherit=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(MAGIC_NUMBER + UNCHECKED + source_hash(text) + marshal.dumps(code))
        new.chmod(0o444)
        new.rename(target)
    except UNFIT:
        return []
    with suppress(OSError):  # it has it already, or was removed meanwhile
        os.link(kept, place)
    return list(code.co_names)


def main(jobs: int) -> None:
    """Standard input: JSON. modules: dotted name → source, its place in the cache, in the environment, path to show."""
    told = json.load(sys.stdin)
    modules = told["modules"]
    line = Line(list(modules), imported(told["app"]) if told["app"] else [])
    running = {}  # type: dict[Future[list[str]], str]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        while True:
            while len(running) < jobs + 1:
                name = line.take()
                if name is None:
                    break
                running[pool.submit(compile_one, *modules[name])] = name
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                line.found(running.pop(done), done.result())


if __name__ == "__main__":
    main(int(sys.argv[1]))
