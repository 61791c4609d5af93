"""Runs an app's file as `python app.py` would, without what Gradio does beside it.

Rewriting its own type stubs is half of Gradio's import time, and useless where the environment is read-only. Its
hot-reload server would be a second one that nobody can reach, and keeps an idle app busy.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence

QUIET = {  # module of Gradio → a private name in it, and what it becomes; absent in other versions: nothing is changed
    "gradio.component_meta": ("create_or_modify_pyi", lambda *_, **__: None),
    # Asked only to decide on the hot-reload server: it reads and writes the app's files for whoever asks, and ticks.
    "gradio.http_server": ("get_space", lambda: None),
}


class Quieter:
    """Lets these modules load, then makes the named parts do nothing."""

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
        attribute, instead = QUIET[name]

        def exec_module(module: types.ModuleType) -> None:
            load(module)
            if hasattr(module, attribute):
                setattr(module, attribute, instead)

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
