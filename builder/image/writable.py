"""Where in an image its app expects to write: the folders that belong to user 1000, or to everybody."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

USER: Final = 1000
EVERYBODY: Final = 0o002
BUFFER: Final = 2**20
OTHERS: Final = ("tmp", "dev", "proc", "sys", "run")  # of these every container gets its own


@dataclass(frozen=True, slots=True)
class Folder:
    """path: from the image's root, without a slash before it. user: its owner."""

    path: str
    user: int
    mode: int


def writable(tree: Iterable[bytes]) -> tuple[str, ...]:
    """The top-most ones, absolute. tree: an image's whole tree as a tar, in pieces; only its headers are looked at."""
    with tarfile.open(fileobj=_Pieces(iter(tree)), mode="r|", bufsize=BUFFER) as packed:
        return meant(_folders(packed))


def meant(folders: Iterable[Folder]) -> tuple[str, ...]:
    """The same of all folders of an image."""
    return top(
        folder.path
        for folder in folders
        if (folder.user == USER or folder.mode & EVERYBODY) and folder.path.split("/", 1)[0] not in OTHERS
    )


def _folders(packed: tarfile.TarFile) -> Iterator[Folder]:
    for member in packed:
        packed.members.clear()  # type: ignore[attr-defined]  # else each of a million headers is kept
        path = member.name.strip("/").removeprefix("./")
        if member.isdir() and path not in ("", "."):
            yield Folder(path, member.uid, member.mode)


def top(paths: Iterable[str]) -> tuple[str, ...]:
    """Those that lie in no other, with a slash before them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda each: each.split("/")):
        if not kept or not path.startswith(f"{kept[-1]}/"):
            kept.append(path)
    return tuple(f"/{path}" for path in kept)


class _Pieces(io.RawIOBase):
    """Pieces read as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As many as there are in the next pieces, up to `size`; less only at the end."""
        parts: list[bytes] = []
        wanted = size if size >= 0 else 2**62
        while wanted:
            if not self._left:
                self._left = memoryview(next(self._pieces, b""))
                if not self._left:
                    break
            parts.append(bytes(self._left[:wanted]))
            wanted -= len(parts[-1])
            self._left = self._left[len(parts[-1]) :]
        return b"".join(parts)
