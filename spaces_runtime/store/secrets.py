"""The secrets of Spaces: written by people, read only to start an instance."""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa

from spaces_runtime.domain.errors import RepoMissing
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.ports.durable import SecretShown
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import secrets, spaces
from spaces_runtime.store.seal import Seal, Sealed


class SqlSecrets:
    """The port Secrets."""

    def __init__(self, db: Database, seal: Seal) -> None:
        self._db = db
        self._seal = seal

    async def put(self, space: SpaceId, name: str, value: str, description: str, *, by: str = "") -> None:
        """Set or replace. Raises: RepoMissing."""
        sealed = self._seal.close(value, _about(space, name))
        row = {"key": sealed.key, "value": sealed.value, "description": description, "updated_at": time.time()}

        def change(connection: sa.Connection) -> None:
            _raise_version(connection, space)
            mine = (secrets.c.space == space) & (secrets.c.name == name)
            if not connection.execute(secrets.update().where(mine).values(row)).rowcount:
                connection.execute(secrets.insert().values(space=space, name=name, **row))
            note(connection, by=by, what=f"set secret {name}", about=space)

        await self._db.run(change)

    async def delete(self, space: SpaceId, name: str, *, by: str = "") -> None:
        """Deleting one that is not there changes nothing, so it restarts nothing."""

        def change(connection: sa.Connection) -> None:
            mine = (secrets.c.space == space) & (secrets.c.name == name)
            if connection.execute(secrets.delete().where(mine)).rowcount:
                _raise_version(connection, space)
                note(connection, by=by, what=f"delete secret {name}", about=space)

        await self._db.run(change)

    async def names(self, space: SpaceId) -> Mapping[str, SecretShown]:
        columns = secrets.c.name, secrets.c.description, secrets.c.updated_at
        query = sa.select(*columns).where(secrets.c.space == space).order_by(secrets.c.name)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {row.name: SecretShown(description=row.description, updated_at=row.updated_at) for row in rows}

    async def open_all(self, space: SpaceId) -> dict[str, str]:
        """Raises: Unavailable when the master key is not the one they were sealed with."""
        query = sa.select(secrets).where(secrets.c.space == space).order_by(secrets.c.name)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {row.name: self._seal.open(Sealed(row.key, row.value), _about(space, row.name)) for row in rows}


def _about(space: SpaceId, name: str) -> str:
    return f"{space}/{name}"


def _raise_version(connection: sa.Connection, space: SpaceId) -> None:
    raised = spaces.update().where(spaces.c.id == space).values(secrets=spaces.c.secrets + 1)
    if not connection.execute(raised).rowcount:
        raise RepoMissing(space)
