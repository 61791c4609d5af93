"""Why an app ended or never answered: its exit and its last lines, in one sentence with a remedy. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spaces_runtime.domain.spoken import sentence, span

LONGEST = 160  # characters of a quoted log line
MODULES = {  # import name → what requirements.txt calls it, where they differ
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "google.protobuf": "protobuf",
    "PIL": "pillow",
    "sentence_transformers": "sentence-transformers",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SIGNALS = {4: "an illegal instruction", 6: "an abort", 7: "a bus error", 8: "a wrong calculation",
           9: "a kill", 11: "a memory fault", 15: "a request to end"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What is known of an instance that is of no use.

    why: the engine's words ("exited with status 1", "killed by signal 9", "out of memory ..."); empty: it still runs.
    lines: the last of its output, oldest first. port: where it should answer. memory: its ceiling, bytes.
    deadline: seconds it had to answer; None: it ended by itself.
    """

    why: str
    lines: Sequence[str]
    port: int
    memory: int
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """A usual cause: how it shows in one line, and what to say of it."""

    pattern: re.Pattern[str]
    say: Callable[[re.Match[str], Sequence[str]], str]


def _module(m: re.Match[str], _: Sequence[str]) -> str:
    name = m["name"]
    package = MODULES.get(name) or MODULES.get(name.split(".")[0]) or name.split(".")[0]
    if name.split(".")[0] in {"app", "src", "utils", "helpers", "lib", "main", "model", "models", "config"}:
        return f"No module named {name}: is {name.split('.')[0]}.py, or the folder, in the repo?"
    return f"No module named {name}: add {package} to requirements.txt."


def _place(lines: Sequence[str]) -> str:
    """The last place of the author's own code that a traceback names."""
    found = [m for line in lines if (m := re.search(r'File "(?P<file>[^"]+)", line (?P<line>\d+)', line))]
    own = [m for m in found if m["file"].startswith(("/app/", "/home/user/app/"))] or found
    return f"{re.sub(r'^(/home/user)?/app/', '', own[-1]['file'])} line {own[-1]['line']}" if own else ""


def _syntax(m: re.Match[str], lines: Sequence[str]) -> str:
    at = [x for line in lines if (x := re.search(r'File "(?P<file>[^"]+)", line (?P<line>\d+)', line))]
    file = re.sub(r"^(/home/user)?/app/", "", at[-1]["file"]) if at else "the app"
    return f"{file}{' line ' + at[-1]['line'] if at else ''} is not valid Python: {m['what']}."


def _import(m: re.Match[str], lines: Sequence[str]) -> str:
    at = _place(lines)
    where = f" (imported in {at})" if at else ""
    return f"{m['module']} has no {m['name']}{where}: another version of it is needed; pin one in requirements.txt."


CAUSES = (
    Cause(re.compile(r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'"), _module),
    Cause(re.compile(r"\b(?:SyntaxError|IndentationError|TabError): (?P<what>.+?)\.?$"), _syntax),
    Cause(
        re.compile(r"ImportError: (?P<lib>lib[\w.+-]+): cannot open shared object file"),
        lambda m, _: f"The system library {m['lib']} is missing: add the Debian package that has it to packages.txt.",
    ),
    Cause(
        re.compile(r"ImportError: cannot import name '(?P<name>\w+)' from (?:partially initialized module )?"
                   r"'(?P<module>[\w.]+)'"), _import,
    ),
    Cause(
        re.compile(r"ImportError: (?P<what>.+)$"),
        lambda m, lines: f"An import failed{_at(lines)}: {m['what']}",
    ),
    Cause(
        re.compile(r"[Aa]ddress already in use|Cannot find empty port in range"),
        lambda m, _: "The port is in use already: the app starts a second server, or asks for a port of its own.",
    ),
    Cause(
        re.compile(r"\[FATAL tini.*\] exec (?P<program>\S+) failed: (?P<why>.+)$"),
        lambda m, _: f"The image cannot start {m['program']}: {m['why']}. Look at CMD and ENTRYPOINT.",
    ),
    Cause(
        re.compile(r"can't open file '(?P<file>[^']+)'"),
        lambda m, _: f"{m['file'].rpartition('/')[2]} is not in the repo: push it, or correct app_file in README.md.",
    ),
    Cause(
        re.compile(r"(?:CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError)"),
        lambda m, _: "The GPU's memory is full: use a smaller model or batch, or choose hardware with more.",
    ),
    Cause(
        re.compile(r"^MemoryError\b|DefaultCPUAllocator: can't allocate memory"),
        lambda m, lines: f"Out of memory{_at(lines)}: choose hardware with more, or load less.",
    ),
    Cause(
        re.compile(r"No space left on device"),
        lambda m, lines: f"The disk of the Space is full{_at(lines)}: write less, or choose larger hardware.",
    ),
    Cause(
        re.compile(r"(?:RepositoryNotFoundError|GatedRepoError|401 Client Error|403 Client Error)[^\n]*"),
        lambda m, _: "A repo it loads was refused: name it as this hub does, or put a token with access in "
                     "the secret HF_TOKEN.",
    ),
    Cause(
        re.compile(r"(?:Temporary failure in name resolution|Name or service not known|Network is unreachable)"),
        lambda m, lines: f"It asked for an address that cannot be reached from a Space here{_at(lines)}.",
    ),
    Cause(
        re.compile(r"KeyError: '(?P<name>[A-Z][A-Z0-9_]{2,})'"),
        lambda m, lines: f"It needs the variable {m['name']}{_at(lines)}: add it in the Space's settings.",
    ),
    Cause(
        re.compile(r"PermissionError: .*?: '(?P<path>[^']+)'"),
        lambda m, _: f"It may not write {m['path']}: /app, /home/user, /data and /tmp are writable.",
    ),
    Cause(
        re.compile(r"^(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))(?:: (?P<what>.*))?$"),
        lambda m, lines: f"{m['kind'].rpartition('.')[2]}{_at(lines)}{': ' + m['what'] if m['what'] else ''}",
    ),
)  # fmt: skip


def _at(lines: Sequence[str]) -> str:
    place = _place(lines)
    return f" in {place}" if place else ""


def diagnose(end: End) -> str:
    """Cause and remedy; the last line is quoted where no usual cause is recognised. Never empty."""
    lines = [clean for line in end.lines if (clean := COLOUR.sub("", line).rstrip())]
    if known := _engine(end, lines):
        return known
    if usual := _usual(lines):
        return usual if end.deadline is None else f"No answer within {span(end.deadline)}. {usual}"
    return _unknown(end, lines)


def _engine(end: End, lines: Sequence[str]) -> str:
    """What the node knows better than the app's own words."""
    if "out of memory" in end.why.lower():
        limit = f"{end.memory / 2**30:.3g} GiB"
        return f"Out of memory: it may hold {limit}. Choose hardware with more, or load less."
    if "No command specified" in end.why:
        return "The image has neither CMD nor ENTRYPOINT, so there is nothing to start: add one to the Dockerfile."
    if other := re.search(r"listens on (?P<is>[\d, and]*\d), not (?P<port>\d+)", end.why):
        return (
            f"It listens on port {other['is']}, not {other['port']}: "
            f"use {other['port']}, or set app_port: {other['is']} in README.md."
        )
    if end.deadline is not None and (own := _announced(lines, end.port)):
        return f"It listens on port {own}, not {end.port}: use {end.port}, or set app_port: {own} in README.md."
    return ""


def _announced(lines: Sequence[str], port: int) -> str:
    """The port it says that it serves on, if that is not the one it should."""
    said = [
        m["port"] for line in lines
        if (m := re.search(r"(?:[Rr]unning on|[Ll]istening|[Ss]erving).*?:(?P<port>\d{2,5})\b", line))
    ]  # fmt: skip
    return said[-1] if said and all(p != str(port) for p in said) else ""


def _usual(lines: Sequence[str]) -> str:
    """The last line that shows a usual cause; the table's order decides where one line shows two."""
    for n in range(len(lines) - 1, -1, -1):
        for cause in CAUSES:
            if found := cause.pattern.search(lines[n]):
                return sentence(cut(cause.say(found, lines[: n + 1])))
    return ""


def _unknown(end: End, lines: Sequence[str]) -> str:
    said = f'Its last line: "{cut(lines[-1].strip())}"' if lines else "It printed nothing."
    if end.deadline is not None:
        where = f"listen on port {end.port} of any address, 127.0.0.1 included"
        return f"No answer within {span(end.deadline)}: it has to {where}. {said}"
    if re.search(r"status 0\b", end.why):
        return f"It ended without serving: the app has to keep running and answer on port {end.port}. {said}"
    if signal := re.search(r"signal (?P<number>\d+)", end.why):
        name = SIGNALS.get(int(signal["number"]), f"signal {signal['number']}")
        return f"It was ended by {name} (signal {signal['number']}). {said}"
    why = sentence(end.why) or "The process ended."
    return f"{why[0].upper()}{why[1:]} {said}"


def cut(text: str) -> str:
    """Short enough for a page's banner."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
