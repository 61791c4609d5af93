"""What a build from source said before it failed → what its author can do. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

SHOWN: Final = 2  # last lines of a failure that is not known
LONGEST: Final = 400  # characters of them
_ABSENT: Final = re.compile(
    r"(?:Because|because) (?:there (?:is|are) no versions? of )?([A-Za-z0-9][\w.-]*)\S* ?"
    r"(?:was not found in the provided package locations)?.*?you require ([^\s,]+)"
)
_NOT_HERE: Final = (
    "was not found in the provided package locations",
    "there is no version of",
    "there are no versions of",
)
_COMPILERS: Final = (
    re.compile(r"(?:command|unable to execute) '?(\S*(?:gcc|g\+\+|clang|cc|c\+\+))'?.*No such file or directory"),
    re.compile(r"No such file or directory: '(\S*(?:gcc|g\+\+|clang|cc|c\+\+))'"),
    re.compile(r"(?:linker|compiler) [`'](\S+)[`'] not found"),
    re.compile(r"No (CMAKE_C\w*_COMPILER) could be found"),
    re.compile(r"Unknown compiler\(s\): \[\['([^']+)'"),
    re.compile(r"(?:can't|cannot) find (Rust compiler)"),
)
_HEADER: Final = re.compile(r"fatal error: (\S+\.h\w*): No such file or directory")
_FRAME: Final = (  # what uv puts around a build's own words
    *("hint:", "warning:", "Building wheel", "error: Failed to build", "cause: The build backend returned"),
    "cause: Call to `",
)
_FULL: Final = "No space left on device"
_LIBRARY: Final = re.compile(r"ld: cannot find -l(\S+)")


def wanted(said: Sequence[str]) -> tuple[str, ...]:
    """What the build asked for while it ran, and was not given."""
    text = " ".join(said)
    if not any(sign in text for sign in _NOT_HERE):
        return ()
    found = {match[2].rstrip(".") for match in _ABSENT.finditer(text)}
    return tuple(sorted(need for need in found if is_plain(need)))


def is_plain(need: str) -> bool:
    """A name and a version: what an author's code printed may be anything."""
    try:
        return Requirement(need).url is None
    except InvalidRequirement:
        return False


def told(said: Sequence[str]) -> str:
    """Whole sentences: why it failed, and what to do."""
    text = "\n".join(said)
    for pattern in _COMPILERS:
        if found := pattern.search(text):
            what = "a compiler" if found[1].startswith("CMAKE") else found[1]
            package = "rustc and cargo" if "Rust" in what or what == "rustc" else "build-essential"
            then = f"Add {package} to packages.txt, or ask for a version with a wheel."
            return f"It needs {what}, which is not there. {then}"
    if found := _HEADER.search(text):
        then = "Add the Debian package that has it to packages.txt; its name ends in -dev."
        return f"It needs the header {found[1]}, which is not there. {then}"
    if found := _LIBRARY.search(text):
        then = "Add the Debian package that has it to packages.txt; its name ends in -dev."
        return f"It needs the library {found[1]}, which is not there. {then}"
    if _FULL in text:
        return "It has written as much as a build may: its disk is full. The operator's limit is disk, under [build]."
    lines = [line.strip() for line in said if line.strip() and not line.strip().startswith(_FRAME)]
    last = " / ".join(lines[-SHOWN:])[-LONGEST:] or "it said nothing"
    return f"Its last words: {last}. The log has the rest; ask for a version with a wheel, or mend its source."
