"""Takes what Spaces wrote into the buckets that they mount."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import structlog

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.bucket import EMPTY, NOTHING, Content, Drop, Put, Refusal
from spaces_runtime.domain.errors import Fault, RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256, SpaceId, UserId
from spaces_runtime.domain.kept import Sent, Written
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.operations.desk import Desk

MANY: Final = 500  # files of one change
log = structlog.get_logger()


class Outbox(Protocol):
    """What waits, by name; the oldest first."""

    def waiting(self) -> Sequence[str]: ...
    def read(self, name: str) -> Written: ...
    def size(self, name: str, file: str) -> int: ...
    def content(self, name: str, file: str) -> AsyncIterator[bytes]: ...
    async def done(self, name: str) -> None: ...


async def take_written(desk: Desk, outbox: Outbox, said: dict[str, str], now: float) -> None:
    """All that can be taken. What cannot stays, with the reason in the Space's log, and is tried again.

    said: the last reason told, by name; the same is not told twice. now: Unix seconds.
    """
    held: set[str] = set()  # what comes after something that waits has to wait, too
    for name in outbox.waiting():
        folder = name.rpartition("@")[0]
        if folder in held:
            continue
        try:
            await _take(desk, outbox, name, now)
        except (Fault, OSError, ValueError, KeyError) as error:
            held.add(folder)
            if said.get(name) != str(error):
                said[name] = str(error)
                log.warning("what a Space wrote is not in its bucket yet", name=name, why=str(error))
                await _tell(desk, SpaceId(name.partition("@")[0]), f"Not in the bucket yet: {error}")
        else:
            said.pop(name, None)


async def _take(desk: Desk, outbox: Outbox, name: str, now: float) -> None:
    written = outbox.read(name)
    try:
        lost = await _kept(desk, outbox, name, written, now)
    except RepoMissing:
        lost = ["the bucket is gone"]
    for why in lost:
        await _tell(desk, SpaceId(written.about.space), f"Not kept in its bucket: {why}")
    await outbox.done(name)


async def _kept(desk: Desk, outbox: Outbox, name: str, written: Written, now: float) -> list[str]:
    """What will never be kept, and why."""
    repo = await desk.index.by_id(RepoId(written.about.bucket))
    person = await desk.people.by_id(UserId(written.about.by))
    if repo is None:
        return ["the bucket is gone"]
    if person is None or not may(person, Verb.WRITE, repo):
        return [f"whoever mounted {repo.full} may no longer write to it"]
    refused = await _apply(desk, outbox, name, written, now, by=person.name)
    return [f"{each.path}: {each.why}" for each in refused]


async def _apply(desk: Desk, outbox: Outbox, name: str, written: Written, now: float, *, by: str) -> list[Refusal]:
    """Removals first. A file that somebody else has changed meanwhile is not removed."""
    bucket, prefix = RepoId(written.about.bucket), written.about.prefix
    had = {prefix + path: sha256 for path, sha256 in written.removed.items()}
    there = await desk.buckets.files(bucket, list(had))
    drops = [Drop(path=file.path) for file in there if had[file.path] == file.sha256]
    refused = [*await desk.buckets.change(bucket, drops, now, by=by)] if drops else []
    for start in range(0, len(written.sent), MANY):
        some = written.sent[start : start + MANY]
        puts = [await _put(desk, outbox, name, bucket, prefix, sent) for sent in some]
        refused += await desk.buckets.change(bucket, puts, now, by=by)
    return refused


async def _put(desk: Desk, outbox: Outbox, name: str, bucket: RepoId, prefix: str, sent: Sent) -> Put:  # noqa: PLR0917
    sha256, size = Sha256(sent.sha256), outbox.size(name, sent.file)
    if sha256 != EMPTY:
        await desk.blobs.put(bucket, sha256, size, outbox.content(name, sent.file))
    content = Content(xet=NOTHING if sha256 == EMPTY else sha256, sha256=sha256, size=size)
    return Put(path=prefix + sent.path, content=content, modified_at=sent.modified_at)


async def _tell(desk: Desk, space: SpaceId, text: str) -> None:
    try:
        await desk.logs.append(space, Source.RUN, f"===== {text}")
    except OSError as error:  # the reason is in the platform's log, too
        log.warning("a log could not be written", space=space, why=str(error))
