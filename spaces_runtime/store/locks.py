"""The port Locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.locks import Lock
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.holdings import full_name
from spaces_runtime.store.schema import lfs_locks, users


class SqlLocks:
    """See the port."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def lock(self, repo: RepoId, path: str, *, by: str, now: float) -> tuple[Lock, bool]:
        """Raises: RepoMissing."""

        def change(connection: sa.Connection) -> tuple[Lock, bool]:
            there = connection.execute(_query(repo).where(lfs_locks.c.path == path)).first()
            if there is not None:
                return _lock(there), False
            user = connection.execute(sa.select(users.c.id).where(users.c.folded == by.lower())).scalar_one()
            made = Lock(id=uuid4().hex, path=path, owner=by, at=now)
            connection.execute(lfs_locks.insert().values(id=made.id, repo=repo, path=path, user=user, at=now))
            note(connection, by=by, what=f"lock {path}", about=full_name(connection, repo))
            return made, True

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(repo) from None

    async def locks(self, repo: RepoId) -> Sequence[Lock]:
        query = _query(repo).order_by(lfs_locks.c.path)
        return await self._db.read(lambda c: [_lock(row) for row in c.execute(query)])

    async def unlock(self, repo: RepoId, lock: str, *, by: str) -> None:
        def change(connection: sa.Connection) -> None:
            gone = lfs_locks.delete().where(lfs_locks.c.repo == repo, lfs_locks.c.id == lock)
            path = connection.execute(gone.returning(lfs_locks.c.path)).scalar()
            if path is not None:
                note(connection, by=by, what=f"unlock {path}", about=full_name(connection, repo))

        await self._db.run(change)


def _query(repo: RepoId) -> sa.Select[Any]:
    shown = sa.select(lfs_locks.c.id, lfs_locks.c.path, users.c.name, lfs_locks.c.at)
    return shown.join_from(lfs_locks, users).where(lfs_locks.c.repo == repo)


def _lock(row: Any) -> Lock:  # noqa: ANN401 - a row of _query()
    return Lock(id=row.id, path=row.path, owner=row.name, at=row.at)
