"""Repos of the hub: models, datasets, Spaces."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256, UserId


class Kind(Enum):
    """What a repo holds; the value is the clients' word. A bucket has files without a history: it is not in git."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    BUCKET = "bucket"

    @property
    def plural(self) -> str:
        """The word in /api/ paths."""
        return self.value + "s"

    @property
    def prefix(self) -> str:
        """What stands before ns/name in web, download and git URLs."""
        return "" if self is Kind.MODEL else self.plural + "/"


GIT_KINDS: Final = (Kind.MODEL, Kind.DATASET, Kind.SPACE)


class Visibility(Enum):
    """protected (Spaces only): the app is public, the code is not."""

    PUBLIC = "public"
    PROTECTED = "protected"
    PRIVATE = "private"


class Gating(Enum):
    """Who may have the files of a repo that everybody may see: who asks (auto), or whom the owner lets (manual)."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A row of the index. head: a cache of refs/heads/main; the git ref is the truth. Times are Unix seconds.

    gated: None: whoever may see it may have its files. downloads: of files, in the last 30 days.
    """

    id: RepoId
    kind: Kind
    namespace: str
    name: str
    visibility: Visibility
    creator: UserId
    created_at: float
    updated_at: float
    head: RevisionId | None = None
    sdk: str = ""
    gated: Gating | None = None
    downloads: int = 0
    downloads_ever: int = 0
    likes: int = 0

    @property
    def full(self) -> str:
        """As clients name it."""
        return f"{self.namespace}/{self.name}"

    @property
    def private(self) -> bool:
        """The clients' bool: closed to strangers as a repo."""
        return self.visibility is Visibility.PRIVATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lfs:
    """What an LFS pointer names. size: bytes of the content; pointer_size: bytes of the pointer."""

    sha256: Sha256
    size: int
    pointer_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or folder of a tree. oid: git's own id of the blob (pointer, if LFS) or tree; size: true bytes."""

    path: str
    oid: str
    size: int
    folder: bool = False
    lfs: Lfs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """Where a large file is, or was. ref: empty when it is not in the head of main."""

    path: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit. at: Unix seconds."""

    id: RevisionId
    title: str
    message: str
    author: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A branch or tag. name: short; target: the commit, annotated tags peeled."""

    name: str
    ref: str
    target: RevisionId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFile:
    """Put this content at path. content: itself, or a file that has it."""

    path: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBlob:
    """Put an LFS pointer at path, to a blob this repo has proven to hold."""

    path: str
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Put at path what revision has at source."""

    path: str
    source: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a file, or a folder with all below it."""

    path: str
    folder: bool = False


Change = AddFile | AddBlob | Copy | Delete
