"""The lines of a commit as they stream in: parsed one by one, so that memory is bounded by the limits stated here."""

from __future__ import annotations

import asyncio
import errno
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from spaces_runtime.domain.errors import Fault, Full, TooLarge
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.paths import checked
from spaces_runtime.domain.ports.durable import Index
from spaces_runtime.domain.repo import AddBlob, AddFile, Change, Copy, Delete
from spaces_runtime.hub.wire import parsed

MOST_LINES: Final = 25_000
IN_MEMORY: Final = 64 * 1024  # bytes; larger content waits in a file until all lines are there
SLACK: Final = 64 * 1024  # bytes of a line beside its content
MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is said of the whole commit. parent: the head the client saw; None: whatever it is."""

    summary: str
    description: str
    parent: str | None

    @property
    def message(self) -> str:
        """As git keeps it."""
        return f"{self.summary}\n\n{self.description}".strip() or "Update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the lines of one commit to one repo. spool: a folder of this commit's own. limit: bytes of a file."""

    repo: RepoId
    index: Index
    spool: Path
    limit: int

    async def read(self, body: AsyncIterator[bytes]) -> tuple[Header, list[Change]]:
        """All of it.

        Raises:
            Fault, TooLarge: a line is not what the contract says; the text names the line's path, or its number.
        """
        header: Header | None = None
        changes: list[Change] = []
        async for line in lines(body, longest=self.limit * 4 // 3 + SLACK):
            key, value = await self._parsed(line, number=len(changes) + 1)
            if key == "header":
                header = _header(value)
            else:
                changes.append(await self._change(key, value))
            if len(changes) > MOST_LINES:
                raise TooLarge(what="commit", why=f"it has more than {MOST_LINES} changes", then="Commit in parts.")
        if header is None:
            raise Fault(what="commit", why="the line with the key header is missing")
        return header, changes

    async def _parsed(self, line: bytes, number: int) -> tuple[str, dict[str, Any]]:
        try:
            found = parsed(line) if len(line) < IN_MEMORY else await asyncio.to_thread(parsed, line)
        except (ValueError, RecursionError) as error:
            raise Fault(what="read the commit", why=f"line {number} is not JSON ({error})") from None
        if not isinstance(found, dict) or not isinstance(found.get("value"), dict):
            raise Fault(what="read the commit", why=f"line {number} is not an object with key and value")
        return str(found.get("key")), found["value"]

    async def _change(self, key: str, value: Mapping[str, Any]) -> Change:
        path = _text(value, "path")
        match key:
            case "file":
                return AddFile(path=checked(path), content=await self._content(path, value))
            case "lfsFile":
                return await self._blob(checked(path), value)
            case "deletedFile":
                return Delete(path=path)
            case "deletedFolder":
                return Delete(path=path.rstrip("/"), folder=True)
            case "copyFile":
                source, revision = _text(value, "srcPath"), str(value.get("srcRev") or "")
                return Copy(path=checked(path), source=source, revision=revision)
            case _:
                raise Fault(what="read the commit", why=f"there is no change of the kind {key!r}")

    async def _content(self, path: str, value: Mapping[str, Any]) -> bytes | Path:
        text = _text(value, "content")
        if value.get("encoding", "base64") != "base64":
            content = text.encode()
        else:
            try:
                content = await _decoded(text)
            except (NotBase64, ValueError):
                raise Fault(what=f"commit {path}", why="its content is not base64") from None
        if len(content) > self.limit:
            raise TooLarge(
                what=f"commit {path}",
                why=f"it has {len(content) / MIB:.1f} MiB; files above {self.limit / MIB:g} MiB are uploaded as LFS",
            )
        if len(content) <= IN_MEMORY:
            return content
        kept = self.spool / uuid4().hex
        try:
            await asyncio.to_thread(kept.write_bytes, content)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise Full(what=f"commit {path}", why="the disk for temporary files of this hub is full") from None
        return kept

    async def _blob(self, path: str, value: Mapping[str, Any]) -> AddBlob:
        oid, size = _text(value, "oid"), value.get("size")
        held = await self.index.holds(self.repo, Sha256(oid))
        if held is None:
            raise Fault(what=f"commit {path}", why=f"its content {oid} was not uploaded to this repo")
        if size is not None and size != held:
            raise Fault(what=f"commit {path}", why=f"its content has {held} bytes, the commit says {size}")
        return AddBlob(path=path, sha256=Sha256(oid), size=held)


async def lines(body: AsyncIterator[bytes], *, longest: int) -> AsyncIterator[bytes]:
    """Whole lines without their ends; empty ones are left out.

    Raises: TooLarge.
    """
    gathered = bytearray()
    async for piece in body:
        looked = len(gathered)
        gathered += piece
        while (end := gathered.find(b"\n", looked)) >= 0:
            if line := bytes(gathered[:end]).strip():
                yield line
            del gathered[: end + 1]
            looked = 0
        if len(gathered) > longest:
            raise TooLarge(what="commit", why="a line is longer than the largest file that may be committed directly")
    if line := bytes(gathered).strip():
        yield line


async def _decoded(text: str) -> bytes:
    """A thread only for what is worth one: a commit may have thousands of small files."""
    if len(text) < IN_MEMORY:
        return b64decode(text, validate=True)
    return await asyncio.to_thread(b64decode, text, validate=True)


def _header(value: Mapping[str, Any]) -> Header:
    parent = value.get("parentCommit")
    return Header(
        summary=str(value.get("summary") or ""),
        description=str(value.get("description") or ""),
        parent=str(parent) if parent else None,
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise Fault(what="read the commit", why=f"a change has no {key}")
    return found
