"""The port Holdings: which large files each repo has proven to hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store import storage
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import holdings, repos


class SqlHoldings:
    """See the port."""

    def __init__(self, db: Database, limits: StorageSettings) -> None:
        self._db = db
        self._limits = limits

    async def of(self, repo: RepoId) -> Mapping[Sha256, int]:
        query = sa.select(holdings.c.sha256, holdings.c.size).where(holdings.c.repo == repo)
        return await self._db.read(lambda c: {Sha256(row.sha256): row.size for row in c.execute(query)})

    async def share(
        self, source: RepoId, target: RepoId, named: Collection[Sha256], *, by: str = ""
    ) -> Collection[Sha256]:
        """Raises: OverQuota, RepoMissing; then nothing was shared."""

        def change(connection: sa.Connection) -> Collection[Sha256]:
            held = storage.share(connection, source, target, named, self._limits)
            if held:
                told = f"copy {len(held)} large files from {full_name(connection, source)}"
                note(connection, by=by, what=told, about=full_name(connection, target))
            return [sha256 for sha256 in named if sha256 not in held]

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(target) from None

    async def release(self, repo: RepoId, named: Collection[Sha256], *, by: str = "") -> None:
        def change(connection: sa.Connection) -> None:
            gone = holdings.delete().where(holdings.c.repo == repo, holdings.c.sha256.in_(named))
            count = connection.execute(gone).rowcount
            if count:
                note(connection, by=by, what=f"delete {count} large files for good", about=full_name(connection, repo))

        await self._db.run(change)


def full_name(connection: sa.Connection, repo: RepoId) -> str:
    """A repo as people name it; its id when it is gone."""
    row = connection.execute(sa.select(repos.c.namespace, repos.c.name).where(repos.c.id == repo)).first()
    return f"{row.namespace}/{row.name}" if row else repo
