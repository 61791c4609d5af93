"""The page itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Final

from tests.compatibility.marks import ROOT, Mark, marks
from tests.compatibility.table import ELSEWHERE, NOTES, calls

PAGE: Final = ROOT / "docs" / "compatibility.md"
SHOWN: Final = 3  # tests named beside a call
HEAD: Final = """\
# What works with today's clients

Made by `make compatibility` from the tests: do not edit. The clients are unmodified and need `HF_ENDPOINT` only
(huggingface_hub {version}, the `hf` command it brings, and the libraries that use it).

Each call is one of these, and a test says so:

- **works**: the tests named beside it make this call with the real client over a real socket.
- **not offered**: the hub answers 501 and says what it does not have; a test makes the call and reads that.
- **elsewhere**, **no hub**: the call does not reach a hub that `HF_ENDPOINT` names; a test reads that in the client.

{summary}
"""


def page(found: Sequence[Mark] | None = None) -> str:
    """The whole text."""
    by_call: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks() if found is None else found:
        by_call[mark.call].append(mark)
    areas = calls()
    known = {name for kinds in areas.values() for names in kinds.values() for name in names}
    states = Counter(state(name, by_call) for name in known)
    summary = (
        f"Of {len(known)} methods and commands {states['works']} work, {states['not offered']} are not offered, "
        f"and {states['']} never reach a hub."
    )
    parts = [HEAD.format(version=version("huggingface_hub"), summary=summary)]
    for area, kinds in areas.items():
        parts.append(f"## {area}\n")
        if area in ELSEWHERE:
            parts.append(f"{ELSEWHERE[area][1]}\n")
        parts += [_table(kind, names, by_call, ELSEWHERE.get(area, ("", ""))[0]) for kind, names in kinds.items()]
    more = sorted(set(by_call) - known)
    parts.append("## Beside these\n")
    parts.append(_table("calls", more, by_call, ""))
    return "\n".join(parts)


def state(name: str, by_call: Mapping[str, Sequence[Mark]]) -> str:
    """Of one call that reaches this hub; empty: no test says."""
    found = by_call.get(name, ())
    if any(mark.works for mark in found):
        return "works"
    return "not offered" if found else ""


def _table(kind: str, names: Sequence[str], by_call: Mapping[str, Sequence[Mark]], otherwise: str) -> str:
    column = {"methods": "Method", "commands": "Command", "calls": "Call"}[kind]
    rows = [f"| {column} | | Tests |", "| --- | --- | --- |"]
    for name in names:
        said = state(name, by_call) or otherwise
        works = said == "works"
        told = [mark for mark in by_call.get(name, ()) if mark.works == works]
        files = dict.fromkeys(f"[{_words(mark.test)}](../{mark.path})" for mark in told)
        said = f"{said}: {NOTES[name]}" if name in NOTES else said
        rows.append(f"| `{name}` | {said} | {'; '.join([*files][:SHOWN])} |")
    return "\n".join(rows) + "\n"


def _words(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")
