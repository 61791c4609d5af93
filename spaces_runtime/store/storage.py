"""What is stored, by repo and namespace, and what may be. Functions of a connection, for use in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.domain.storage import MOST, Removed, Room, Use
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import bucket_files, git_sizes, holdings, quotas, repos

MANY = 500  # values in one statement


class SqlStorage:
    """The port Storage."""

    def __init__(self, db: Database, limits: StorageSettings) -> None:
        self._db = db
        self._limits = limits

    async def room(self, repo: RepoId) -> Room:
        """Raises: RepoMissing."""
        return await self._db.read(lambda c: room(c, repo, self._limits))

    async def take(self, repo: RepoId, more: int, what: str, *, sizes: Collection[int] = ()) -> None:
        """Nothing happens when `more` bytes, and what is new of `sizes`, fit. Without limits nothing is asked.

        sizes: of files that may be there already: what the repo holds in exactly this size is taken for the same;
        whoever sends it in the end is looked at once more. Raises: OverQuota, RepoMissing.
        """

        def look(connection: sa.Connection) -> None:
            space = room(connection, repo, self._limits)
            if space.repo.limit or space.namespace.limit:
                announced = [min(max(size, 0), MOST) for size in sizes]
                known = sa.select(holdings.c.size).where(holdings.c.repo == repo, holdings.c.size.in_(set(announced)))
                same = set(connection.execute(known).scalars()) if announced else set()
                space.take(more + sum(size for size in announced if size not in same), what)

        await self._db.read(look)

    async def grew(self, repo: RepoId, more: int) -> None:
        """Git has taken this many bytes for the repo. One that is gone is fine."""

        def change(connection: sa.Connection) -> None:
            grown = git_sizes.update().where(git_sizes.c.repo == repo).values(size=git_sizes.c.size + more)
            if not connection.execute(grown).rowcount and _is_there(connection, repo):
                connection.execute(git_sizes.insert().values(repo=repo, size=more))

        if more > 0:
            await self._db.run(change)

    async def measured(self, repo: RepoId, size: int) -> None:
        """Its git folder has this many bytes."""

        def change(connection: sa.Connection) -> None:
            connection.execute(git_sizes.delete().where(git_sizes.c.repo == repo))
            if _is_there(connection, repo):
                connection.execute(git_sizes.insert().values(repo=repo, size=size))

        await self._db.run(change)

    async def all_repos(self) -> list[tuple[RepoId, Kind]]:
        """Every repo and bucket."""
        query = sa.select(repos.c.id, repos.c.kind)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [(RepoId(row.id), Kind(row.kind)) for row in rows]

    async def unused(self, repo: RepoId, named: Collection[Sha256], now: float, grace: float) -> Removed:
        """Let go of what the repo holds and no commit has named for a while. named: what its commits name now.

        What is found for the first time is only marked. Whoever sends or asks for it takes the mark away: so what was
        just acknowledged, and is about to be committed, stays. A bucket's files are its commits. now: Unix seconds.
        """

        def change(connection: sa.Connection) -> Removed:
            mine = holdings.c.repo == repo
            files = connection.execute(sa.select(bucket_files.c.sha256).where(bucket_files.c.bucket == repo)).scalars()
            wanted = {*named, *files}
            rows = connection.execute(sa.select(holdings).where(mine)).all()
            gone = [row for row in rows if row.sha256 not in wanted and (row.unused_since or now) < now - grace]
            news = [row for row in rows if row.sha256 not in wanted and row.unused_since is None]
            back = [row for row in rows if row.sha256 in wanted and row.unused_since is not None]
            for row in gone:
                connection.execute(holdings.delete().where(mine, holdings.c.sha256 == row.sha256))
            for row in (*news, *back):
                mark = now if row in news else None
                connection.execute(
                    holdings.update().where(mine, holdings.c.sha256 == row.sha256).values(unused_since=mark)
                )
            size = sum(row.size for row in gone)
            return Removed(what="large files that no commit names", count=len(gone), size=size)

        return await self._db.run(change)

    async def use_of(self, namespace: str) -> Use:
        """Of a person or an organisation, also one that has nothing."""
        return await self._db.read(lambda c: _namespace(c, namespace, self._limits))

    async def used(self, named: Collection[RepoId]) -> Mapping[RepoId, int]:
        """Bytes of each repo's large files and its git folder."""
        sums = [
            sa.select(table.c.repo, sa.func.sum(table.c.size))
            .where(table.c.repo.in_(list(named)))
            .group_by(table.c.repo)
            for table in (holdings, git_sizes)
        ]

        def look(connection: sa.Connection) -> dict[RepoId, int]:
            found: dict[RepoId, int] = dict.fromkeys(named, 0)
            for query in sums:
                for repo, size in connection.execute(query):
                    found[repo] += int(size)
            return found

        return await self._db.read(look)

    async def everybody(self) -> list[Use]:
        """Of all that have a repo or a limit of their own; the largest first."""

        def look(connection: sa.Connection) -> list[Use]:
            named = {
                str(name).lower(): str(name) for name in connection.execute(sa.select(repos.c.namespace)).scalars()
            }
            for folded in connection.execute(sa.select(quotas.c.folded)).scalars():
                named.setdefault(folded, folded)
            return [_namespace(connection, name, self._limits) for name in named.values()]

        return sorted(await self._db.read(look), key=lambda use: (-use.used, use.name))

    async def set_quota(self, namespace: str, size: int | None, *, by: str = "") -> None:
        """size: bytes; 0: no limit; None: what the settings say."""

        def change(connection: sa.Connection) -> None:
            connection.execute(quotas.delete().where(quotas.c.folded == namespace.lower()))
            if size is not None:
                connection.execute(quotas.insert().values(folded=namespace.lower(), size=size))
            told = "as set for all" if size is None else f"{size} bytes" if size else "none"
            note(connection, by=by, what=f"set quota: {told}", about=namespace)

        await self._db.run(change)


def hold(connection: sa.Connection, repo: RepoId, sha256: Sha256, size: int, limits: StorageSettings) -> None:
    """Note that this repo has proven to hold it; repeating it is fine. Raises: OverQuota, RepoMissing."""
    mine = (holdings.c.repo == repo) & (holdings.c.sha256 == sha256)
    if connection.execute(holdings.update().where(mine).values(unused_since=None)).rowcount:
        return
    room(connection, repo, limits).take(size, f"store {sha256}")
    connection.execute(holdings.insert().values(repo=repo, sha256=sha256, size=size))


def share(
    connection: sa.Connection, source: RepoId, target: RepoId, named: Collection[Sha256], limits: StorageSettings
) -> frozenset[Sha256]:
    """Let the target hold what the source holds of these; which that is. Raises: OverQuota, RepoMissing."""
    found: set[Sha256] = set()
    rest = list(named)
    while rest:
        some, rest = rest[:MANY], rest[MANY:]
        mine = (holdings.c.repo == source) & holdings.c.sha256.in_(some)
        # Locked: the source must not let go of it before the target holds it, or a sweep finds nobody who does.
        kept = sa.select(holdings.c.sha256, holdings.c.size).where(mine).with_for_update()
        for row in connection.execute(kept).all():
            hold(connection, target, Sha256(row.sha256), row.size, limits)
            found.add(Sha256(row.sha256))
    return frozenset(found)


def held(connection: sa.Connection, named: Collection[Sha256]) -> frozenset[Sha256]:
    """Which of these any repo holds."""
    found: set[Sha256] = set()
    rest = list(named)
    while rest:
        some, rest = rest[:MANY], rest[MANY:]
        found.update(connection.execute(sa.select(holdings.c.sha256).where(holdings.c.sha256.in_(some))).scalars())
    return frozenset(found)


def room(connection: sa.Connection, repo: RepoId, limits: StorageSettings) -> Room:
    """What limits the repo. What is used is counted only where there is a limit. Raises: RepoMissing."""
    row = connection.execute(sa.select(repos.c.namespace, repos.c.name).where(repos.c.id == repo)).first()
    if row is None:
        raise RepoMissing(repo)
    own = _used(connection, repos.c.id == repo) if limits.repo else 0
    return Room(
        repo=Use(name=f"{row.namespace}/{row.name}", used=own, limit=limits.repo),
        namespace=_namespace(connection, row.namespace, limits, lazily=True),
    )


def used(connection: sa.Connection, repo: RepoId) -> int:
    """Bytes of its large files and its git folder."""
    return _used(connection, repos.c.id == repo)


def _namespace(connection: sa.Connection, name: str, limits: StorageSettings, *, lazily: bool = False) -> Use:
    own: int | None = connection.execute(sa.select(quotas.c.size).where(quotas.c.folded == name.lower())).scalar()
    limit = limits.namespace if own is None else own
    below = repos.c.folded.startswith(f"{name.lower()}/", autoescape=True)
    return Use(name=name, used=_used(connection, below) if limit or not lazily else 0, limit=limit)


def _used(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """A blob that two repos hold counts for both: deleting one of them gives back what was counted for it."""
    large = sa.select(sa.func.sum(holdings.c.size)).join_from(holdings, repos).where(which)
    small = sa.select(sa.func.sum(git_sizes.c.size)).join_from(git_sizes, repos).where(which)
    return sum(int(connection.execute(query).scalar() or 0) for query in (large, small))


def _is_there(connection: sa.Connection, repo: RepoId) -> Any:  # noqa: ANN401 - a row or None
    return connection.execute(sa.select(repos.c.id).where(repos.c.id == repo)).first()
