"""One system user per Space, for ever."""

from __future__ import annotations

import json
from pathlib import Path

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.layout import FIRST_SPACE
from spaces_runtime.node.record import write_whole


class Users:
    """Numeric users by Space, kept in one file. A number is never given twice: files of the old owner may exist."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._numbers: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def of(self, space: SpaceId) -> int:
        """The Space's user; given, and on disk, before it is first answered."""
        if space not in self._numbers:
            numbers = {**self._numbers, space: max((*self._numbers.values(), FIRST_SPACE - 1)) + 1}
            write_whole(self._file, json.dumps(numbers).encode(), synced=True)
            self._numbers = numbers
        return self._numbers[space]
