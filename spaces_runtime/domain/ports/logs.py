"""The kept logs of a Space."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.logs import Line, Source


class Logs(Protocol):
    """Reads what node and scheduler write; see domain.logs for the form of the files."""

    def read(self, space: SpaceId, source: Source, *, follow: bool, tail: int | None = None) -> AsyncIterator[Line]: ...
    async def append(self, space: SpaceId, source: Source, text: str) -> None: ...
    async def forget(self, space: SpaceId) -> None: ...  # all of a deleted Space; may be repeated
    async def last(self, space: SpaceId, source: Source, count: int) -> list[Line]: ...
