"""Files of a bucket: paths with content, without a history. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.paths import checked

EMPTY: Final = Sha256("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")  # of no bytes at all
NOTHING: Final = "0" * 64  # what Xet clients call it


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFile:
    """A file. xet: what clients call its content. modified_at: as its sender says, Unix seconds; None: he does not."""

    path: str
    xet: str
    sha256: Sha256
    size: int
    modified_at: float | None
    uploaded_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFolder:
    """There because something lies below it. uploaded_at: of the newest that the listing looked at."""

    path: str
    uploaded_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a bucket has proven to hold."""

    xet: str
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Put this content at path."""

    path: str
    content: Content
    modified_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Remove the file at path."""

    path: str


BucketChange = Put | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one change of many was not made."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a bucket has. size: bytes. changed_at: Unix seconds; None: it never had a file."""

    files: int = 0
    size: int = 0
    changed_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of some changes: files to be written, paths to be removed, and what is not done."""

    written: Mapping[str, Put]
    removed: frozenset[str]
    refused: tuple[Refusal, ...]


def parents(path: str) -> list[str]:
    """The folders above a path, top first."""
    return list(accumulate(path.split("/")[:-1], lambda above, name: f"{above}/{name}"))


def is_text(value: str) -> bool:
    """A database can be asked for it; JSON and addresses can carry what no file is called."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def decide(changes: Sequence[BucketChange], files: Collection[str], folders: Collection[str]) -> Outcome:
    """Make the changes one after the other.

    files: which of the paths that are changed, and of the folders above them, are files now.
    folders: which of the paths that are put have files below them now.
    """
    written: dict[str, Put] = {}
    removed: set[str] = set()
    refused: list[Refusal] = []
    below = _Below(files, folders)
    for change in changes:
        if why := _fault(change, below):
            refused.append(Refusal(path=change.path, why=why))
        elif isinstance(change, Put):
            below.put(change.path)
            written[change.path] = change
            removed.discard(change.path)
        else:
            below.drop(change.path)
            written.pop(change.path, None)
            removed.add(change.path)
    return Outcome(written=written, removed=frozenset(removed & set(files)), refused=tuple(refused))


class _Below:
    """Which paths are files, and which have files below them, while changes are made."""

    def __init__(self, files: Iterable[str], folders: Iterable[str]) -> None:
        self.files = set(files)
        self._before = set(folders)
        self._new: dict[str, set[str]] = {}  # folder: what was put below it just now

    def is_folder(self, path: str) -> bool:
        return path in self._before or bool(self._new.get(path))

    def put(self, path: str) -> None:
        self.files.add(path)
        for above in parents(path):
            self._new.setdefault(above, set()).add(path)

    def drop(self, path: str) -> None:
        self.files.discard(path)
        for above in parents(path):
            self._new.get(above, set()).discard(path)


def _fault(change: BucketChange, below: _Below) -> str:
    if isinstance(change, Drop):
        return "" if change.path in below.files else "There is no such file"
    try:
        checked(change.path)
    except Invalid as fault:
        return str(fault)
    if above := next((path for path in parents(change.path) if path in below.files), None):
        return f"{above} is a file, so nothing can lie below it"
    return "There is a folder of this name" if below.is_folder(change.path) else ""


def entry_of(file: BucketFile, prefix: str) -> BucketFile | BucketFolder:
    """How a file whose path begins with `prefix` shows in a listing that does not go down into folders.

    The prefix is text, so `logs` also finds `logs.json`; what lies in the folder logs is listed as it is there.
    """
    after = len(prefix) + file.path[len(prefix) :].startswith("/")
    name, slash, _ = file.path[after:].partition("/")
    if not slash:
        return file
    return BucketFolder(path=file.path[:after] + name, uploaded_at=file.uploaded_at)
