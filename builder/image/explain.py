"""What BuildKit said last → one sentence with the line of the Dockerfile. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from builder.faults import BuildFailed, EngineAway, sentence
from builder.image.instructions import FILE, HERE, Instruction, failed_at, from_image, instructions, syntax

SHOWN: Final = 2  # last lines of a step
LONGEST: Final = 300  # characters of them
_PARSE: Final = re.compile(r"[Dd]ockerfile parse error (?:on )?line (\d+): (.*)")
_PLACE: Final = re.compile(rf"^{FILE}[^:\s]*:(\d+)$")
_LOOKED: Final = re.compile(r"(?:\[internal\] load metadata for|resolve image config for|FROM) (\S+)")
_STATUS: Final = re.compile(r"exit code: (\d+)")
_ABSENT: Final = re.compile(r'"([^"]+)"?: not found|"([^"]+)" not found')
_SECRET: Final = re.compile(r"secret (\S+?):? not found")
_FRAMES: Final = re.compile(
    r"^(?:ERROR: )?(?:failed to solve(?: with frontend \S+)?|failed to create LLB definition): "
)
_FULL: Final = "no space left on device"
_ENGINE: Final = ("Cannot connect to the Docker daemon", "error during connect", "connection reset by peer")
KILLED: Final = 137  # exit status of what was killed: 128 + SIGKILL
_PULLS: Final = (
    (
        re.compile(r"pull access denied|insufficient_scope|authorization failed|unauthorized"),
        "is absent, or needs a login",
    ),
    (re.compile(r"manifest unknown|not found$|: not found"), "is not in its registry"),
    (
        re.compile(r"no such host|i/o timeout|timed? ?out|refused|unreachable|reset|x509|TLS|EOF|failed to do request"),
        "cannot be pulled: its registry does not answer this machine",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """dockerfile: its text. step, why: of the step that failed, as BuildKit tells them; empty for none.

    words: the last lines of that step; rest: BuildKit's own last lines.
    """

    dockerfile: str
    step: str = ""
    why: str = ""
    words: Sequence[str] = ()
    rest: Sequence[str] = ()


def fault(said: Said) -> BuildFailed:
    """Why it failed, and what to do."""
    last = _FRAMES.sub("", _FRAMES.sub("", said.rest[-1])) if said.rest else said.why
    if any(sign in line for sign in _ENGINE for line in said.rest):
        return EngineAway("The container engine went away in the middle of the build. Nothing is lost; build again.")
    if _FULL in "\n".join((said.why, *said.words, *said.rest)).lower():
        return _at(_step(said), "the disk is full", "Make room on the container engine's disk, and build again.")
    if parsed := next((found for line in said.rest if (found := _PARSE.search(line))), None):
        return _unread(said.dockerfile, int(parsed[1]), parsed[2])
    looked = _LOOKED.match(said.step)
    if looked:
        return _unpulled(said, looked[1])
    if said.step:
        return _of_step(said, _step(said))
    return _at(None, last.rstrip(".") or "BuildKit gave no reason")


def _step(said: Said) -> Instruction | None:
    """Newer ones of BuildKit name the line; else by the step's number."""
    named = next((int(found[1]) for line in said.rest if (found := _PLACE.match(line))), 0)
    each = next((each for each in instructions(said.dockerfile) if each.line == named), None)
    return each or failed_at(said.dockerfile, said.step)


def _at(at: Instruction | None, found: str, then: str = "") -> BuildFailed:
    text = f"{at.shown}: {found}" if at else found
    line = at.line if at else 0
    return BuildFailed(sentence(FILE, line, text, then), file=FILE, line=line)


def _unread(dockerfile: str, line: int, what: str) -> BuildFailed:
    """Here-documents are younger than some engines: their second line is then taken for an instruction."""
    older = [each for each in instructions(dockerfile) if each.line < line and HERE.search(each.text)]
    then = "This engine's BuildKit knows no here-documents (<<EOF); write it with && and \\." if older else ""
    return BuildFailed(sentence(FILE, line, what.strip().rstrip("."), then), file=FILE, line=line)


def _unpulled(said: Said, image: str) -> BuildFailed:
    why = next((told for sign, told in _PULLS if sign.search(said.why)), f"cannot be pulled: {said.why[:LONGEST]}")
    name = image.removeprefix("docker.io/").removeprefix("library/")
    front = syntax(said.dockerfile)
    if front is not None and from_image(f"FROM {front[0]}", image):
        then = "Take the syntax line out; the engine's own BuildKit reads most Dockerfiles."
        text = sentence(FILE, front[1], f"# syntax={front[0]}: this image {why}", then)
        return BuildFailed(text, file=FILE, line=front[1])
    at = from_image(said.dockerfile, image)
    then = "Name an image that this machine's engine has or can pull."
    return _at(at, f"the image {name} {why}" if at is None else f"this image {why}", then)


def _of_step(said: Said, at: Instruction | None) -> BuildFailed:
    status = _STATUS.search(said.why)
    if status is None:
        return _refused(said, at)
    killed = int(status[1]) == KILLED
    found = "it was killed, as happens when memory runs out" if killed else f"it ended with status {status[1]}"
    last = " / ".join([line.strip() for line in said.words if line.strip()][-SHOWN:])[-LONGEST:]
    then = f"Its last words: {last}" if last else "It said nothing."
    if "Permission denied" in last and "/run/secrets/" in last:
        then = "Secrets are root's unless the step says otherwise: --mount=type=secret,id=NAME,mode=0444"
    return _at(at, found, then if then.endswith((".", "!", "?")) else f"{then}.")


def _refused(said: Said, at: Instruction | None) -> BuildFailed:
    if secret := _SECRET.search(said.why):
        return _at(at, f"there is no secret {secret[1]}", "Add it in the Space's settings.")
    absent = _ABSENT.search(said.why)
    if absent and at and at.word in ("COPY", "ADD"):
        path = (absent[1] or absent[2]).lstrip("/")
        place = "that stage has" if "--from=" in at.text else "the repo has"
        then = "" if "--from=" in at.text else "Add it, or look into .dockerignore."
        return _at(at, f"{place} no {path}", then)
    return _at(at, said.why.rstrip(".") or "BuildKit gave no reason")
