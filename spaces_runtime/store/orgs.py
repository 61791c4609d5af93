"""Organisations: a namespace that several people have in common."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from spaces_runtime.domain.errors import Invalid, Missing, Taken
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.people import Membership, Organisation, OrgRole
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import members, orgs, repos, users

MINE = sa.select(orgs, members.c.role).join_from(members, orgs)


class SqlOrgs:
    """The port Orgs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, name: str, fullname: str, details: str, founder: UserId | None, *, by: str = "") -> None:
        """Raises: Taken, also by a user, and for a name that differs by case only."""
        now = time.time()
        row = {"id": uuid4().hex, "name": name, "folded": name.lower(), "fullname": fullname, "details": details}

        def change(connection: sa.Connection) -> None:
            if namespace(connection, name) is not None:
                raise _taken(name)
            connection.execute(orgs.insert().values(row | {"created_at": now}))
            if founder is not None:
                member = {"org": row["id"], "user": founder, "role": OrgRole.ADMIN.value, "created_at": now}
                connection.execute(members.insert().values(member))
            note(connection, by=by, what="create organisation", about=name)

        try:
            await self._db.run(change)
        except sa.exc.IntegrityError:
            raise _taken(name) from None

    async def by_name(self, name: str) -> Organisation | None:
        query = sa.select(orgs).where(orgs.c.folded == name.lower())
        row = await self._db.read(lambda c: c.execute(query).first())
        return _organisation(row) if row else None

    async def everyone(self) -> Sequence[Organisation]:
        """By name."""
        query = sa.select(orgs).order_by(orgs.c.folded)
        return await self._db.read(lambda c: [_organisation(row) for row in c.execute(query)])

    async def of(self, user: UserId) -> Sequence[tuple[Organisation, OrgRole]]:
        """By name."""
        query = MINE.where(members.c.user == user).order_by(orgs.c.folded)
        return await self._db.read(lambda c: [(_organisation(row), OrgRole(row.role)) for row in c.execute(query)])

    async def members(self, org: str, *, after: str, limit: int) -> Sequence[tuple[str, OrgRole]]:
        """Names, from behind `after` on."""
        joined = sa.select(users.c.name, members.c.role).join_from(members, users).join(orgs)
        here = (orgs.c.folded == org.lower()) & (users.c.folded > after.lower())
        query = joined.where(here).order_by(users.c.folded).limit(limit)
        return await self._db.read(lambda c: [(row.name, OrgRole(row.role)) for row in c.execute(query)])

    async def count(self, org: str) -> int:
        """Of members."""
        query = sa.select(sa.func.count()).select_from(members).join(orgs).where(orgs.c.folded == org.lower())
        return await self._db.read(lambda c: int(c.execute(query).scalar_one()))

    async def set_role(self, org: str, user: UserId, role: OrgRole | None, *, by: str = "") -> None:
        """Raises: Missing; Invalid when nobody would be left to lead it."""

        def change(connection: sa.Connection) -> None:
            found = connection.execute(sa.select(orgs).where(orgs.c.folded == org.lower())).first()
            who = connection.execute(sa.select(users.c.name).where(users.c.id == user)).scalar()
            if found is None or who is None:
                raise Missing(what=f"change the members of {org}", why="there is no such organisation or user")
            mine = (members.c.org == found.id) & (members.c.user == user)
            if role is None:
                connection.execute(members.delete().where(mine))
            elif not connection.execute(members.update().where(mine).values(role=role.value)).rowcount:
                row = {"org": found.id, "user": user, "role": role.value, "created_at": time.time()}
                connection.execute(members.insert().values(row))
            _still_led(connection, found)
            what = "remove from organisation" if role is None else f"make {role.value} of organisation"
            note(connection, by=by, what=f"{what} {found.name}", about=who)

        await self._db.run(change)

    async def delete(self, org: str, *, by: str = "") -> None:
        """Raises: Missing; Taken while repos stand in it."""

        def change(connection: sa.Connection) -> None:
            here = sa.select(repos.c.id).where(repos.c.owner == org.lower()).limit(1)
            if connection.execute(here).first() is not None:
                raise Taken(what=f"delete {org}", why="it has repos", then="Move or delete them first.")
            gone = orgs.delete().where(orgs.c.folded == org.lower()).returning(orgs.c.name)
            name = connection.execute(gone).scalar()
            if name is None:
                raise Missing(what=f"delete {org}", why="there is no such organisation")
            note(connection, by=by, what="delete organisation", about=name)

        await self._db.run(change)

    async def namespace(self, name: str) -> str | None:
        return await self._db.read(lambda c: namespace(c, name))


def namespace(connection: sa.Connection, name: str) -> str | None:
    """The user or organisation of this name, as it was created; both share one space of names."""
    named = [sa.select(table.c.name).where(table.c.folded == name.lower()) for table in (users, orgs)]
    found: str | None = connection.execute(sa.union_all(*named)).scalar()
    return found


def memberships(connection: sa.Connection, user: str) -> tuple[Membership, ...]:
    """Of one person; nobody waits long for it, for it is asked with every request."""
    query = sa.select(orgs.c.name, members.c.role).join_from(members, orgs).where(members.c.user == user)
    return tuple(Membership(org=row.name, role=OrgRole(row.role)) for row in connection.execute(query))


def _still_led(connection: sa.Connection, org: Any) -> None:  # noqa: ANN401 - a row of orgs
    leads = (members.c.org == org.id) & (members.c.role == OrgRole.ADMIN.value)
    if connection.execute(sa.select(members.c.user).where(leads).limit(1)).first() is None:
        why = "nobody would be left who leads it"
        raise Invalid(what=f"change the members of {org.name}", why=why, then="Make somebody else an admin first.")


def _organisation(row: Any) -> Organisation:  # noqa: ANN401 - a row of orgs
    return Organisation(id=row.id, name=row.name, fullname=row.fullname, details=row.details, created_at=row.created_at)


def _taken(name: str) -> Taken:
    return Taken(what=f"create the organisation {name}", why="the name is taken", then="Choose another one.")
