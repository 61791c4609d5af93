"""uv's refusals → one sentence with file, line and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from packaging.utils import canonicalize_name

from builder.faults import BuildFailed, NoWheel, sentence
from builder.frontmatter import FILE as README
from builder.requirements import Ask, Wanted

_AWAY: Final = ("Failed to fetch", "error sending request", "dns error", "Request failed", "Connection refused")
_MISSING: Final = re.compile(r"(\S+) was not found in the (?:package registry|provided package locations)")
_NO_VERSION: Final = re.compile(r"there (?:is|are) no versions? of ([^\s,]+)")
_ONLY: Final = re.compile(r"only (?:the following versions of )?([^\s,]+) (?:is|are) available.*?you require ([^\s,]+)")
_NO_WHEEL: Final = re.compile(r"(?:all versions of )?([^\s,]+) ha(?:s|ve) no (?:usable )?wheels")
_SOURCE: Final = re.compile(r"Wheels are required for `([^`]+)`")
_BOUND: Final = r"(?:depends? on|you require) %s(?:\[[^]]*\])?([<>=!~][^\s]*)"
_TWO: Final = re.compile(r"you require (\S+) and (?:you require )?(\S+), we can conclude")
_DEPENDS: Final = re.compile(r"(\S+) depends on ([^,\s]+(?:,\S+)*)(?: and|,)+ you require (\S+), we can conclude")
_CHAIN: Final = re.compile(
    r"Because (\S+) depends on (.+?) and you require \S+, we can .+? because you require ([^\s,]+)"
)
_BOTH: Final = re.compile(r"Because (\S+) depends on (.+?) and (\S+) depends on (.+?), we can conclude")
_ABIS: Final = re.compile(r"with the following Python (?:ABI|implementation)? ?tags?: (.+)")
_PARSE: Final = re.compile(r"(?:Couldn't parse|Error parsing|Unsupported|Invalid).*?`([^`]+)` at position (\d+)")
_AT: Final = re.compile(r"`?([\w./-]+\.txt)`?:(\d+):\d+")


def explain(said: str, wanted: Wanted, python: str) -> BuildFailed:
    """said: uv's standard error. python: the exact version."""
    causes = _causes(said)
    text = " ".join(causes)
    unreadable = _unreadable(said, causes, wanted)
    if unreadable is not None:
        return unreadable
    if found := _MISSING.search(text):
        ask = _ask(found[1], wanted)
        return _at(ask, f"asks for {found[1]}, which the package index does not have", "Check the spelling.")
    if found := _SOURCE.search(said):
        name = canonicalize_name(found[1])
        bounds = {bound.rstrip(",") for bound in re.findall(_BOUND % re.escape(found[1]), text)}
        without = _without_wheel(name, said, wanted, python)
        return NoWheel(without.why, name=name, bounds=tuple(sorted(bounds)), file=without.file, line=without.line)
    if (found := _TWO.search(text)) and _named(found[1]) == _named(found[2]):
        return _contradiction(_bare(found[1]), _bare(found[2]), wanted)
    if found := _NO_WHEEL.search(text):
        return _without_wheel(found[1], said, wanted, python)
    if found := _ONLY.search(text):
        ask = _ask(found[2], wanted)
        return _at(ask, f"asks for {found[2]}, and only {found[1]} is there", "Ask for a version that exists.")
    if found := _NO_VERSION.search(text):
        ask = _ask(found[1], wanted)
        return _at(ask, f"asks for {_bare(found[1])}, which does not exist", "Ask for a released version.")
    dependence = _dependence(text, wanted)
    if dependence is not None:
        return dependence
    if any(sign in said for sign in _AWAY):
        why = causes[-1] if causes else "no answer"
        return BuildFailed(f"The package index cannot be reached: {why}. Nothing is lost; rebuild when it is back.")
    named = next((ask for ask in wanted.asks if ask.name and re.search(rf"\b{re.escape(ask.name)}\b", text)), None)
    return _at(named, f"cannot be installed: {text.rstrip('.')}", "Change the requirements and push.")


def _causes(said: str) -> list[str]:
    """uv's own words, without its hints, which speak of uv's flags."""
    causes: list[str] = []
    hint = False
    for line in said.splitlines():
        text = line.strip()
        hint = text.startswith("hint:") or (hint and bool(text) and not text.startswith(("error:", "cause:")))
        if text and not hint and not text.startswith("warning:"):
            causes.append(re.sub(r"^(error|cause):?\s*", "", text))
    return causes[1:] or causes


def _unreadable(said: str, causes: Sequence[str], wanted: Wanted) -> BuildFailed | None:
    found = _PARSE.search(said)
    if not found:
        return None
    file = next((path for path, _ in wanted.files if found[1].endswith(path)), found[1])
    text = dict(wanted.files).get(file, "")
    line = text.encode()[: int(found[2])].count(b"\n") + 1
    wrong = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    why = causes[0] if causes else "it cannot be read"
    return BuildFailed(sentence(file, line, f'"{wrong}" is not a requirement: {why}'), file=file, line=line)


def _named(spec: str) -> str:
    return canonicalize_name(re.split(r"[<>=!~\[;@ ]", spec, maxsplit=1)[0])


def _bare(spec: str) -> str:
    """Without extras, marker and spaces."""
    return re.sub(r"\[.*?\]|;.*|\s", "", spec)


def _ask(spec: str, wanted: Wanted) -> Ask | None:
    """Who asked for it; of several, the author's own before ours, and the one that reads the same first."""
    named = [ask for ask in wanted.asks if ask.name == _named(spec)]
    exact = [ask for ask in named if _bare(ask.text) == _bare(spec)]
    return next(iter(exact or named), None)


def _at(ask: Ask | None, found: str, then: str) -> BuildFailed:
    if ask is None:
        return BuildFailed(f"A package of this Space {found}. {then}")
    place = ask.place if ask.line else f"The platform, for {ask.file},"
    return BuildFailed(f"{place} {found}. {then}", file=ask.file, line=ask.line)


def _contradiction(one: str, other: str, wanted: Wanted) -> BuildFailed:
    first, second = _ask(one, wanted), _ask(other, wanted)
    if first is None or second is None or first == second:
        return _at(first or second, f"asks for {one}, and something else for {other}", "Keep one of the two and push.")
    if not first.line or first.file == README:
        first, second, one, other = second, first, other, one
    return _at(first, f"asks for {one}, {second.place} for {other}", "Keep one of the two and push.")


def _dependence(text: str, wanted: Wanted) -> BuildFailed | None:
    """What one package needs is not what another needs, or the author asks for."""
    then = "Change one of the two and push."
    for pattern in (_DEPENDS, _CHAIN):
        if (found := pattern.search(text)) and _named(found[1]) != _named(found[3]):
            asks = f"asks for {_bare(found[3])}, but {_bare(found[1])} needs {_either(found[2])}"
            return _at(_ask(found[3], wanted), asks, then)
    if found := _BOTH.search(text):
        sides = [(found[1], found[2]), (found[3], found[4])]
        sides.sort(key=lambda side: _blame(side[0], wanted))
        (one, its), (other, their) = sides
        asks = f"asks for {_bare(one)}, which needs {_either(its)}, but {_bare(other)} needs {_either(their)}"
        return _at(_ask(one, wanted), asks, then)
    return None


def _blame(spec: str, wanted: Wanted) -> tuple[bool, bool]:
    """Sorts first what the author asked for in these words."""
    ask = _ask(spec, wanted)
    return ask is None or ask.file == README, ask is None or _bare(ask.text) != _bare(spec)


def _either(needs: str) -> str:
    """uv writes several ranges as `one of: a b`."""
    return " or ".join(needs.removeprefix("one of:").split())


def _without_wheel(spec: str, said: str, wanted: Wanted, python: str) -> BuildFailed:
    abis = _ABIS.search(said)
    minors = re.findall(r"cp3(\d+)", abis[1]) if abis else []
    only = f"; it has some for Python {', '.join(f'3.{minor}' for minor in minors)}" if minors else ""
    then = "Ask for another version" + (", or set python_version in README.md." if minors else ".")
    return _at(_ask(spec, wanted), f"asks for {spec}, which has no wheel for Python {python}{only}", then)
