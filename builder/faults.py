"""Why a revision cannot be built: each a sentence its author can act on."""

from __future__ import annotations

from typing import Final

FULL: Final = "No space left on device"
LONGEST: Final = 60  # characters of a value that is quoted back


class ConfigError(Exception):
    """A setting is wrong: the Space is in CONFIG_ERROR. file: path in the repo; line: from 1, 0 for the whole file.

    found: a clause that says what stands there. allowed: what may. then: what to do, a sentence; made from allowed
    when empty.
    """

    def __init__(self, *, file: str, line: int = 0, found: str, allowed: tuple[str, ...] = (), then: str = "") -> None:
        self.file, self.line, self.found, self.allowed = file, line, found, allowed
        self.then = then or (f"Allowed: {', '.join(allowed)}." if allowed else "")
        super().__init__(sentence(file, line, found, self.then))


class BuildFailed(Exception):
    """The settings are right, and the build failed: BUILD_ERROR. why: whole sentences; file, line: its place.

    said: the words of the program that failed, as far as there were any.
    """

    def __init__(self, why: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(why)
        self.why, self.file, self.line = why, file, line
        self.said = ""


def of_disk(failed: BuildFailed) -> BuildFailed:
    """Whatever met a full disk in the same words; any other fault as it is."""
    if FULL not in f"{failed.why} {failed.said}":
        return failed
    return BuildFailed("The disk that keeps packages and environments is full. Make room there, and build again.")


class NoWheel(BuildFailed):
    """One package has no wheel for this Python; maybe it has its source. bounds: what is required of its version."""

    def __init__(self, why: str, *, name: str, bounds: tuple[str, ...], file: str = "", line: int = 0) -> None:
        super().__init__(why, file=file, line=line)
        self.name, self.bounds = name, bounds


class EngineAway(BuildFailed):
    """The container engine does not answer; nothing is wrong with the Space."""


class Unbuilt(Exception):
    """Sources stand ready that have to be built in sandboxes of their own first. keys: their folders' names."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(f"{len(keys)} sources have to be built first.")
        self.keys = keys


class NoAppFile(Exception):
    """There is nothing to run: NO_APP_FILE."""


def sentence(file: str, line: int, found: str, then: str = "") -> str:
    """As people read it: `README.md line 4: colorFrom is "teal". Allowed: red, yellow.`"""
    place = f"{file} line {line}" if line else file
    return f"{place}: {found}. {then}".strip()


def shown(value: object) -> str:
    """A value found in a file, short enough for a sentence."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:LONGEST]}…"' if len(value) > LONGEST else f'"{value}"'
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return str(value)
