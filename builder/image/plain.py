"""BuildKit's plain progress → a build log that reads well, and what is needed to say why it failed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

KEPT: Final = 20  # last lines of each step
OWN: Final = "exporting"  # a step of BuildKit's own that takes its time
_LINE: Final = re.compile(r"#(\d+) (.*)", re.DOTALL)
_SAID: Final = re.compile(r"\d+\.\d+ (.*)", re.DOTALL)
_DONE: Final = re.compile(r"DONE (\d+\.\d+)s")
_NUMBERED: Final = re.compile(r"\[(?!internal).*\d+/\d+\] ")
_NOISE: Final = ("sha256:", "transferring ", "...", "naming to ", "writing image ", "extracting ")
QUICK: Final = 0.05  # seconds that are not worth a line


class Plain:
    """Give it each line; it says what an author wants to read.

    hide: values that are not shown. failed: the name of the step that failed, empty for none; why: what BuildKit says
    of it; words: its last lines; rest: what BuildKit said at the very end.
    """

    def __init__(self, say: Callable[[str], None], hide: Iterable[str] = ()) -> None:
        self._say = say
        self._hide = sorted((value for value in hide if len(value) >= 6), key=len, reverse=True)  # noqa: PLR2004
        self._names: dict[str, str] = {}
        self._last: dict[str, deque[str]] = {}
        self._now = ""
        self.failed, self.why = "", ""
        self.rest: deque[str] = deque(maxlen=KEPT)

    @property
    def words(self) -> tuple[str, ...]:
        """Of the step that failed."""
        number = next((number for number, name in self._names.items() if name == self.failed), "")
        return tuple(self._last.get(number, ()))

    def line(self, text: str) -> None:
        """One line of BuildKit's."""
        for value in self._hide:
            text = text.replace(value, "***")
        found = _LINE.fullmatch(text)
        if found is None:
            if text.strip():
                self.rest.append(text.strip())
            return
        number, told = found[1], found[2]
        if number not in self._names:
            self._names[number], self._last[number] = told, deque(maxlen=KEPT)
            if self._is_shown(number) and not told.startswith(OWN):
                self._head(number)
            return
        if told == self._names[number] or told.startswith(_NOISE):
            return
        self._told(number, told)

    def _told(self, number: str, told: str) -> None:
        if told.startswith("ERROR"):
            self.failed, self.why = self._names[number], told.removeprefix("ERROR:").strip()
        elif done := _DONE.fullmatch(told):
            if self._is_shown(number) and float(done[1]) > QUICK:
                self._head(number)
                self._say(f"  {float(done[1]):.1f} s")
        elif told == "CACHED":
            if self._is_shown(number):
                self._head(number)
                self._say("  as before")
        elif told != "CANCELED" and (said := _SAID.fullmatch(told)):
            self._last[number].append(said[1])
            self._head(number)
            self._say(f"  {said[1]}")

    def _is_shown(self, number: str) -> bool:
        name = self._names[number]
        return bool(_NUMBERED.match(name)) or name.startswith(OWN)

    def _head(self, number: str) -> None:
        """Steps run beside each other; say whose line comes next."""
        if self._now != number:
            self._now = number
            self._say(self._names[number])
