"""The lines of a bucket's batch, and its files, in the clients' shapes: the contract, §12."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from spaces_runtime.domain.bucket import BucketFile, BucketFolder, Drop, Size, is_text
from spaces_runtime.domain.errors import Fault, TooLarge
from spaces_runtime.domain.operations.buckets import Source, Wanted
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.hub.commit_lines import lines
from spaces_runtime.hub.wire import iso, text_of

MOST_LINES: Final = 10_000  # clients send a thousand at a time
LONGEST: Final = 32 * 1024  # bytes of a line: a path, and a few words
MOST_MS: Final = 253_402_300_800_000  # the year 10000; dates end there


async def read_batch(body: AsyncIterator[bytes]) -> list[Wanted | Drop]:
    """All of it.

    Raises:
        Fault, TooLarge: a line is not what the contract says; nothing is done then.
    """
    changes: list[Wanted | Drop] = []
    try:
        async for line in lines(body, longest=LONGEST):
            changes.append(_change(line, len(changes) + 1))
            if len(changes) > MOST_LINES:
                break
    except TooLarge:
        raise TooLarge(what="change the bucket", why=f"a line is longer than {LONGEST} bytes") from None
    if len(changes) > MOST_LINES:
        raise TooLarge(what="change the bucket", why=f"these are more than {MOST_LINES} changes at once")
    if not changes:
        raise Fault(what="change the bucket", why="nothing is said to be changed")
    return changes


def _change(line: bytes, number: int) -> Wanted | Drop:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Fault(what="read the batch", why=f"line {number} is not JSON ({error})") from None
    if not isinstance(told, dict):
        raise Fault(what="read the batch", why=f"line {number} is not a JSON object")
    word = told.get("type")
    if word == "deleteFile":
        return Drop(path=_path(told))
    if word not in ("addFile", "copyFile"):
        raise Fault(what="read the batch", why=f"line {number} has the type {word!r}, which is not known")
    return Wanted(
        path=_path(told),
        xet=text_of(told, "xetHash"),
        modified_at=_moment(told),
        source=_source(told) if word == "copyFile" else None,
    )


def _moment(told: Mapping[str, Any]) -> float | None:
    """`mtime` in milliseconds. What is no moment at all is not kept."""
    value = told.get("mtime")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_MS:
        return None
    return value / 1000


def _path(told: Mapping[str, Any]) -> str:
    """Whatever else is wrong with it is said beside it; half a surrogate pair could not even be said."""
    path = text_of(told, "path")
    if not is_text(path.replace("\0", "")):
        raise Fault(what="read the batch", why=f"the path {path!r} is not valid Unicode")
    return path


def _source(told: Mapping[str, Any]) -> Source:
    word = text_of(told, "sourceRepoType")
    kind = next((kind for kind in Kind if kind.value == word), None)
    if kind is None:
        raise Fault(what="read the batch", why=f"there is no sourceRepoType {word!r}")
    name = text_of(told, "sourceRepoId")
    if not is_text(name):
        raise Fault(what="read the batch", why="sourceRepoId has a character that no name has")
    return kind, name


def entry_json(entry: BucketFile | BucketFolder) -> dict[str, Any]:
    """One row of a listing."""
    if isinstance(entry, BucketFolder):
        return {"type": "directory", "path": entry.path, "uploadedAt": iso(entry.uploaded_at)}
    return {
        "type": "file",
        "path": entry.path,
        "size": entry.size,
        "xetHash": entry.xet,
        **({} if entry.modified_at is None else {"mtime": iso(entry.modified_at)}),
        "uploadedAt": iso(entry.uploaded_at),
    }


def bucket_json(bucket: Repo, size: Size) -> dict[str, Any]:
    """A bucket as it is now."""
    return {
        "_id": bucket.id,
        "id": bucket.full,
        "author": bucket.namespace,
        "private": bucket.private,
        "visibility": bucket.visibility.value,
        "createdAt": iso(bucket.created_at),
        "updatedAt": iso(size.changed_at or bucket.created_at),
        "size": size.size,
        "totalFiles": size.files,
    }
