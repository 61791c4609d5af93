"""One connection to the node: many questions at once, answers in any order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spaces_runtime.domain import sandbox
from spaces_runtime.domain.errors import BackendUnavailable

Json = dict[str, Any]


def away(path: Path) -> BackendUnavailable:
    """The node cannot be reached."""
    return BackendUnavailable(what="reach the node", why=f"nothing answers on {path}", then="It is being restarted.")


class Line:
    """An open connection. told: called with what the node says by itself; see domain.sandbox."""

    def __init__(
        self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: Callable[[Json], None]
    ) -> None:
        self._path, self._reader, self._writer, self._told = path, reader, writer, told
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._reading = asyncio.create_task(self._read())
        self.broken = asyncio.Event()

    async def ask(self, op: str, **fields: object) -> Any:  # noqa: ANN401 each operation has its own answer
        """The node's answer. Raises: the Fault the node raised; BackendUnavailable when it went away meanwhile."""
        if self.broken.is_set():
            raise away(self._path)
        self._count += 1
        number = self._count
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": number, "op": op, **fields}, separators=(",", ":")).encode() + b"\n")
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError):
            pass  # half a message: the node was killed
        finally:
            self.broken.set()
            self._writer.close()
            for answer in tuple(self._waiting.values()):
                if not answer.done():
                    answer.set_exception(away(self._path))

    def _take(self, message: Json) -> None:
        if "id" not in message:
            self._told(message)
            return
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return
        if "fault" in message:
            answer.set_exception(sandbox.hear_fault(message["fault"]))
        else:
            answer.set_result(message["ok"])

    async def close(self) -> None:
        """Hang up."""
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading


async def call(path: Path, told: Callable[[Json], None] = lambda _: None) -> Line:
    """A new connection. Raises: BackendUnavailable."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=sandbox.LONGEST_LINE)
    except OSError as error:
        raise away(path) from error
    return Line(path, reader, writer, told)
