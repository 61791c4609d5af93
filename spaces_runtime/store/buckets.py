"""The files of buckets: the port Buckets. What a bucket no longer has it no longer holds, so a sweep takes its blob."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from spaces_runtime.domain.bucket import (
    EMPTY,
    BucketChange,
    BucketFile,
    BucketFolder,
    Content,
    Outcome,
    Put,
    Refusal,
    Size,
    decide,
    entry_of,
    is_text,
    parents,
)
from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import bucket_files, bucket_sizes, holdings, repos, xet_names
from spaces_runtime.store.storage import hold

MANY: Final = 500  # values in one statement
STEP: Final = 100  # rows looked at a time for a listing that skips what lies deeper
LAST: Final = "\U0010ffff"  # sorts behind whatever a path can have
BEHIND: Final = "0"  # the character after /
NEXT: Final = "\1"  # a path and this: before all that sorts behind the path, for no path has it
T = TypeVar("T")


class SqlBuckets:
    """See the port."""

    def __init__(self, db: Database, limits: StorageSettings) -> None:
        self._db = db
        self._limits = limits

    async def size(self, buckets: Collection[RepoId]) -> Mapping[RepoId, Size]:
        query = sa.select(bucket_sizes).where(bucket_sizes.c.bucket.in_(list(buckets)))
        rows = await self._db.read(lambda c: c.execute(query).all())
        found = {row.bucket: Size(files=row.files, size=row.size, changed_at=row.changed_at) for row in rows}
        return {bucket: found.get(bucket, Size()) for bucket in buckets}

    async def files(self, bucket: RepoId, paths: Collection[str]) -> Sequence[BucketFile]:
        return await self._db.read(lambda c: list(_those(c, bucket, filter(is_text, paths))))

    async def listing(
        self, bucket: RepoId, prefix: str, *, recursive: bool, after: str, limit: int
    ) -> tuple[Sequence[BucketFile | BucketFolder], str]:
        """A folder of any depth costs one look: the next one begins behind it."""
        if not is_text(prefix) or not is_text(after):
            return (), ""
        pages = _flat if recursive else _shallow
        return await self._db.read(lambda c: pages(c, bucket, prefix, after, limit))

    async def change(
        self, bucket: RepoId, changes: Sequence[BucketChange], now: float, *, by: str = ""
    ) -> Sequence[Refusal]:
        """A put of content that the bucket does not hold any more is refused, too. Raises: RepoMissing."""

        def work(connection: sa.Connection) -> Sequence[Refusal]:
            repo = connection.execute(sa.select(repos.c.namespace, repos.c.name).where(repos.c.id == bucket)).first()
            if repo is None:
                raise RepoMissing(bucket)
            held, lost = _held(connection, bucket, changes)
            outcome = decide(held, *_before(connection, bucket, held))
            many = len(outcome.written) + len(outcome.removed)
            if many:
                _apply(connection, bucket, outcome, now)
                note(connection, by=by, what=f"change {many} files of bucket", about=f"{repo.namespace}/{repo.name}")
            return (*lost, *outcome.refused)

        return await self._db.run(work)

    async def known(self, repo: RepoId, xets: Collection[str]) -> Mapping[str, Content]:
        """By a client's name for it, or by its sha256."""

        def look(connection: sa.Connection) -> dict[str, Content]:
            found = {}
            for some in _some(filter(is_text, xets)):
                for xet, sha256, size, _ in connection.execute(_named(repo, some)):
                    found[xet] = Content(xet=xet, sha256=Sha256(sha256), size=size)
            return found

        return await self._db.read(look)

    async def adopt(self, bucket: RepoId, contents: Collection[Content]) -> None:
        """Raises: OverQuota, RepoMissing; then nothing is held."""

        def change(connection: sa.Connection) -> None:
            for content in contents:
                hold(connection, bucket, content.sha256, content.size, self._limits)
                mine = (xet_names.c.repo == bucket) & (xet_names.c.xet == content.xet)
                connection.execute(xet_names.delete().where(mine))
                connection.execute(xet_names.insert().values(repo=bucket, xet=content.xet, sha256=content.sha256))

        await self._db.run(change)


def _some(values: Iterable[T]) -> Iterator[list[T]]:
    """In portions that fit into one statement."""
    rest = iter(values)
    while portion := list(islice(rest, MANY)):
        yield portion


def _named(repo: RepoId, xets: list[str]) -> sa.CompoundSelect[Any]:
    """(name, sha256, size); what a client named comes last, so that it counts."""
    plain = sa.select(holdings.c.sha256.label("xet"), holdings.c.sha256, holdings.c.size, sa.literal(0).label("rank"))
    named = sa.select(xet_names.c.xet, holdings.c.sha256, holdings.c.size, sa.literal(1)).join_from(
        xet_names, holdings, (holdings.c.repo == xet_names.c.repo) & (holdings.c.sha256 == xet_names.c.sha256)
    )
    both = sa.union_all(
        plain.where(holdings.c.repo == repo, holdings.c.sha256.in_(xets)),
        named.where(xet_names.c.repo == repo, xet_names.c.xet.in_(xets)),
    )
    return both.order_by("rank")


def _those(connection: sa.Connection, bucket: RepoId, paths: Iterable[str]) -> Iterator[BucketFile]:
    for some in _some(paths):
        rows = connection.execute(
            sa.select(bucket_files).where(bucket_files.c.bucket == bucket, bucket_files.c.path.in_(some))
        )
        yield from map(_file, rows)


def _rows(bucket: RepoId, prefix: str, start: str, limit: int) -> sa.Select[Any]:
    path = bucket_files.c.path
    begun = sa.select(bucket_files).where(bucket_files.c.bucket == bucket, path >= max(prefix, start))
    return begun.where(path < prefix + LAST).order_by(path).limit(limit)


def _flat(
    connection: sa.Connection, bucket: RepoId, prefix: str, after: str, limit: int
) -> tuple[Sequence[BucketFile], str]:
    found = [_file(row) for row in connection.execute(_rows(bucket, prefix, after, limit + 1))]
    return found[:limit], found[limit].path if len(found) > limit else ""


def _shallow(
    connection: sa.Connection, bucket: RepoId, prefix: str, after: str, limit: int
) -> tuple[Sequence[BucketFile | BucketFolder], str]:
    found: list[BucketFile | BucketFolder] = []
    start = after
    while rows := connection.execute(_rows(bucket, prefix, start, STEP)).all():
        for row in rows:
            if row.path < start:
                continue
            entry = entry_of(_file(row), prefix)
            if len(found) == limit:
                return found, start
            found.append(entry)
            start = entry.path + (BEHIND if isinstance(entry, BucketFolder) else NEXT)
    return found, ""


def _held(
    connection: sa.Connection, bucket: RepoId, changes: Sequence[BucketChange]
) -> tuple[list[BucketChange], list[Refusal]]:
    """The changes whose content is there, and a refusal for each of the others."""
    wanted = {change.content.sha256 for change in changes if isinstance(change, Put)}
    there: set[str] = {EMPTY}
    for some in _some(wanted):
        query = sa.select(holdings.c.sha256).where(holdings.c.repo == bucket, holdings.c.sha256.in_(some))
        there.update(connection.execute(query).scalars())
    held = [change for change in changes if not isinstance(change, Put) or change.content.sha256 in there]
    why = "Its content is not there any more; upload it again"
    return held, [Refusal(path=change.path, why=why) for change in changes if change not in held]


def _before(
    connection: sa.Connection, bucket: RepoId, changes: Sequence[BucketChange]
) -> tuple[frozenset[str], frozenset[str]]:
    """What decide() has to know."""
    named = {change.path for change in changes if is_text(change.path)}
    asked = named | {above for path in named for above in parents(path)}
    files = frozenset(file.path for file in _those(connection, bucket, asked))
    folders: set[str] = set()
    for some in _some({change.path for change in changes if isinstance(change, Put)} & named - files):
        paths = sa.values(sa.column("path", sa.Text), name="asked").data([(path,) for path in some]).cte("asked")
        inside = sa.exists().where(
            bucket_files.c.bucket == bucket,
            bucket_files.c.path > paths.c.path + "/",
            bucket_files.c.path < paths.c.path + BEHIND,
        )
        folders.update(connection.execute(sa.select(paths.c.path).where(inside)).scalars())
    return files, frozenset(folders)


def _apply(connection: sa.Connection, bucket: RepoId, outcome: Outcome, now: float) -> None:
    gone = list(_those(connection, bucket, [*outcome.written, *outcome.removed]))
    for some in _some(file.path for file in gone):
        connection.execute(bucket_files.delete().where(bucket_files.c.bucket == bucket, bucket_files.c.path.in_(some)))
    if outcome.written:
        connection.execute(bucket_files.insert(), [_row(bucket, put, now) for put in outcome.written.values()])
    _release(connection, bucket, {file.sha256 for file in gone})
    more = len(outcome.written) - len(gone)
    bytes_more = sum(put.content.size for put in outcome.written.values()) - sum(file.size for file in gone)
    _count(connection, bucket, more, bytes_more, now)


def _count(connection: sa.Connection, bucket: RepoId, files: int, size: int, now: float) -> None:
    counts = bucket_sizes.c
    told = {"files": counts.files + files, "size": counts.size + size, "changed_at": now}
    changed = connection.execute(bucket_sizes.update().where(counts.bucket == bucket).values(told))
    if not changed.rowcount:
        connection.execute(bucket_sizes.insert().values(bucket=bucket, files=files, size=size, changed_at=now))


def _release(connection: sa.Connection, bucket: RepoId, content: Collection[Sha256]) -> None:
    listed = sa.exists().where(bucket_files.c.bucket == bucket, bucket_files.c.sha256 == holdings.c.sha256)
    for some in _some(content):
        which = (holdings.c.repo == bucket) & holdings.c.sha256.in_(some)
        connection.execute(holdings.delete().where(which, ~listed))


def _row(bucket: RepoId, put: Put, now: float) -> dict[str, Any]:
    return {
        "bucket": bucket,
        "path": put.path,
        "xet": put.content.xet,
        "sha256": put.content.sha256,
        "size": put.content.size,
        "modified_at": put.modified_at,
        "uploaded_at": now,
    }


def _file(row: Any) -> BucketFile:  # noqa: ANN401 - a row of bucket_files
    return BucketFile(
        path=row.path,
        xet=row.xet,
        sha256=Sha256(row.sha256),
        size=row.size,
        modified_at=row.modified_at,
        uploaded_at=row.uploaded_at,
    )
