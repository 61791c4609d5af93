"""What a Space's image consists of, a layer each: the Python, the environment, what was preloaded, the code."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from builder.environment import UNCOMPILED
from builder.image import serve
from builder.image.layer import TIME, USER, Entry, Folder, Layer
from builder.python import Python

HOME: Final = "home/user"
SERVER: Final = "/serve.py"
CACHES: Final = ("uv_cache.json", "direct_url.json")  # of uv's own: they name this machine's folders and times
IDLE: Final = ("idlelib", "ensurepip", "site-packages", "lib2to3", "turtledemo")  # of a Python's library
TESTS: Final = ("test", "tests")
BYTECODE: Final = "__pycache__"
STAMP: Final = slice(8, 12)  # bytes of a file of bytecode: when its source was changed; PEP 552


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
    library = prefix / "lib" / own
    keep, changed = partial(_of_library, library, own), _bytecode
    yield from Folder(root=library, at=f"{at}/lib/{own}", keep=keep, changed=changed)()


def _of_library(root: Path, own: str, path: str) -> bool:
    names = path.split("/")
    if names[0] in IDLE or names[0].startswith("config-") or any(name in TESTS for name in names):
        return False
    return BYTECODE not in names or names[-1] == BYTECODE or _is_fresh(root / path, own)


def _is_fresh(at: Path, own: str) -> bool:
    """Bytecode that Python would take for its source."""
    tag = f".cpython-{own.removeprefix('python').replace('.', '')}.pyc"
    source = at.parent.parent / f"{at.name.removesuffix(tag)}.py"
    if not at.name.endswith(tag) or not source.is_file():
        return False
    told = source.stat()
    with at.open("rb") as file:
        head = file.read(16)
    stamps = (0, int(told.st_mtime) & 0xFFFFFFFF, told.st_size & 0xFFFFFFFF)
    return struct.unpack("<III", head[4:]) == stamps if len(head) == 16 else False  # noqa: PLR2004


def _bytecode(path: str, at: Path) -> bytes | None:
    """Of the time that its source has in the layer: else it would be compiled again at each start."""
    if not path.endswith(".pyc"):
        return None
    content = bytearray(at.read_bytes())
    content[STAMP] = struct.pack("<I", TIME)
    return bytes(content)


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
