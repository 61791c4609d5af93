"""The repos there are, and what they hold."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from spaces_runtime.domain.access import Sight
from spaces_runtime.domain.allowance import Allowance
from spaces_runtime.domain.errors import RepoMissing, Taken
from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256
from spaces_runtime.domain.listing import Listed, Query
from spaces_runtime.domain.repo import Gating, Kind, Repo, Visibility
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.domain.summary import Summary, dumps
from spaces_runtime.store import listing, storage
from spaces_runtime.store.allowances import standing
from spaces_runtime.store.audit import note
from spaces_runtime.store.database import Database
from spaces_runtime.store.rows import repo_of
from spaces_runtime.store.schema import aliases, facts, holdings, moves, repos, tags
from spaces_runtime.store.spaces import readdress, take_down

NO_LIMITS, NO_ALLOWANCE = StorageSettings(), Allowance()


class SqlIndex:
    """The port Index."""

    def __init__(self, db: Database, limits: StorageSettings = NO_LIMITS, allowance: Allowance = NO_ALLOWANCE) -> None:
        self._db = db
        self._limits = limits
        self._allowance = allowance

    async def create(
        self, repo: Repo, *, by: str = "", like: RepoId | None = None, large: Collection[Sha256] = ()
    ) -> None:
        """Raises: Taken, also for a name that differs by case only; OverQuota; Refused for a Space too many."""
        row = {
            "id": repo.id,
            "kind": repo.kind.value,
            "namespace": repo.namespace,
            "name": repo.name,
            "folded": repo.full.lower(),
            "owner": repo.namespace.lower(),
            "visibility": repo.visibility.value,
            "gated": repo.gated.value if repo.gated else "",
            "creator": repo.creator,
            "created_at": repo.created_at,
            "updated_at": repo.updated_at,
            "head": repo.head,
            "sdk": repo.sdk,
            **dict.fromkeys(("downloads", "downloads_ever", "likes", "parameters"), 0),
        }

        def change(connection: sa.Connection) -> None:
            if repo.kind is Kind.SPACE:
                standing(connection, repo.namespace, self._allowance).take_space(f"create {repo.full}")
            connection.execute(repos.insert().values(row))
            _free(connection, repo.kind, repo.full)
            note(connection, by=by, what=f"create {repo.kind.value}", about=repo.full)
            if like is not None:
                storage.share(connection, like, repo.id, large, self._limits)

        try:
            await self._db.run(change)
        except sa.exc.IntegrityError:
            why = f"there is a {repo.kind.value} of this name"
            raise Taken(what=f"create {repo.full}", why=why, then="Choose another name.") from None

    async def find(self, kind: Kind, namespace: str, name: str) -> Repo | None:
        """Case does not matter."""
        folded = f"{namespace}/{name}".lower()
        return await self._one(sa.select(repos).where(repos.c.kind == kind.value, repos.c.folded == folded))

    async def by_id(self, repo: RepoId) -> Repo | None:
        return await self._one(sa.select(repos).where(repos.c.id == repo))

    async def listing(self, kind: Kind, *, namespace: str | None = None, search: str = "") -> Sequence[Repo]:
        """Newest change first. search: a part of namespace/name."""
        query = sa.select(repos).where(repos.c.kind == kind.value).order_by(repos.c.updated_at.desc(), repos.c.id)
        if namespace is not None:
            query = query.where(sa.func.lower(repos.c.namespace) == namespace.lower())
        if search:
            query = query.where(repos.c.folded.contains(search.lower(), autoescape=True))
        return await self._db.read(lambda c: [repo_of(row) for row in c.execute(query)])

    async def page(self, query: Query) -> Sequence[Listed]:
        """About 20 ms for a thousand rows of ten thousand repos."""
        return await self._db.read(lambda c: listing.page(c, query))

    async def ids(self, query: Query) -> Sequence[RepoId]:
        return await self._db.read(lambda c: listing.ids(c, query))

    async def count(self, query: Query) -> int:
        return await self._db.read(lambda c: listing.count(c, query))

    async def popular_tags(self, kind: Kind, seen: Sight) -> Sequence[str]:
        return await self._db.read(lambda c: listing.popular_tags(c, kind, seen))

    async def summary(self, repo: RepoId) -> Summary | None:
        return await self._db.read(lambda c: listing.summary(c, repo))

    async def set_head(self, repo: RepoId, head: RevisionId, summary: Summary | None = None) -> None:
        """Repeating the same head changes nothing, so a rescan leaves updated_at alone."""
        moved = repos.update().where(repos.c.id == repo, repos.c.head.is_distinct_from(head))

        def change(connection: sa.Connection) -> None:
            connection.execute(moved.values(head=head, updated_at=time.time()))
            if summary is not None:
                _keep(connection, repo, summary)

        await self._db.run(change)

    async def set_visibility(self, repo: RepoId, visibility: Visibility, *, by: str = "") -> None:
        """Raises: RepoMissing."""

        def change(connection: sa.Connection) -> None:
            chosen = repos.update().where(repos.c.id == repo).values(visibility=visibility.value)
            row = connection.execute(chosen.returning(repos.c.namespace, repos.c.name)).first()
            if row is None:
                raise RepoMissing(repo)
            note(connection, by=by, what=f"make {visibility.value}", about=f"{row.namespace}/{row.name}")

        await self._db.run(change)

    async def set_gated(self, repo: RepoId, gated: Gating | None, *, by: str = "") -> None:
        """Raises: RepoMissing."""
        word = gated.value if gated else ""

        def change(connection: sa.Connection) -> None:
            chosen = repos.update().where(repos.c.id == repo).values(gated=word)
            row = connection.execute(chosen.returning(repos.c.namespace, repos.c.name)).first()
            if row is None:
                raise RepoMissing(repo)
            note(connection, by=by, what=f"gate: {word or 'open'}", about=f"{row.namespace}/{row.name}")

        await self._db.run(change)

    async def move(self, repo: RepoId, namespace: str, name: str, *, subdomain: str = "", by: str = "") -> Repo:
        """Its old name leads to it, until somebody creates one there. Raises: Refused, RepoMissing, Taken."""

        def change(connection: sa.Connection) -> Repo:
            row = connection.execute(sa.select(repos).where(repos.c.id == repo)).first()
            if row is None:
                raise RepoMissing(repo)
            before = repo_of(row)
            moved = replace(before, namespace=namespace, name=name)
            folded = moved.full.lower()
            taken = sa.select(repos.c.id).where(repos.c.kind == row.kind, repos.c.folded == folded, repos.c.id != repo)
            if connection.execute(taken).first() is not None:
                raise _taken(moved)
            if before.kind is Kind.SPACE and namespace.lower() != row.owner:
                standing(connection, namespace, self._allowance).take_space(f"rename {before.full} to {moved.full}")
            named = {"namespace": namespace, "name": name, "folded": folded, "owner": namespace.lower()}
            connection.execute(repos.update().where(repos.c.id == repo).values(named))
            _free(connection, before.kind, moved.full)
            if folded != row.folded:
                _free(connection, before.kind, before.full)
                connection.execute(moves.insert().values(kind=row.kind, folded=row.folded, repo=repo))
            if subdomain:
                readdress(connection, repo, subdomain, by)
            note(connection, by=by, what=f"rename {row.kind} {before.full}", about=moved.full)
            return moved

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:  # somebody took the name at the same moment
            why = f"A repository called {namespace}/{name} already exists"
            raise Taken(what=f"rename it to {namespace}/{name}", why=why) from None

    async def moved(self, kind: Kind, namespace: str, name: str) -> Repo | None:
        """The repo that had this name."""
        named = (moves.c.kind == kind.value) & (moves.c.folded == f"{namespace}/{name}".lower())
        return await self._one(sa.select(repos).join_from(moves, repos).where(named))

    async def delete(self, repo: RepoId, *, by: str = "") -> None:
        """Its Space, aliases and proofs of holding go with it; the audit stays. Repeating it is fine."""

        def change(connection: sa.Connection) -> None:
            gone = repos.delete().where(repos.c.id == repo).returning(repos.c.kind, repos.c.namespace, repos.c.name)
            row = connection.execute(gone).first()
            if row is not None:
                note(connection, by=by, what=f"delete {row.kind}", about=f"{row.namespace}/{row.name}")
                take_down(connection, repo, by)

        await self._db.run(change)

    async def alias(self, kind: Kind, name: str) -> Repo | None:
        """The repo an operator gave this one-segment name to."""
        named = (aliases.c.kind == kind.value) & (aliases.c.folded == name.lower())
        return await self._one(sa.select(repos).join_from(aliases, repos).where(named))

    async def set_alias(self, kind: Kind, name: str, repo: RepoId, *, by: str = "") -> None:
        """Moves it when the name has one."""

        def change(connection: sa.Connection) -> None:
            named = (aliases.c.kind == kind.value) & (aliases.c.folded == name.lower())
            connection.execute(aliases.delete().where(named))
            connection.execute(aliases.insert().values(kind=kind.value, folded=name.lower(), repo=repo))
            note(connection, by=by, what=f"alias {kind.value} {name}", about=repo)

        try:
            await self._db.run(change)
        except sa.exc.IntegrityError:
            raise RepoMissing(repo) from None

    async def hold(self, repo: RepoId, sha256: Sha256, size: int) -> None:
        """Repeating it is fine. Raises: OverQuota."""
        try:
            await self._db.run(lambda c: storage.hold(c, repo, sha256, size, self._limits))
        except sa.exc.IntegrityError:
            raise RepoMissing(repo) from None

    async def holds(self, repo: RepoId, sha256: Sha256) -> int | None:
        """Whoever asks may be about to commit it: what a sweep has its eye on is in use again from now on."""
        query = sa.select(holdings.c.size, holdings.c.unused_since)
        mine = (holdings.c.repo == repo) & (holdings.c.sha256 == sha256)
        row = await self._db.read(lambda c: c.execute(query.where(mine)).first())
        if row is None or row.unused_since is None:
            return row.size if row else None
        used = holdings.update().where(mine).values(unused_since=None).returning(holdings.c.size)
        size: int | None = await self._db.run(lambda c: c.execute(used).scalar())
        return size

    async def held(self, named: Collection[Sha256]) -> frozenset[Sha256]:
        """Which of these any repo holds."""
        return await self._db.read(lambda c: storage.held(c, named))

    async def audit(self, by: str, what: str, about: str) -> None:
        await self._db.run(lambda c: note(c, by=by, what=what, about=about))

    async def _one(self, query: sa.Select[Any]) -> Repo | None:
        row = await self._db.read(lambda c: c.execute(query).first())
        return repo_of(row) if row else None


def _free(connection: sa.Connection, kind: Kind, full: str) -> None:
    """A name that leads to a repo that had it before leads there no longer."""
    connection.execute(moves.delete().where(moves.c.kind == kind.value, moves.c.folded == full.lower()))


def _keep(connection: sa.Connection, repo: RepoId, summary: Summary) -> None:
    """What listings show and filter by, instead of what was kept before."""
    kind = connection.execute(
        repos.update().where(repos.c.id == repo).values(parameters=summary.parameters).returning(repos.c.kind)
    ).scalar()
    if kind is None:
        return
    shown, card = dumps(summary)
    connection.execute(facts.delete().where(facts.c.repo == repo))
    connection.execute(facts.insert().values(repo=repo, head=summary.head, shown=shown, card=card))
    connection.execute(tags.delete().where(tags.c.repo == repo))
    rows = [{"repo": repo, "tag": tag, "kind": kind} for tag in sorted(summary.filtered)]
    if rows:
        connection.execute(tags.insert(), rows)


def _taken(repo: Repo) -> Taken:
    why = f"A {repo.kind.value} repository called {repo.full} already exists"
    return Taken(what=f"rename it to {repo.full}", why=why, then="Choose another name.")
