"""What Xet clients call the content that a repo or bucket holds: their hash of a file is another than its sha256."""

from __future__ import annotations

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import RepoId, Sha256
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import holdings, xet_names


class SqlXetNames:
    """Kept per repo: a name that a client made up for its own upload leads nobody else astray."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, repo: RepoId, xet: str, sha256: Sha256) -> None:
        """The repo holds this content already. The last upload of a name counts.

        Raises: RepoMissing.
        """

        def change(connection: sa.Connection) -> None:
            connection.execute(xet_names.delete().where(xet_names.c.repo == repo, xet_names.c.xet == xet))
            connection.execute(xet_names.insert().values(repo=repo, xet=xet, sha256=sha256))

        try:
            await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(repo) from None

    async def find(self, repo: RepoId, xet: str) -> Sha256 | None:
        """The content a repo holds by a client's name, or by its sha256."""
        named = sa.select(xet_names.c.sha256).where(xet_names.c.repo == repo, xet_names.c.xet == xet)
        plain = sa.select(holdings.c.sha256).where(holdings.c.repo == repo, holdings.c.sha256 == xet)

        def look(connection: sa.Connection) -> Sha256 | None:
            found = connection.execute(named).scalar() or connection.execute(plain).scalar()
            return Sha256(found) if found else None

        return await self._db.read(look)
