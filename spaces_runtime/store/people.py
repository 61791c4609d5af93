"""Users, their passwords, tokens and sessions. Neither a password, a token nor a session can be read back."""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from spaces_runtime.domain.errors import Invalid, Missing, Taken
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.people import Membership, Person, Role, TokenShown
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.orgs import memberships, namespace
from spaces_runtime.store.schema import sessions, tokens, users

ALPHABET = string.ascii_letters + string.digits
SECRET = 34  # characters of a token after `hf_`: 202 bits; clients check the prefix only
SESSION = 30 * 86400.0  # seconds a browser stays signed in
BY_TOKEN = sa.select(
    users, tokens.c.id.label("token"), tokens.c.name.label("called"), tokens.c.role, tokens.c.created_at.label("given")
).join_from(tokens, users)


class SqlPeople:
    """The port People. Passwords are argon2id; tokens and sessions are kept as sha256 of 200 random bits and more."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's, for shared servers
        # Somebody who does not exist takes as long to refuse as somebody who does.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def create(self, name: str, password: str, *, admin: bool, by: str = "") -> Person:
        """Raises: Taken, also for a name that differs by case only; Invalid."""
        if not name or not password:
            raise Invalid(what="create a user", why="a name and a password are needed")
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        user = UserId(uuid4().hex)
        row = {
            "id": user,
            "name": name,
            "folded": name.lower(),
            "password": hashed,
            "admin": admin,
            "created_at": time.time(),
        }

        def change(connection: sa.Connection) -> Person:
            if namespace(connection, name) is not None:
                raise _taken(name)
            connection.execute(users.insert().values(row))
            note(connection, by=by, what="create user", about=name)
            return Person(id=user, name=name, admin=admin)

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:
            raise _taken(name) from None

    async def by_name(self, name: str) -> Person | None:
        return await self._one(sa.select(users).where(users.c.folded == name.lower()))

    async def by_id(self, user: UserId) -> Person | None:
        return await self._one(sa.select(users).where(users.c.id == user))

    async def everyone(self) -> Sequence[Person]:
        """By name."""
        query = sa.select(users).order_by(users.c.folded)
        return await self._db.read(lambda c: [_person(row, memberships(c, row.id)) for row in c.execute(query).all()])

    async def sign_in(self, name: str, password: str) -> Person | None:
        """None for a wrong password and for a wrong name alike."""
        query = sa.select(users).where(users.c.folded == name.lower())
        row, orgs = await self._db.read(lambda c: _found(c, query))
        held = row.password if row else self._nobody
        if not await asyncio.to_thread(self._verify, held, password) or row is None:
            return None
        if self._hasher.check_needs_rehash(held):
            await self._keep_password(UserId(row.id), password, sign_out=False)
        return _person(row, orgs)

    async def set_password(self, user: UserId, password: str) -> None:
        """Also ends every session, for whoever knew the old one."""
        if not password:
            raise Invalid(what="set a password", why="it is empty")
        await self._keep_password(user, password, sign_out=True)

    async def create_token(self, user: UserId, name: str, role: Role) -> str:
        """The token itself, this once."""
        token = "hf_" + "".join(secrets.choice(ALPHABET) for _ in range(SECRET))
        row = {
            "id": uuid4().hex,
            "user": user,
            "name": name,
            "role": role.value,
            "hash": _hash(token),
            "created_at": time.time(),
        }

        def change(connection: sa.Connection) -> None:
            who = connection.execute(sa.select(users.c.name).where(users.c.id == user)).scalar()
            if who is None:
                raise Missing(what="create a token", why="there is no such user")
            connection.execute(tokens.insert().values(row))
            note(connection, by=who, what=f"create {role.value} token", about=name)

        await self._db.run(change)
        return token

    async def by_token(self, token: str) -> tuple[Person, TokenShown] | None:
        """Who may act with it, and no further than the token's role."""
        query = BY_TOKEN.where(tokens.c.hash == _hash(token))
        row, orgs = await self._db.read(lambda c: _found(c, query))
        if row is None:
            return None
        shown = TokenShown(id=row.token, name=row.called, role=Role(row.role), created_at=row.given)
        return replace(_person(row, orgs), role=shown.role), shown

    async def tokens(self, user: UserId) -> Sequence[TokenShown]:
        """Oldest first."""
        query = sa.select(tokens).where(tokens.c.user == user).order_by(tokens.c.created_at)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [TokenShown(id=r.id, name=r.name, role=Role(r.role), created_at=r.created_at) for r in rows]

    async def delete_token(self, user: UserId, token: str) -> None:
        """token: TokenShown.id. Nothing happens to somebody else's."""

        def change(connection: sa.Connection) -> None:
            gone = tokens.delete().where(tokens.c.id == token, tokens.c.user == user).returning(tokens.c.name)
            name = connection.execute(gone).scalar()
            if name is not None:
                who = connection.execute(sa.select(users.c.name).where(users.c.id == user)).scalar_one()
                note(connection, by=who, what="delete token", about=name)

        await self._db.run(change)

    async def create_session(self, user: UserId) -> str:
        """The cookie's value, this once; valid for 30 days."""
        session, now = secrets.token_urlsafe(32), time.time()

        def change(connection: sa.Connection) -> None:
            connection.execute(sessions.delete().where(sessions.c.created_at < now - SESSION))
            connection.execute(sessions.insert().values(hash=_hash(session), user=user, created_at=now))

        await self._db.run(change)
        return session

    async def by_session(self, session: str) -> Person | None:
        live = (sessions.c.hash == _hash(session)) & (sessions.c.created_at >= time.time() - SESSION)
        return await self._one(sa.select(users).join_from(sessions, users).where(live))

    async def delete_session(self, session: str) -> None:
        gone = sessions.delete().where(sessions.c.hash == _hash(session))
        await self._db.execute(gone)

    async def _one(self, query: sa.Select[Any]) -> Person | None:
        row, orgs = await self._db.read(lambda c: _found(c, query))
        return _person(row, orgs) if row else None

    async def _keep_password(self, user: UserId, password: str, *, sign_out: bool) -> None:
        hashed = await asyncio.to_thread(self._hasher.hash, password)

        def change(connection: sa.Connection) -> None:
            name = connection.execute(
                users.update().where(users.c.id == user).values(password=hashed).returning(users.c.name)
            ).scalar()
            if name is None:
                raise Missing(what="set a password", why="there is no such user")
            if sign_out:
                connection.execute(sessions.delete().where(sessions.c.user == user))
                note(connection, by=name, what="set password", about=name)

        await self._db.run(change)

    def _verify(self, held: str, password: str) -> bool:
        try:
            return self._hasher.verify(held, password)
        except (VerificationError, InvalidHashError):
            return False


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()  # random enough that a slow hash adds nothing


def _found(connection: sa.Connection, query: sa.Select[Any]) -> tuple[Any, tuple[Membership, ...]]:
    """A row of users, and where they are members: one look for both."""
    row = connection.execute(query).first()
    return row, memberships(connection, row.id) if row else ()


def _person(row: Any, orgs: tuple[Membership, ...]) -> Person:  # noqa: ANN401 - a row of users
    return Person(id=UserId(row.id), name=row.name, admin=row.admin, orgs=orgs)


def _taken(name: str) -> Taken:
    return Taken(what=f"create the user {name}", why="the name is taken", then="Choose another one.")
