"""Runs an app's file as `python app.py` would, without Gradio's rewriting of its own type stubs.

That rewriting is half of Gradio's import time, and useless where the environment is read-only.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence

WRITER = "create_or_modify_pyi"  # a private name of Gradio: absent in other versions, and then nothing is changed


class StubWriterOff:
    """Lets gradio.component_meta load, then makes its stub writer do nothing."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for that one module, and only once."""
        if name != "gradio.component_meta":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            load(module)
            if hasattr(module, WRITER):
                setattr(module, WRITER, lambda *_, **__: None)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def main() -> None:
    """Become the app: argv, path and __main__ are what they would be without this file."""
    del sys.argv[0]
    path = os.path.abspath(sys.argv[0])  # noqa: PTH100 links stay, as they do for `python app.py`
    sys.path[0] = os.path.dirname(path)  # noqa: PTH120
    sys.meta_path.insert(0, StubWriterOff())
    with open(path, "rb") as file:  # noqa: PTH123
        code = compile(file.read(), path, "exec")
    app = types.ModuleType("__main__")
    app.__file__ = path
    app.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    sys.modules["__main__"] = app
    exec(code, app.__dict__)  # noqa: S102 the app is what this is for


if __name__ == "__main__":
    main()
