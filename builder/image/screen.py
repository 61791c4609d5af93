"""What of a stranger's Dockerfile BuildKit would do with the engine's own hands: fetch addresses, take images. Pure.

Steps run confined. ADD of an address, FROM, and the program that a `# syntax` line names do not: the engine itself goes
there, as the machine it stands on. So addresses are fetched by us, images are looked at first, and the syntax line is
not followed. What BuildKit gets is written anew, each instruction on one line at its old place: it reads what was read
here, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from platform import machine
from typing import Final
from urllib.parse import urlsplit

from builder.faults import BuildFailed, sentence
from builder.image.instructions import FILE, HERE

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
FETCHED: Final = ".spaces-fetched"  # folder of the context, for what ADD names by address
SCHEMES: Final = ("http://", "https://", "git://", "git@", "ssh://", "ftp://", "github.com/")
_DIRECTIVE: Final = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(.+?)\s*")
_SPECIAL: Final = re.compile(r"[$\\'\"`]")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_VARIABLE: Final = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<name>\w+)(?::(?P<how>[-+])(?P<other>[^${}]*))?\})")
_FROM: Final = re.compile(r"(?:^|,)from=([^,]*)", re.IGNORECASE)
_QUOTED: Final = re.compile(r"[\\'\"`]")
_RISKY: Final = ("ADD", "FROM", "COPY", "ONBUILD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """An address that ADD names. at: where in the context it has to lie. sha256: as its author asks; empty: any."""

    line: int
    url: str
    at: str
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An image that the engine will take. name: as it is written, variables filled in."""

    line: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """text: for BuildKit. syntax: what the syntax line asks for; empty: there is none."""

    text: str
    fetches: tuple[Fetch, ...]
    bases: tuple[Base, ...]
    syntax: str = ""


@dataclass(slots=True)
class _Line:
    """One instruction. number: of its first line. body: lines of its here-documents; after: lines before those."""

    number: int
    text: str
    after: int = 0
    body: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        return (self.text.split(maxsplit=1) or [""])[0].upper()

    @property
    def rest(self) -> str:
        return self.text[len(self.word) :].strip()


def screen(text: str, variables: Mapping[str, str], pins: Mapping[str, str] | None = None) -> Screened:
    """variables: build arguments. pins: image as it is written → what a FROM shall say in its place.

    Raises: BuildFailed, with the line that asks for what cannot be had.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    directives = dict(_directives(lines))
    escape = directives.get("escape", "\\")
    found = list(_joined(lines, escape))
    written = [""] * len(lines)
    expected: dict[int, str] = {}
    fetches: list[Fetch] = []
    bases = _Bases(variables, pins or {})
    for each in found:
        written[each.number - 1] = _added(each, fetches) if each.word == "ADD" else bases.taken(each)
        written[each.after : each.after + len(each.body)] = each.body
        expected[each.number] = written[each.number - 1]
        if each.word == "ONBUILD" and (each.rest.split() or [""])[0].upper() == "ADD":
            raise _fault(each.number, "ONBUILD with ADD is not offered here", "Write ONBUILD COPY.")
    for each in _joined(written, escape, documents=False):  # as an engine reads it that knows no here-documents
        if each.word in _RISKY and expected.get(each.number) != each.text:
            raise _fault(each.number, f"a line of a here-document begins with {each.word}", "Put it in a file.")
    if "escape" in directives:
        written[0] = f"# escape={directives['escape']}"
    return Screened(
        text="\n".join(written) + "\n",
        fetches=tuple(fetches),
        bases=tuple(bases.found),
        syntax=directives.get("syntax", ""),
    )


def adds_an_address(instruction: str) -> bool:
    """Whether an image's ONBUILD would have the engine itself fetch something, as far as it can be told."""
    line = _Line(0, instruction.strip())
    return line.word == "ADD" and any(_is_address(source) is not False for source in _words(line.rest)[1])


def _directives(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """They come before everything else; the first of each name counts."""
    seen: set[str] = set()
    for line in lines:
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            return
        name = found[1].lower()
        if name not in seen:
            seen.add(name)
            yield name, found[2]


def _joined(lines: Sequence[str], escape: str, *, documents: bool = True) -> Iterator[_Line]:
    """Instructions as BuildKit joins them: no space comes in, comments and empty lines on the way fall out."""
    more = re.compile(rf"{re.escape(escape)}[ \t]*$")
    at = 0
    while at < len(lines):
        begun, parts = at, [lines[at].strip()]
        at += 1
        if not parts[0] or parts[0].startswith("#"):
            continue
        while (cut := more.search(parts[-1])) is not None:
            parts[-1] = parts[-1][: cut.start()]
            while at < len(lines) and (not lines[at].strip() or lines[at].strip().startswith("#")):
                at += 1
            if at == len(lines):
                break
            parts.append(lines[at].rstrip())
            at += 1
        found = _Line(begun + 1, "".join(parts), at)
        if documents and found.word in ("RUN", "COPY", "ADD"):
            end = _documents(lines, at, found.text)
            found.body, at = list(lines[at:end]), end
        yield found


def _documents(lines: Sequence[str], at: int, text: str) -> int:
    """Past the here-documents of an instruction, if they have an end."""
    for name in HERE.findall(text):
        end = next((n for n in range(at, len(lines)) if lines[n].strip() == name), None)
        if end is None:
            return at
        at = end + 1
    return at


def _added(each: _Line, fetches: list[Fetch]) -> str:
    """ADD as it will be: COPY of what we fetch. Raises: BuildFailed."""
    flags, words = _words(each.rest)
    *sources, target = words or [""]
    judged = [_is_address(source) for source in sources]
    if None in judged:
        raise _fault(each.number, "ADD takes a variable or quotes where an address may stand", "Use COPY for files.")
    if True not in judged:
        return each.text
    if False in judged:
        raise _fault(each.number, "ADD mixes addresses and files", "Give each an ADD of its own.")
    places = []
    for source in sources:
        name = PurePosixPath(urlsplit(source).path).name
        if not source.startswith(("http://", "https://")) or not name or source.endswith(".git"):
            raise _fault(each.number, f"ADD cannot fetch {source}", "Name a file by http or https, or RUN git clone.")
        at = f"{FETCHED}/{len(fetches)}/{name}"
        wanted = next((flag.partition("=")[2] for flag in flags if flag.startswith("--checksum=")), "")
        fetches.append(Fetch(line=each.number, url=source, at=at, sha256=wanted.removeprefix("sha256:")))
        places.append(at)
    kept = [flag for flag in flags if flag.startswith(("--chown=", "--chmod=", "--link"))]
    return " ".join(("COPY", *kept, json.dumps([*places, target])))


def _words(rest: str) -> tuple[list[str], list[str]]:
    """Flags, and sources with the target, of either form."""
    flags, words = [], rest.split()
    while words and words[0].startswith("--"):
        flags.append(words.pop(0))
    left = rest
    for flag in flags:
        left = left.strip().removeprefix(flag)
    if left.strip().startswith("["):
        try:
            told = json.loads(left)
            return flags, [str(word) for word in told]
        except ValueError:
            pass  # BuildKit, too, takes it for words then
    return flags, words


def _is_address(source: str) -> bool | None:
    """None: it cannot be told before variables are filled in and quotes taken away."""
    special = _SPECIAL.search(source)
    plain = source[: special.start()].lower() if special else source.lower()
    if special and any(scheme.startswith(plain) or plain.startswith(scheme) for scheme in SCHEMES):
        return None
    return plain.startswith(SCHEMES)


class _Bases:
    """Which images are taken, stage after stage."""

    def __init__(self, variables: Mapping[str, str], pins: Mapping[str, str]) -> None:
        self.found: list[Base] = []
        self._pins = pins
        here = ARCHITECTURES.get(machine(), machine())
        self._given, self._known = variables, {"TARGETARCH": here, "BUILDARCH": here, "TARGETOS": "linux"}
        self._stages: set[str] = set()
        self._begun = False

    def taken(self, each: _Line) -> str:
        """The instruction as it will be. Raises: BuildFailed."""
        if each.word == "FROM":
            return self._stage(each)
        if each.word == "ARG" and not self._begun:
            self._arguments(each)
        elif each.word in ("COPY", "RUN"):
            for flag in _words(each.rest)[0]:
                if _QUOTED.search(flag):
                    raise _fault(each.number, f"{flag} has quotes", "Write the options of an instruction without any.")
                named = flag.partition("=")[2] if flag.startswith("--from=") else ""
                mounted = _FROM.search(flag.partition("=")[2]) if flag.startswith("--mount=") else None
                self._image(each, named or (mounted[1] if mounted else ""))
        return each.text

    def _arguments(self, each: _Line) -> None:
        for word in each.rest.split():
            name, _, value = word.partition("=")
            self._known[name] = self._given.get(name, self._filled(each, value.strip("\"'")))

    def _stage(self, each: _Line) -> str:
        """With the name of the image as it was looked at."""
        self._begun = True
        flags, words = _words(each.rest)
        if not words:
            return each.text  # BuildKit says what is wrong
        name = self._filled(each, words[0]).strip("\"'")
        if not name:
            raise _fault(each.number, f"FROM {words[0]} names no image", "Give its variable a value.")
        pinned = name if name.lower() in self._stages else self._pins.get(name, name)
        self._image(each, name)
        if len(words) > 2 and words[1].upper() == "AS":  # noqa: PLR2004
            self._stages.add(words[2].lower())
        return " ".join(("FROM", *flags, pinned, *words[1:]))

    def _image(self, each: _Line, bare: str) -> None:
        if not bare or bare.lower() in self._stages or bare == "scratch" or bare.isdigit():
            return
        if not _NAME.fullmatch(bare):
            raise _fault(each.number, f"{bare} is not the name of an image", "Write it out, without variables.")
        if Base(line=each.number, name=bare) not in self.found:
            self.found.append(Base(line=each.number, name=bare))

    def _filled(self, each: _Line, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            known = self._known.get(found["bare"] or found["name"], "")
            if found["how"] == "+":
                return found["other"] if known else ""
            return known or found["other"] or ""

        filled = _VARIABLE.sub(value, text)
        if "$" in filled:
            raise _fault(each.number, f"{text} cannot be understood", "Write it out, or as ${NAME:-value}.")
        return filled


def _fault(line: int, found: str, then: str) -> BuildFailed:
    return BuildFailed(sentence(FILE, line, found, then), file=FILE, line=line)
