"""What is to be installed: the repo's requirement files and the platform's own list. Pure.

pip's format with its options. What is no wheel is named apart: it is built in a sandbox of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

from packaging.utils import canonicalize_name

from builder import origin
from builder.faults import BuildFailed
from builder.frontmatter import FILE
from builder.origin import Kind, Origin
from builder.recipe import Recipe, Sdk

ROOTS: Final = ("pre-requirements.txt", "requirements.txt")
KEPT: Final = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index")
INCLUDES: Final = ("-r", "--requirement", "-c", "--constraint")
CODE: Final = "${CODE}"  # stands for the checkout, where relative paths begin
LONGEST: Final = 1_000_000  # characters of one file
MOST: Final = 50  # files
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_COMMENT = re.compile(r"(^|\s)#.*$")
_EDITABLE = re.compile(r"(-e|--editable)\b")
_ADDRESS = re.compile(r"\bhttps?://[^\s'\";,]+", re.IGNORECASE)  # after git+ too
_MACHINE = re.compile(r"/|file:", re.IGNORECASE)
_OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z])(?:\s*=\s*|\s+)?(.*)")
OUTSIDE: Final = "which is a path of the machine. Name a path of this repo, such as ./wheels, or a public address."
PACKAGE: Final = ("pyproject.toml", "setup.py")  # one of them makes a folder a package
FORM: Final = "2"  # of this module's output; raised when the same files would mean something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One requirement. name: canonical, empty when it is only a URL. text: as written, without comment."""

    file: str
    line: int
    name: str
    text: str

    @property
    def place(self) -> str:
        """Where to look."""
        return f"{self.file} line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place of the web that a line names. url: as written."""

    file: str
    line: int
    url: str

    @property
    def place(self) -> str:
        """Where to look."""
        return f"{self.file} line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """files: path → text for the resolver, line for line as in the repo, every included one too; roots: where to begin.

    platform: our own requirements, one a line. asks: all of them, the platform's with the README as their file.
    local: path → fingerprint of the wheels in the repo that they name. origins: what is to be built from source first;
    in `files` stands the mark of each. addresses: all that the files name.
    """

    files: tuple[tuple[str, str], ...]
    roots: tuple[str, ...]
    platform: tuple[str, ...]
    asks: tuple[Ask, ...]
    local: tuple[tuple[str, str], ...] = ()
    origins: tuple[Origin, ...] = ()
    addresses: tuple[Address, ...] = ()
    prereleases: bool = False
    warnings: tuple[str, ...] = ()

    def digest(self, *, python: str, accelerator: str) -> str:
        """Names these inputs: while it is the same, the lock is kept. python: such as 3.11."""
        told = (FORM, self.files, self.roots, self.platform, self.local, self.prereleases, python, accelerator)
        return sha256(repr(told).encode()).hexdigest()


def platform_list(recipe: Recipe) -> tuple[str, ...]:
    """What every Space of this SDK has without asking."""
    pin = f"=={recipe.sdk_version}" if recipe.sdk_version else ""
    if recipe.sdk is Sdk.STREAMLIT:
        return (f"streamlit{pin}", "huggingface_hub", "requests")
    # `spaces` must be there: with SPACE_ID set, Gradio's reload thread fails without it
    return (
        *(f"gradio[oauth,mcp]{pin}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"),
        *("huggingface_hub", "requests"),
    )


def nothing(_: str) -> str:
    """Where no file is looked into."""
    return ""


def gather(
    recipe: Recipe,
    read: Callable[[str], str | None],
    fingerprint: Callable[[str], str] = nothing,
    contents: Callable[[str], str] = nothing,
) -> Wanted:
    """Read the requirement files. read: text of a file in the repo, None when it is not there.

    fingerprint: of a wheel, or a folder of wheels, in the repo; contents: of all that lies in a folder, or of a file.

    Raises: BuildFailed for an include or a package of the repo that is not there, and for sources nobody may fetch.
    """
    roots = tuple(root for root in ROOTS if read(root) is not None)
    reading = _Reading(read, contents)
    for root in roots:
        reading.file(root, "")
    ours = platform_list(recipe)
    line = recipe.sdk_version_line
    mine = tuple(Ask(file=FILE, line=line if n == 0 else 0, name=_name(t), text=t) for n, t in enumerate(ours))
    return Wanted(
        files=tuple(reading.files.items()),
        roots=roots,
        platform=ours,
        asks=(*reading.asks, *mine),
        local=tuple((path, fingerprint(path)) for path in sorted(reading.local)),
        origins=tuple(reading.origins),
        addresses=tuple(reading.addresses),
        prereleases=reading.prereleases,
        warnings=tuple(reading.warnings),
    )


class _Reading:
    def __init__(self, read: Callable[[str], str | None], contents: Callable[[str], str]) -> None:
        self._read, self._contents = read, contents
        self.files: dict[str, str] = {}
        self.asks: list[Ask] = []
        self.warnings: list[str] = []
        self.local: set[str] = set()
        self.origins: list[Origin] = []
        self.addresses: list[Address] = []
        self.prereleases = False

    def file(self, path: str, included_by: str) -> None:
        """One file, and all it includes."""
        if path in self.files:
            return
        text = self._read(path)
        if text is None:
            raise BuildFailed(f"{included_by} includes {path}, which is not in the repo. Add it, or drop the line.")
        if len(text) > LONGEST or len(self.files) >= MOST:
            raise BuildFailed(f"{path} is too large, or the requirement files are more than {MOST}.", file=path)
        self.files[path] = ""
        self.files[path] = "".join(self._line(path, number, lines) for number, lines in _logical(text))

    def _line(self, path: str, number: int, lines: list[str]) -> str:
        """The logical line as the resolver may have it; dropped ones leave as many empty lines, so numbers hold."""
        raw = "\n".join(lines) + "\n"
        text = _COMMENT.sub("", " ".join(line.removesuffix("\\") for line in lines)).strip()
        if not text:
            return "\n" * len(lines)
        self.addresses += [Address(file=path, line=number, url=url) for url in _ADDRESS.findall(text)]
        if text.startswith("-") and not _EDITABLE.match(text):
            return self._option(path, number, text) + "\n" * len(lines)
        built = self._built(path, number, text)
        if built:
            return built + "\n" * len(lines)
        self._own_wheel(path, number, text)
        self.asks.append(Ask(file=path, line=number, name=_name(text), text=re.split(r"\s+--", text)[0].strip()))
        return raw

    def _option(self, path: str, number: int, text: str) -> str:
        """What the resolver sees of it."""
        found = _OPTION.match(text)
        name, value = (found[1], found[2].strip().strip("'\"")) if found else (text, "")
        place = f"{path} line {number}"
        if name in INCLUDES:
            self.file(_inside(path, value, place), place)
            return text
        if name == "--pre":
            self.prereleases = True
        elif name not in KEPT:  # --no-binary too: what has a wheel is installed from it
            self.warnings.append(f"{place}: {name} is ignored; a wheel is installed where there is one.")
        if name in KEPT and _MACHINE.match(value):
            raise BuildFailed(f"{place} names {value}, {OUTSIDE}", file=path, line=number)
        if name in ("-f", "--find-links") and "://" not in value:
            folder = _inside("", value, place)
            self.local.add(folder)
            return f"--find-links {CODE}/{folder}"
        return text if name in KEPT else ""

    def _own_wheel(self, path: str, number: int, text: str) -> None:
        """A wheel of the repo counts by its content."""
        target = text.partition("@")[2].strip() if "@" in text else text
        target = target.split(";")[0].split("#")[0].strip()
        if _MACHINE.match(target):
            raise BuildFailed(f"{path} line {number} asks for {target}, {OUTSIDE}", file=path, line=number)
        local = target.startswith(".") or (target == text and "/" in target and "://" not in target)
        if local and target.endswith(".whl"):
            self.local.add(_inside("", target, f"{path} line {number}"))

    def _built(self, path: str, number: int, text: str) -> str:
        """What is no wheel: noted, and its mark with its marker in place of it. Empty: it is one, or has a version."""
        place = f"{path} line {number}"
        try:
            found = origin.read(text)
        except ValueError as error:
            raise BuildFailed(f"{place} asks for {text}, {error}.", file=path, line=number) from None
        if found is None:
            return ""
        source, marker = replace(found[0], file=path, line=number, why=f"{place} asks for it"), found[1]
        if source.kind in (Kind.FILE, Kind.FOLDER):
            source = replace(source, target=_inside("", source.target, place))
            there = any(self._read(f"{source.target}/{name}".lstrip("/")) is not None for name in PACKAGE)
            content = self._contents(source.target)
            if not (content if source.kind is Kind.FILE else there):
                missing = "is not in the repo" if source.kind is Kind.FILE else f"has no {' and no '.join(PACKAGE)}"
                raise BuildFailed(f"{place} asks for {text}, which {missing}.", file=path, line=number)
            source = replace(source, content=content)
        if _EDITABLE.match(text):
            self.warnings.append(f"{place}: {source.label} is installed as it is now; edits come with the next push.")
        self.origins.append(source)
        return f"{source.mark} {marker}".rstrip()


def _inside(path: str, value: str, place: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / value).parts:
        if part == "..":
            if not parts:
                raise BuildFailed(f"{place} includes {value}, which is outside the repo.")
            parts.pop()
        else:
            parts.append(part)
    if "://" in value or not value or value.startswith("/"):
        raise BuildFailed(f"{place} includes {value or 'nothing'}. Include a file of this repo instead.")
    return "/".join(parts)


def _logical(text: str) -> Iterator[tuple[int, list[str]]]:
    """Logical lines with the number of their first line; a backslash at the end continues one."""
    begun: list[str] = []
    start = 1
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        start = start if begun else number
        begun.append(line)
        if not line.endswith("\\"):
            yield start, begun
            begun = []
    if begun:
        yield start, begun


def _name(text: str) -> str:
    found = _NAME.match(text)
    return canonicalize_name(found[1]) if found and "://" not in text.split("@")[0] else ""
