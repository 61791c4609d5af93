"""A Dockerfile's instructions and their lines, to say which of them failed. Pure; BuildKit alone judges them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

FILE: Final = "Dockerfile"
STEPS: Final = ("FROM", "RUN", "COPY", "ADD", "WORKDIR")  # those that BuildKit counts
HERE: Final = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w*)[\"']?")  # a here-document
LONGEST: Final = 80  # characters of an instruction that are shown
_STEP: Final = re.compile(
    r"\[(?:[^\s\]]+/\S+ )?(?:(?P<stage>[^\s\]/]+) )?(?P<number>\d+)/\d+\] (?P<text>.*)", re.DOTALL
)
_ESCAPE: Final = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_SYNTAX: Final = re.compile(r"#\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
_DIRECTIVE: Final = re.compile(r"#\s*[A-Za-z]+\s*=")
_NAMED: Final = re.compile(r"\sAS\s+(\S+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """line: of its first word, from 1. word: in capitals. text: all of it on one line, comments left out."""

    line: int
    word: str
    text: str

    @property
    def shown(self) -> str:
        """Short enough for a sentence."""
        return self.text if len(self.text) <= LONGEST else f"{self.text[: LONGEST - 1]}…"


def instructions(text: str) -> tuple[Instruction, ...]:
    """In order."""
    lines = text.removeprefix("\ufeff").splitlines()
    return tuple(_parse(lines, _escape(lines)))


def syntax(text: str) -> tuple[str, int] | None:
    """The frontend that its first lines ask for, and the line."""
    for number, line in enumerate(_directives(text.removeprefix("\ufeff").splitlines()), 1):
        if found := _SYNTAX.fullmatch(line.strip()):
            return found[1], number
    return None


def failed_at(text: str, step: str) -> Instruction | None:
    """The instruction that BuildKit calls `[stage-1 2/3] RUN make`."""
    named = _STEP.fullmatch(step.strip())
    if named is None:
        return None
    said = " ".join(named["text"].split())
    found = instructions(text)
    stage = _stage(found, named["stage"] or "")
    number = int(named["number"])
    if 0 < number <= len(stage) and said.startswith(stage[number - 1].word):
        return stage[number - 1]
    return next((each for each in found if " ".join(each.text.split()) == said), None)  # ONBUILD adds steps


def from_image(text: str, image: str) -> Instruction | None:
    """The FROM, or COPY --from, that names this image; as BuildKit tells it: with registry and tag."""
    for each in instructions(text):
        for word in each.text.split()[1:]:
            name = word.removeprefix("--from=")
            if each.word in ("FROM", "COPY") and name and _same(name, image):
                return each
    return None


def _same(written: str, told: str) -> bool:
    full = written if ":" in written.rpartition("/")[2] or "@" in written else f"{written}:latest"
    return told in (full, f"docker.io/{full}", f"docker.io/library/{full}")


def _stage(found: Sequence[Instruction], name: str) -> list[Instruction]:
    """What is counted of one stage. name: `stage-N` when it has none, empty when it is the only one."""
    stages: list[list[Instruction]] = []
    for each in found:
        if each.word == "FROM":
            stages.append([])
        if stages and each.word in STEPS:
            stages[-1].append(each)
    for number, stage in enumerate(stages):
        own = _NAMED.search(stage[0].text)
        if name.lower() in (f"stage-{number}", own[1].lower() if own else "", *([""] if len(stages) == 1 else [])):
            return stage
    return stages[-1] if stages and not name else []


def _directives(lines: Sequence[str]) -> Iterator[str]:
    """They come before everything else."""
    for line in lines:
        if not _DIRECTIVE.match(line.strip()):
            return
        yield line


def _escape(lines: Sequence[str]) -> str:
    for line in _directives(lines):
        if found := _ESCAPE.fullmatch(line.strip()):
            return found[1]
    return "\\"


def _parse(lines: Sequence[str], escape: str) -> Iterator[Instruction]:
    at = 0
    while at < len(lines):
        begun = at
        parts: list[str] = []
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line.startswith("#") or (parts and not line):
                if not parts:
                    break
                continue
            more = line.endswith(escape)
            parts.append(line.removesuffix(escape).strip() if more else line)
            if not more:
                break
        text = " ".join(parts).strip()
        if not text:
            continue
        word = text.split()[0].upper()
        yield Instruction(line=begun + 1, word=word, text=f"{word} {text.partition(' ')[2].strip()}".strip())
        if word in ("RUN", "COPY", "ADD"):
            at = _after_documents(lines, at, text)


def _after_documents(lines: Sequence[str], at: int, text: str) -> int:
    """Past the here-documents of an instruction, if they have an end."""
    for name in HERE.findall(text):
        end = next((n for n in range(at, len(lines)) if lines[n].strip() == name), None)
        if end is None:
            return at
        at = end + 1
    return at
