"""Many new objects made durable at once: a sync for each, one after another, would be most of a commit's time.

Blocking; for the thread that commits.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import pygit2

AT_ONCE: Final = 16  # syncs under way: file systems gather them into few writes
FIRST: Final = 100  # priority of the backend that is written to
FAST: Final = 1  # level of compression; `git gc` packs them well
KINDS: Final = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}


@contextmanager
def gathered(repo: pygit2.Repository) -> Iterator[None]:
    """What the block writes is on disk, and in its place, when the block ends; if it fails, nothing of it stays.

    Until then the objects lie in a folder of their own, named as git names such folders, so that `git gc` removes what
    a crash left. An object under its own name is always whole.
    """
    objects = Path(repo.path) / "objects"
    incoming = Path(mkdtemp(prefix="tmp_objdir-incoming-", dir=objects))
    try:
        written = _Unsynced(incoming)
        repo.odb.add_backend(written, FIRST)
        yield
        _settle(incoming, objects)
        written.forget()
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


class _Unsynced(pygit2.OdbBackend):
    """Writes loose objects and leaves the syncing to _settle(); libgit2's own backends sync each."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._written: set[str] = set()

    def write_cb(self, oid: pygit2.Oid, content: bytes, kind: int) -> None:
        name = str(oid)
        place = self._place(name)
        place.parent.mkdir(exist_ok=True)
        whole = b"%b %d\0%b" % (KINDS[kind], len(content), content)
        with place.open("wb") as file:
            file.write(zlib.compress(whole, FAST))
            os.fchmod(file.fileno(), 0o444)
        self._written.add(name)

    def exists_cb(self, oid: pygit2.Oid) -> bool:
        return str(oid) in self._written

    def read_cb(self, oid: pygit2.Oid) -> tuple[int, bytes]:
        if str(oid) not in self._written:
            raise KeyError(oid)
        head, _, content = zlib.decompress(self._place(str(oid)).read_bytes()).partition(b"\0")
        word = head.partition(b" ")[0]
        return next(kind for kind, known in KINDS.items() if known == word), content

    def read_header_cb(self, oid: pygit2.Oid) -> tuple[int, int]:
        kind, content = self.read_cb(oid)
        return kind, len(content)

    def read_prefix_cb(self, prefix: str) -> tuple[int, bytes, pygit2.Oid]:
        oid = pygit2.Oid(hex=prefix)  # what is new is asked for by its whole id
        return (*self.read_cb(oid), oid)

    def exists_prefix_cb(self, prefix: str) -> pygit2.Oid:
        raise KeyError(prefix)

    def forget(self) -> None:
        """They are found in their places now."""
        self._written.clear()

    def refresh_cb(self) -> None:
        """Nobody else writes here."""

    def _place(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:]


def _settle(incoming: Path, objects: Path) -> None:
    files = list(incoming.glob("??/*"))
    folders = {objects / file.parent.name for file in files}
    new = [folder for folder in folders if not folder.is_dir()]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sync") as pool:
        _sync(pool, files)
        for folder in new:
            folder.mkdir(exist_ok=True)
        for file in files:
            file.replace(objects / file.parent.name / file.name)
        _sync(pool, [*folders, *([objects] if new else [])])


def _sync(pool: ThreadPoolExecutor, paths: Collection[Path]) -> None:
    for _ in pool.map(_synced, paths):
        pass  # raises what failed


def _synced(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
