"""Layers as tars that we write ourselves: sorted, without times and owners of this machine, so that equal trees are
equal bytes wherever and whenever they are packed."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

TIME: Final = 315_532_800  # 1980: the oldest that zip files can tell
CHUNK: Final = 2**20  # bytes
BLOCK: Final = 512
USER: Final = 1000
PLAIN: Final = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)

Keep = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a layer. path: without a slash before it. source: a file's content, or where it lies.

    link: of a symbolic link. A folder has neither. owner: user and group.
    """

    path: str
    mode: int = 0o755
    owner: int = 0
    source: Path | bytes | None = None
    link: str = ""

    @property
    def header(self) -> tarfile.TarInfo:
        told = tarfile.TarInfo(self.path)
        told.mode, told.mtime, told.uid, told.gid = self.mode, TIME, self.owner, self.owner
        if self.link:
            told.type, told.linkname, told.mode = tarfile.SYMTYPE, self.link, 0o777
        elif self.source is None:
            told.type = tarfile.DIRTYPE
        else:
            told.size = len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size
        return told


@dataclass(frozen=True, kw_only=True)
class Layer:
    """entries: gives the same each time. told: what it is, for people. known: (digest, size), when kept from before."""

    entries: Callable[[], Iterator[Entry]]
    told: str
    known: tuple[str, int] | None = None

    @cached_property
    def _measured(self) -> tuple[str, int]:
        if self.known is not None:
            return self.known
        digest, size = sha256(), 0
        for piece in self.pieces():
            digest.update(piece)
            size += len(piece)
        return f"sha256:{digest.hexdigest()}", size

    @property
    def digest(self) -> str:
        """Of the tar, with `sha256:` before it."""
        return self._measured[0]

    @property
    def size(self) -> int:
        """Bytes of the tar."""
        return self._measured[1]

    def pieces(self) -> Iterator[bytes]:
        """The tar. Raises: OSError; RuntimeError, a file changed its size while it was read."""
        small = bytearray()
        for entry in sorted(self.entries(), key=lambda each: each.path):
            header = entry.header
            small += header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            for piece in _content(entry, header.size):
                small += piece
                if len(small) >= CHUNK:
                    yield bytes(small)
                    small.clear()
            small += bytes(-header.size % BLOCK)
        yield bytes(small) + bytes(2 * BLOCK)


def _content(entry: Entry, size: int) -> Iterator[bytes]:
    if isinstance(entry.source, bytes):
        yield entry.source
    elif entry.source is not None:
        left = size
        with entry.source.open("rb") as file:
            while left and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
            if left or file.read(1):
                raise RuntimeError(f"{entry.source} changed while it was packed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A layer that somebody else packed: a tar in a file. told: as in Layer."""

    file: Path
    digest: str
    told: str = ""

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def pieces(self) -> Iterator[bytes]:
        with self.file.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece


def packed(file: Path, told: str) -> Packed:
    """Take its digest."""
    with file.open("rb") as content:
        return Packed(file=file, digest=f"sha256:{file_digest(content, 'sha256').hexdigest()}", told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of this machine as entries below `at`. keep: by relative path. changed: a file's content, if another."""

    root: Path
    at: str
    owner: int = 0
    keep: Keep = field(default=lambda _: True)
    changed: Callable[[str, Path], bytes | None] = field(default=lambda _, __: None)

    def __call__(self) -> Iterator[Entry]:
        """Itself, and everything below it that is a file, a folder or a link."""
        yield Entry(path=self.at, owner=self.owner)
        for place, folders, files in os.walk(self.root):
            links = [name for name in folders if Path(place, name).is_symlink()]
            relative = os.path.relpath(place, self.root)
            inner = "" if relative == "." else f"{relative}/"
            folders[:] = [name for name in folders if name not in links and self.keep(f"{inner}{name}")]
            yield from (Entry(path=f"{self.at}/{inner}{name}", owner=self.owner) for name in folders)
            for name in (*files, *links):
                if self.keep(f"{inner}{name}"):
                    yield from self._entry(f"{inner}{name}")

    def _entry(self, path: str) -> Iterator[Entry]:
        at = self.root / path
        told = at.lstat()
        if stat.S_ISLNK(told.st_mode):
            yield Entry(path=f"{self.at}/{path}", owner=self.owner, link=os.readlink(at))  # noqa: PTH115 as it is written
        elif stat.S_ISREG(told.st_mode):
            mode = 0o755 if told.st_mode & stat.S_IXUSR else 0o644
            content = self.changed(path, at)
            yield Entry(
                path=f"{self.at}/{path}", owner=self.owner, mode=mode, source=at if content is None else content
            )
