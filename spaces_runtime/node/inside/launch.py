"""Runs an app's file as `python app.py` would, without what Gradio does beside it and an idle Space pays for."""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

Load = Callable[[types.ModuleType], None]  # runs a module's code
Change = Callable[[types.ModuleType], None]
Hook = Callable[[Load, types.ModuleType], None]

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


class Later(types.ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever it holds
        self.leave()
        return getattr(importlib.import_module(self.__name__), name)

    def leave(self) -> None:
        """Whoever imports it from now on gets the real one."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def without_garbage(load: Load, module: types.ModuleType) -> None:
    """What a package makes as it loads stays: to look through it for garbage again and again takes a tenth of it."""
    gc.disable()
    try:
        load(module)
    finally:
        gc.freeze()  # else the next collection looks through all of it
        gc.enable()


def without_pandas(load: Load, module: types.ModuleType) -> None:
    """Gradio uses it to tell tables apart that an app asks it to cache; it is an eighth of Gradio's import time."""
    if "pandas" in sys.modules:
        load(module)
        return
    later = sys.modules["pandas"] = Later("pandas")
    try:
        load(module)
    finally:
        later.leave()


def without_mcp(load: Load, module: types.ModuleType) -> None:
    """Only apps that are MCP servers use it; an eighth of Gradio's import time.

    Gradio does without where it is not installed. When its one class that cannot is asked for, all is loaded again.
    """

    def missing(name: str) -> Any:  # noqa: ANN401 a class
        if name == "GradioMCPServer" and name not in vars(module):
            load(module)
        try:
            return vars(module)[name]
        except KeyError:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None

    able = "mcp" not in sys.modules
    if able:
        sys.modules["mcp"] = None  # type: ignore[assignment] # whoever imports it now gets an ImportError
        try:
            load(module)
        except ImportError:  # a version that cannot do without
            able = False
        finally:
            del sys.modules["mcp"]
    if able and vars(module).pop("GradioMCPServer", None) is not None:
        vars(module)["__getattr__"] = missing
    else:
        load(module)


def then(change: Change) -> Hook:
    """Let it load, then change it."""

    def loaded(load: Load, module: types.ModuleType) -> None:
        load(module)
        change(module)

    return loaded


HOOKS: dict[str, Hook] = {  # private parts of Gradio: absent in other versions, and then nothing is changed
    "gradio": without_garbage,
    "gradio.caching": without_pandas,
    "gradio.component_meta": then(no_stubs),
    "gradio.http_server": then(no_reload_server),
    "gradio.mcp": without_mcp,
    "gradio.queueing": then(calm_queue),
}


class Quieter:
    """Has a say while these modules load."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for those modules; every other finder is asked as ever."""
        if name not in HOOKS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load, hook = spec.loader.exec_module, HOOKS[name]

        def exec_module(module: types.ModuleType) -> None:
            hook(load, module)

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
