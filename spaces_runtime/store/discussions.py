"""The port Discussions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

from spaces_runtime.domain.discussions import Discussion, Happening, Status, What
from spaces_runtime.domain.errors import Missing, RepoMissing
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.holdings import full_name
from spaces_runtime.store.schema import discussions, happenings, repos

TRIES: Final = 5  # two that open one at once want the same number


class SqlDiscussions:
    """See the port."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self, repo: RepoId, title: str, text: str, *, base: str, by: str, now: float) -> Discussion:
        """Raises: RepoMissing."""

        def change(connection: sa.Connection) -> Discussion:
            if connection.execute(sa.select(repos.c.id).where(repos.c.id == repo)).scalar() is None:
                raise RepoMissing(repo)
            last = sa.select(sa.func.max(discussions.c.number)).where(discussions.c.repo == repo)
            made = Discussion(
                repo=repo,
                number=(connection.execute(last).scalar() or 0) + 1,
                title=title,
                author=by,
                created_at=now,
                status=Status.DRAFT if base else Status.OPEN,
                base=base,
            )
            row = {"title": title, "author": by, "created_at": now, "status": made.status.value, "base": base}
            connection.execute(discussions.insert().values(repo=repo, number=made.number, merged="", **row))
            if text:
                _add(connection, made, Happening(id=uuid4().hex, what=What.COMMENT, author=by, at=now, text=text))
            what = "pull request" if base else "discussion"
            note(connection, by=by, what=f"open {what} {made.number}", about=full_name(connection, repo))
            return made

        for _ in range(TRIES - 1):
            try:
                return await self._db.run(change)
            except sa.exc.IntegrityError:
                continue
        return await self._db.run(change)

    async def remove(self, repo: RepoId, number: int) -> None:
        await self._db.execute(discussions.delete().where(discussions.c.repo == repo, discussions.c.number == number))

    async def of(self, repo: RepoId) -> Sequence[Discussion]:
        query = sa.select(discussions).where(discussions.c.repo == repo).order_by(discussions.c.number.desc())
        return await self._db.read(lambda c: [_discussion(row) for row in c.execute(query)])

    async def find(self, repo: RepoId, number: int) -> Discussion | None:
        query = sa.select(discussions).where(discussions.c.repo == repo, discussions.c.number == number)
        row = await self._db.read(lambda c: c.execute(query).first())
        return _discussion(row) if row else None

    async def happenings(self, discussion: Discussion) -> Sequence[Happening]:
        query = sa.select(happenings).where(_mine(discussion)).order_by(happenings.c.serial)
        return await self._db.read(lambda c: [_happening(row) for row in c.execute(query)])

    async def comment(self, discussion: Discussion, text: str, *, by: str, now: float) -> Happening:
        said = Happening(id=uuid4().hex, what=What.COMMENT, author=by, at=now, text=text)
        return await self._happened(discussion, said, {})

    async def rename(self, discussion: Discussion, title: str, *, by: str, now: float) -> Happening:
        before = discussion.title
        said = Happening(id=uuid4().hex, what=What.TITLE, author=by, at=now, text=title, before=before)
        return await self._happened(discussion, said, {"title": title})

    async def set_status(
        self, discussion: Discussion, status: Status, *, by: str, now: float, merged: str = ""
    ) -> Happening:
        said = Happening(id=uuid4().hex, what=What.STATUS, author=by, at=now, text=status.value)
        return await self._happened(discussion, said, {"status": status.value, "merged": merged})

    async def edit(self, discussion: Discussion, comment: str, text: str, *, hide: bool, by: str) -> Happening:
        """Raises: Missing."""

        def change(connection: sa.Connection) -> Happening:
            one = _mine(discussion) & (happenings.c.id == comment) & (happenings.c.what == What.COMMENT.value)
            row = connection.execute(sa.select(happenings).where(one)).first()
            if row is None:
                raise Missing(what="change the comment", why="there is none of this id")
            said = replace(_happening(row), text=text, edited=row.edited or not hide, hidden=row.hidden or hide)
            connection.execute(
                happenings.update().where(one).values(text=said.text, edited=said.edited, hidden=said.hidden)
            )
            verb = "hide" if hide else "edit"
            about = full_name(connection, discussion.repo)
            note(connection, by=by, what=f"{verb} a comment in discussion {discussion.number}", about=about)
            return said

        return await self._db.run(change)

    async def _happened(self, discussion: Discussion, said: Happening, changes: dict[str, str]) -> Happening:
        def change(connection: sa.Connection) -> Happening:
            if changes:
                mine = (discussions.c.repo == discussion.repo) & (discussions.c.number == discussion.number)
                connection.execute(discussions.update().where(mine).values(changes))
            _add(connection, discussion, said)
            what = f"{said.what.value} in discussion {discussion.number}"
            note(connection, by=said.author, what=what, about=full_name(connection, discussion.repo))
            return said

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(discussion.repo) from None


def _mine(discussion: Discussion) -> sa.ColumnElement[bool]:
    return (happenings.c.repo == discussion.repo) & (happenings.c.number == discussion.number)


def _add(connection: sa.Connection, discussion: Discussion, said: Happening) -> None:
    connection.execute(
        happenings.insert().values(
            id=said.id,
            repo=discussion.repo,
            number=discussion.number,
            what=said.what.value,
            author=said.author,
            at=said.at,
            text=said.text,
            before=said.before,
            edited=said.edited,
            hidden=said.hidden,
        )
    )


def _discussion(row: Any) -> Discussion:  # noqa: ANN401 - a row of discussions
    return Discussion(
        repo=RepoId(row.repo),
        number=row.number,
        title=row.title,
        author=row.author,
        created_at=row.created_at,
        status=Status(row.status),
        base=row.base,
        merged=row.merged,
    )


def _happening(row: Any) -> Happening:  # noqa: ANN401 - a row of happenings
    return Happening(
        id=row.id,
        what=What(row.what),
        author=row.author,
        at=row.at,
        text=row.text,
        before=row.before,
        edited=row.edited,
        hidden=row.hidden,
    )
