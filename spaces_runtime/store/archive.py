"""Where a backup lies: a folder, in which a second backup adds only what is new, or one tar file."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from bisect import bisect_left
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from spaces_runtime.domain.errors import Fault
from spaces_runtime.store.disk import room

WHAT = "write the backup"
PART = ".part"  # end of the name of what is being written


class Writer(Protocol):
    """Takes files by name. copy(): of a file whose content never changes under its name; bytes that were written."""

    def copy(self, name: str, source: Path) -> int: ...
    def write(self, name: str, content: bytes) -> None: ...
    def drop_others(self, below: str, kept: Collection[str]) -> None: ...  # of an earlier backup: first parts of names


class Reader(Protocol):
    """Gives files by name. names(): of all that lie below."""

    def names(self, below: str) -> Iterator[str]: ...
    def open(self, name: str) -> IO[bytes]: ...  # raises Fault


class FolderWriter:
    """Only its owner may read it: it has everybody's private repos."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with room(WHAT):
            root.mkdir(0o700, parents=True, exist_ok=True)

    def copy(self, name: str, source: Path) -> int:
        place, size = self._root / name, source.stat().st_size
        if place.exists() and place.stat().st_size == size:
            return 0
        with room(WHAT):
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{place.name}{PART}")
            shutil.copyfile(source, beside)
            beside.replace(place)
        return size

    def write(self, name: str, content: bytes) -> None:
        place = self._root / name
        with room(WHAT):
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{place.name}{PART}")
            beside.write_bytes(content)
            beside.chmod(0o600)
            beside.replace(place)

    def drop_others(self, below: str, kept: Collection[str]) -> None:
        for path in (self._root / below).glob("*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


class TarWriter:
    """Not compressed: what is in it is."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def copy(self, name: str, source: Path) -> int:
        with room(WHAT), source.open("rb") as file:
            told = tarfile.TarInfo(name)
            told.size, told.mode = os.fstat(file.fileno()).st_size, 0o600
            self._tar.addfile(told, file)
        return told.size

    def write(self, name: str, content: bytes) -> None:
        told = tarfile.TarInfo(name)
        told.size, told.mode = len(content), 0o600
        with room(WHAT):
            self._tar.addfile(told, io.BytesIO(content))

    def drop_others(self, below: str, kept: Collection[str]) -> None:
        """A tar file is always new."""


class FolderReader:
    """See Reader."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, below: str) -> Iterator[str]:
        for folder, _, files in os.walk(self._root / below):
            for file in files:
                if not file.endswith(PART):
                    yield str((Path(folder) / file).relative_to(self._root))

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._root / name).open("rb")
        except OSError as error:
            raise incomplete(name) from error


class TarReader:
    """See Reader. Nothing is unpacked by its name, so names cannot lead anywhere."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {member.name: member for member in tar if member.isreg()}
        self._sorted = sorted(self._members)

    def names(self, below: str) -> Iterator[str]:
        for name in self._sorted[bisect_left(self._sorted, below) :]:
            if not name.startswith(below):
                return
            yield name

    def open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        file = self._tar.extractfile(member) if member else None
        if file is None:
            raise incomplete(name)
        return file


@contextmanager
def writing(place: Path) -> Iterator[Writer]:
    """A name that ends in .tar is one file, which is there only when it is whole; any other a folder."""
    if place.suffix != ".tar":
        if place.is_file():
            raise Fault(what=f"write a backup to {place}", why="it is a file", then="Name a folder, or a .tar file.")
        yield FolderWriter(place)
        os.sync()
        return
    beside = place.with_name(f".{place.name}{PART}")
    try:
        with room(WHAT), tarfile.open(beside, "w") as tar:
            beside.chmod(0o600)
            yield TarWriter(tar)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def reading(place: Path) -> Iterator[Reader]:
    """What writing() wrote. Raises: Fault."""
    if place.is_dir():
        yield FolderReader(place)
        return
    try:
        with tarfile.open(place, "r:") as tar:
            yield TarReader(tar)
    except (OSError, tarfile.TarError) as error:
        raise Fault(what=f"read the backup {place}", why=str(error)) from error


def incomplete(name: str) -> Fault:
    """The one sentence."""
    return Fault(what="restore", why=f"{name} is missing in the backup, or cannot be read", then="Take another backup.")
