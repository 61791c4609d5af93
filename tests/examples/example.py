"""The example's modules. Its folder is a repo of its own and no package, so they are loaded by their files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "example_spaces" / "movie-genres"


def module(name: str) -> ModuleType:
    """One of them, under a name that clashes with nothing."""
    spec = importlib.util.spec_from_file_location(f"movie_genres_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded
