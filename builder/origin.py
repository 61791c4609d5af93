"""What has to be built from source: where its source is, and who asks for it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from packaging.utils import canonicalize_name

FILE: Final = "origin.json"
ARCHIVES: Final = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar")
_MARK: Final = "${SOURCE/%s}"  # stands in a requirement file for what is built
_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*@\s*")
_EXTRAS: Final = re.compile(r"(.*?)(\[[\w.,\s-]*\])?")
_EDITABLE: Final = re.compile(r"^(--editable|-e)(\s*=\s*|\s*)")
_SHA256: Final = re.compile(r"sha256[=:]([0-9a-f]{64})\b")
_MARKER: Final = re.compile(r"\s+;|;\s|;$|\s+--")


class Kind(Enum):
    """How its source is had."""

    INDEX = "index"  # a source distribution on an index
    ADDRESS = "address"  # an archive behind a URL
    FILE = "file"  # an archive in the repo
    GIT = "git"
    FOLDER = "folder"  # of the repo


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """target: a URL, without credentials only in `label`; of FILE and FOLDER the path in the repo.

    name: canonical, empty while only a build can tell. extras: such as `[web]`. content: a fingerprint of what lies in
    the repo. sha256: of an archive, as far as it was told. file, line: who asks. why: it is not installed as a wheel.
    """

    kind: Kind
    target: str
    name: str = ""
    extras: str = ""
    content: str = ""
    sha256: str = ""
    file: str = ""
    line: int = 0
    why: str = ""

    @property
    def key(self) -> str:
        """Names the source."""
        return sha256(repr((self.kind.value, self.target, self.content)).encode()).hexdigest()[:24]

    @property
    def mark(self) -> str:
        """Stands for it in a requirement file until it is built."""
        return _MARK % self.key

    @property
    def label(self) -> str:
        """For people."""
        parts = urlsplit(self.target)
        if self.kind is Kind.INDEX:
            return unquote(parts.path.rpartition("/")[2])
        if not parts.netloc:
            return f"./{self.target}"
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()

    @property
    def place(self) -> str:
        """Where it is asked for."""
        return f"{self.file} line {self.line}" if self.line else self.file

    def save(self, folder: Path) -> None:
        """For the next part of the build."""
        (folder / FILE).write_text(json.dumps({**asdict(self), "kind": self.kind.value}))

    @property
    def subfolder(self) -> str:
        """Below a clone, where its author says that the package lies elsewhere than at the top."""
        inside = parse_qs(urlsplit(self.target).fragment).get("subdirectory", [""])[0]
        return "" if ".." in PurePosixPath(inside).parts else inside.strip("/")


def load(folder: Path) -> Origin | None:
    """None: there is none that can be read."""
    try:
        kept = json.loads((folder / FILE).read_text())
        return Origin(**{**kept, "kind": Kind(kept["kind"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read(text: str) -> tuple[Origin, str] | None:
    """A requirement without its comment: what it is built from, and its marker with the semicolon.

    None: a wheel, or a name and a version. FILE and FOLDER: `target` as written. Raises: ValueError, a clause: it is
    somewhere that no build may look.
    """
    spec = _EDITABLE.sub("", text).strip()
    spec = spec[1:-1] if spec[:1] in ("'", '"') and spec[:1] == spec[-1:] else spec
    cut = _MARKER.search(spec)
    marker = spec[cut.start() :].strip() if cut and ";" in cut[0] else ""
    spec = spec[: cut.start()].strip() if cut else spec
    named = _NAMED.match(spec)
    name, extras = (canonicalize_name(named[1]), named[2] or "") if named else ("", "")
    target = spec[named.end() :] if named else spec
    remote = re.match(r"[a-z+]+:", target.lower()) is not None
    path = target.partition("#")[0].lower()
    if path.endswith(".whl") or not (remote or named or target.startswith((".", "/")) or _is_path(path)):
        return None
    if remote:
        kind, name = _remote(target), name or _egg(target)
    elif target.startswith("/"):
        raise ValueError("which is a folder of the machine. Name a folder of this repo, such as ./package")
    else:
        found = _EXTRAS.fullmatch(target)
        target, extras = (found[1], found[2] or extras) if found else (target, extras)
        kind = Kind.FILE if target.lower().endswith(ARCHIVES) else Kind.FOLDER
    told = _SHA256.search(text)
    return Origin(kind=kind, target=target, name=name, extras=extras, sha256=told[1] if told else ""), marker


def _is_path(text: str) -> bool:
    """As pip sees it, without a look at the disk."""
    return "/" in re.split(r"[;=<>~! \[]", text, maxsplit=1)[0] or text.endswith(ARCHIVES)


def _remote(target: str) -> Kind:
    if target.lower().startswith(("git+https://", "git+http://")):
        return Kind.GIT
    if target.lower().startswith(("https://", "http://")):
        return Kind.ADDRESS
    scheme = target.partition(":")[0]
    raise ValueError(f"and a build fetches from git+https:// and https:// addresses only, not from {scheme}:")


def _egg(target: str) -> str:
    told = parse_qs(urlsplit(target).fragment).get("egg", [""])[0]
    return canonicalize_name(told.partition("[")[0]) if told else ""
