"""What a Space's image consists of, a layer each: the Python, the environment, what was preloaded, the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from builder.environment import UNCOMPILED
from builder.image import serve
from builder.image.layer import USER, Entry, Folder, Layer
from builder.python import Python

HOME: Final = "home/user"
SERVER: Final = "/serve.py"
CACHES: Final = ("uv_cache.json", "direct_url.json")  # of uv's own: they name this machine's folders and times
IDLE: Final = ("test", "idlelib", "ensurepip", "site-packages", "lib2to3", "turtledemo")  # of a Python's library
BYTECODE: Final = "__pycache__"


def environment(folder: Path, kept: Path) -> Layer:
    """An environment as /env. kept: where its digest is remembered; an environment never changes once it is whole."""
    layer = Layer(entries=Folder(root=folder, at="env", keep=_of_environment, changed=_record), told="environment")
    return _remembered(layer, kept / f"{folder.name}.json", whole=not (folder / UNCOMPILED).exists())


def interpreter(python: Python, kept: Path) -> Layer:
    """The Python that an environment stands on, at the same path, and as much of its folder as it needs to run."""
    prefix = Path(python.prefix)
    own = f"python{python.minor}"
    layer = Layer(entries=partial(_interpreter, prefix, own), told=f"Python {python.version}")
    name = re.sub(r"[^A-Za-z0-9]", "-", f"{python.prefix}-{python.version}").strip("-")
    return _remembered(layer, kept / f"{name}.json")


def preloaded(folder: Path) -> Layer:
    """Where the Hub's clients look for it."""
    return Layer(entries=partial(_preloaded, folder), told="preloaded repos")


def code(folder: Path) -> Layer:
    """The revision as /app, which belongs to user 1000."""
    return Layer(entries=partial(_code, folder), told="code")


def server() -> Layer:
    """What serves the files of a static Space."""
    source = Path(serve.__file__)
    return Layer(entries=lambda: iter((Entry(path=SERVER[1:], mode=0o644, source=source),)), told="server of files")


def _of_environment(path: str) -> bool:
    return PurePosixPath(path).name not in (*CACHES, UNCOMPILED, ".lock")


def _record(path: str, at: Path) -> bytes | None:
    """A package's list of its files, without those that are left out."""
    if not path.endswith(".dist-info/RECORD"):
        return None
    lines = at.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not any(f"/{name},".encode() in line for name in CACHES))


def _interpreter(prefix: Path, own: str) -> Iterator[Entry]:
    at = str(prefix).strip("/")
    parents = [str(parent) for parent in PurePosixPath(at).parents][:-1]
    yield from (Entry(path=path) for path in (*parents, at, f"{at}/bin", f"{at}/lib"))
    names = [f"bin/{own}", *(f"lib/{path.name}" for path in sorted((prefix / "lib").glob("libpython3*.so*")))]
    for name in names:
        path = prefix / name
        if path.is_symlink():
            yield Entry(path=f"{at}/{name}", link=str(path.readlink()))
        else:
            yield Entry(path=f"{at}/{name}", source=path)
    yield from Folder(root=prefix / "lib" / own, at=f"{at}/lib/{own}", keep=_of_library)()


def _of_library(path: str) -> bool:
    first = path.split("/", 1)[0]
    return first not in IDLE and not first.startswith("config-") and "/tests" not in path and BYTECODE not in path


def _preloaded(folder: Path) -> Iterator[Entry]:
    hub = f"{HOME}/.cache/huggingface/hub"
    above = [str(parent) for parent in PurePosixPath(hub).parents][: -len(PurePosixPath(HOME).parts) - 1]
    yield from (Entry(path=path, owner=USER) for path in above)
    yield from Folder(root=folder, at=hub, owner=USER)()


def _code(folder: Path) -> Iterator[Entry]:
    yield Entry(path=f"{HOME}/app", link="/app", owner=USER)
    yield from Folder(root=folder, at="app", owner=USER, keep=lambda path: path != ".git")()


def _remembered(layer: Layer, file: Path, *, whole: bool = True) -> Layer:
    """With the digest that was taken before; else it is taken now, and kept."""
    try:
        told = json.loads(file.read_text())
        known = (str(told["digest"]), int(told["size"]))
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known is None and whole:
        known = (layer.digest, layer.size)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"digest": known[0], "size": known[1]}))
        new.rename(file)
    return Layer(entries=layer.entries, told=layer.told, known=known)
