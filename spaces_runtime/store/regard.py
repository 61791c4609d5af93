"""Likes, requests for access, and how often files were fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.regard import AccessRequest, AccessState, Like
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.rows import repo_of
from spaces_runtime.store.schema import access_requests, downloads, likes, repos, users

WINDOW = 30  # days that count as downloads
REQUESTS = sa.select(access_requests, users.c.name).join_from(access_requests, users)


class SqlLikes:
    """The port Likes. The count beside a repo changes in the same transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, repo: RepoId, user: UserId, *, by: str = "") -> None:
        """Raises: RepoMissing."""

        def change(connection: sa.Connection) -> None:
            if not connection.execute(sa.select(likes).where(_mine(repo, user))).first():
                connection.execute(likes.insert().values(repo=repo, user=user, created_at=time.time()))
                _count(connection, repo, by, "like", 1)

        try:
            await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(repo) from None

    async def delete(self, repo: RepoId, user: UserId, *, by: str = "") -> None:
        """One that is not there is fine."""

        def change(connection: sa.Connection) -> None:
            if connection.execute(likes.delete().where(_mine(repo, user))).rowcount:
                _count(connection, repo, by, "unlike", -1)

        await self._db.run(change)

    async def likers(self, repo: RepoId, *, after: str, limit: int) -> Sequence[str]:
        """Names, from behind `after` on."""
        query = sa.select(users.c.name).join_from(likes, users).where(likes.c.repo == repo)
        page = query.where(users.c.folded > after.lower()).order_by(users.c.folded).limit(limit)
        return await self._db.read(lambda c: list(c.execute(page).scalars()))

    async def of(self, user: UserId) -> Sequence[Like]:
        """Newest first."""
        query = sa.select(repos, likes.c.created_at.label("liked_at")).join_from(likes, repos)
        mine = query.where(likes.c.user == user).order_by(likes.c.created_at.desc(), repos.c.id)
        return await self._db.read(lambda c: [Like(repo=repo_of(row), at=row.liked_at) for row in c.execute(mine)])

    async def likes(self, repo: RepoId, user: UserId) -> bool:
        query = sa.select(likes.c.repo).where(_mine(repo, user))
        return await self._db.read(lambda c: c.execute(query).first() is not None)


class SqlAccesses:
    """The port Accesses."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, repo: RepoId, user: UserId) -> AccessRequest | None:
        mine = (access_requests.c.repo == repo) & (access_requests.c.user == user)
        row = await self._db.read(lambda c: c.execute(REQUESTS.where(mine)).first())
        return _request(row) if row else None

    async def by_id(self, repo: RepoId, request: str) -> tuple[AccessRequest, UserId] | None:
        this = (access_requests.c.repo == repo) & (access_requests.c.id == request)
        row = await self._db.read(lambda c: c.execute(REQUESTS.where(this)).first())
        return (_request(row), UserId(row.user)) if row else None

    async def listing(self, repo: RepoId, state: AccessState) -> Sequence[AccessRequest]:
        """Oldest first."""
        here = (access_requests.c.repo == repo) & (access_requests.c.state == state.value)
        query = REQUESTS.where(here).order_by(access_requests.c.created_at, access_requests.c.id)
        return await self._db.read(lambda c: [_request(row) for row in c.execute(query)])

    async def put(self, repo: RepoId, user: UserId, state: AccessState, *, reason: str = "", by: str = "") -> None:
        """Where there is none it is made. Raises: RepoMissing."""
        mine = (access_requests.c.repo == repo) & (access_requests.c.user == user)
        values = {"state": state.value, "reason": reason}

        def change(connection: sa.Connection) -> None:
            if not connection.execute(access_requests.update().where(mine).values(values)).rowcount:
                row = {"id": uuid4().hex[:24], "repo": repo, "user": user, "created_at": time.time(), **values}
                connection.execute(access_requests.insert().values(row))
            name = connection.execute(sa.select(users.c.name).where(users.c.id == user)).scalar_one()
            note(connection, by=by, what=f"access {state.value} for {name}", about=_named(connection, repo))

        try:
            await self._db.run(change)
        except (sa.exc.IntegrityError, sa.exc.NoResultFound):
            raise RepoMissing(repo) from None


class SqlDownloads:
    """The port Downloads. No audit: nobody changed anything."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, counts: Mapping[RepoId, int], day: int) -> None:
        """Of repos that are gone nothing is counted."""

        def change(connection: sa.Connection) -> None:
            for repo, count in counts.items():
                more = {"downloads": repos.c.downloads + count, "downloads_ever": repos.c.downloads_ever + count}
                if not connection.execute(repos.update().where(repos.c.id == repo).values(more)).rowcount:
                    continue
                today = (downloads.c.repo == repo) & (downloads.c.day == day)
                counted = downloads.update().where(today).values(count=downloads.c.count + count)
                if not connection.execute(counted).rowcount:
                    connection.execute(downloads.insert().values(repo=repo, day=day, count=count))

        await self._db.run(change)

    async def recount(self, day: int) -> None:
        """Once a day: what is older than 30 days no longer counts."""
        inside = sa.select(sa.func.coalesce(sa.func.sum(downloads.c.count), 0)).where(downloads.c.repo == repos.c.id)

        def change(connection: sa.Connection) -> None:
            old = downloads.delete().where(downloads.c.day <= day - WINDOW)
            if connection.execute(old).rowcount:
                counted = repos.update().where(repos.c.downloads > 0)
                connection.execute(counted.values(downloads=inside.scalar_subquery()))

        await self._db.run(change)


def _mine(repo: RepoId, user: UserId) -> sa.ColumnElement[bool]:
    return (likes.c.repo == repo) & (likes.c.user == user)


def _count(connection: sa.Connection, repo: RepoId, by: str, what: str, more: int) -> None:
    counted = repos.update().where(repos.c.id == repo).values(likes=repos.c.likes + more)
    connection.execute(counted)
    note(connection, by=by, what=what, about=_named(connection, repo))


def _named(connection: sa.Connection, repo: RepoId) -> str:
    row = connection.execute(sa.select(repos.c.namespace, repos.c.name).where(repos.c.id == repo)).one()
    return f"{row.namespace}/{row.name}"


def _request(row: Any) -> AccessRequest:  # noqa: ANN401 - a row of REQUESTS
    return AccessRequest(id=row.id, user=row.name, state=AccessState(row.state), reason=row.reason, at=row.created_at)
