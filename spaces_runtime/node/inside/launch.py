"""Runs an app's file as `python app.py` would, without what Gradio does beside it and an idle Space pays for."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

PAUSE = 0.005  # seconds between looks of Gradio's queue at itself; its own 1 ms costs 7 % of a core for an idle app


def no_stubs(module: types.ModuleType) -> None:
    """Rewriting its own type stubs is half of Gradio's import time, and useless where the environment is read-only."""
    if hasattr(module, "create_or_modify_pyi"):
        vars(module)["create_or_modify_pyi"] = lambda *_, **__: None


def no_reload_server(module: types.ModuleType) -> None:
    """It reads and writes the app's files for whoever asks, ticks, and nobody can reach it here.

    Gradio asks this one module for the Space only to decide on that server.
    """
    if hasattr(module, "get_space"):
        vars(module)["get_space"] = lambda: None


def calm_queue(module: types.ModuleType) -> None:
    """An idle app must look idle."""
    queue = getattr(module, "Queue", None)
    if queue is None:
        return
    begin = queue.__init__

    def begun(self: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401 whatever this version takes
        begin(self, *args, **options)
        if getattr(self, "sleep_when_free", PAUSE) < PAUSE:
            self.sleep_when_free = PAUSE

    queue.__init__ = begun


QUIET = {  # private parts of Gradio: absent in other versions, and then nothing is changed
    "gradio.component_meta": no_stubs,
    "gradio.http_server": no_reload_server,
    "gradio.queueing": calm_queue,
}


class Quieter:
    """Lets these modules load, then changes them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for those modules; every other finder is asked as ever."""
        if name not in QUIET:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module
        change = QUIET[name]

        def exec_module(module: types.ModuleType) -> None:
            load(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def main() -> None:
    """Become the app: argv, path and __main__ are what they would be without this file."""
    del sys.argv[0]
    path = os.path.abspath(sys.argv[0])  # noqa: PTH100 links stay, as they do for `python app.py`
    sys.path[0] = os.path.dirname(path)  # noqa: PTH120
    sys.meta_path.insert(0, Quieter())
    with open(path, "rb") as file:  # noqa: PTH123
        code = compile(file.read(), path, "exec")
    app = types.ModuleType("__main__")
    app.__file__ = path
    app.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    sys.modules["__main__"] = app
    exec(code, app.__dict__)  # noqa: S102 the app is what this is for


if __name__ == "__main__":
    main()
