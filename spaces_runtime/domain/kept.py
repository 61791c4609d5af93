"""Files of a bucket that a Space may write, kept in a folder on its machine: what comes down, what goes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LISTING: Final = "files.json"  # in Mount.folder: a Listing
CHANGES: Final = "changes.json"  # in a folder of Layout.written: a Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a bucket has, for the node. about: see About. at: Unix seconds of the look.

    waiting: something was still on its way into the bucket then, so the listing is older than the folder.
    files: path in the volume → sha256 of its blob.
    """

    about: About
    at: float
    waiting: bool
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whose files these are. prefix: of the bucket's paths, empty or with a slash at its end. by: on whose right."""

    space: str
    bucket: str
    prefix: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """How a file looks from outside: what is not touched keeps all of it. Times are nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A file that looked like this had this content, which the bucket has, too, or was sent."""

    sha256: str
    stamp: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A file on its way into the bucket. file: its name beside CHANGES. modified_at: Unix seconds."""

    path: str
    file: str
    sha256: str
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a Space changed. removed: path → the content it had; only that is to go."""

    about: About
    sent: tuple[Sent, ...]
    removed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """What to do in the folder."""

    fetch: frozenset[str]
    remove: frozenset[str]


def down(files: Mapping[str, str], known: Mapping[str, Known], here: Mapping[str, Stamp]) -> Down:
    """Bring the folder up to the bucket. What the Space wrote or removed, and was not yet sent, stays as it left it."""
    fetch = {
        path
        for path, sha256 in files.items()
        if (path not in here if (k := known.get(path)) is None else k.sha256 != sha256 and here.get(path) == k.stamp)
    }
    remove = {path for path, k in known.items() if path not in files and here.get(path) == k.stamp}
    return Down(fetch=frozenset(fetch), remove=frozenset(remove))


def changed(known: Mapping[str, Known], here: Mapping[str, Stamp]) -> tuple[frozenset[str], dict[str, str]]:
    """What the Space wrote; and what it removed, with the content that had."""
    written = {path for path, stamp in here.items() if (k := known.get(path)) is None or k.stamp != stamp}
    return frozenset(written), {path: k.sha256 for path, k in known.items() if path not in here}
