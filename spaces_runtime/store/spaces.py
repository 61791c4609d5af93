"""What was asked for each Space, and what was learnt about it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, assert_never

import sqlalchemy as sa

from spaces_runtime.domain.errors import Invalid, RepoMissing, Taken
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.hosts import loopback
from spaces_runtime.domain.ids import BuildKey, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.lesson import Answered, Crashed, Failed, Lesson, Peak
from spaces_runtime.domain.ports.durable import Address, Variable
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.setup import Volume
from spaces_runtime.domain.space import Hush, Lease, Space, Wish
from spaces_runtime.store.audit import note
from spaces_runtime.store.builds import new, of
from spaces_runtime.store.codec import dumps
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import builds, former_hosts, left_out, spaces, variables
from spaces_runtime.store.schema import volumes as mounted
from spaces_runtime.store.snapshot import Reader, fetch

ADDRESS = sa.select(spaces.c.id, spaces.c.repo, spaces.c.subdomain, spaces.c.number)


class SqlSpaces:
    """The port Spaces. A Space that is being deleted takes no more wishes: to people it is a missing one."""

    def __init__(self, db: Database, *, tiers: Sequence[Hardware], default_tier: str, sleep: SleepSettings) -> None:
        self._db = db
        self._reader = Reader({tier.name: tier for tier in tiers}, default_tier, sleep)

    async def snapshot(self, named: Collection[SpaceId] | None) -> Sequence[Space]:
        """About 1 ms for one Space, 50 ms for a thousand. A named one that is not there is left out."""
        return await self._db.read(lambda connection: self._reader.spaces(fetch(connection, named)))

    async def create(self, space: SpaceId, repo: RepoId, subdomain: str, hardware: str) -> Address:
        """Raises: Taken for the subdomain; Invalid for a tier that is not offered."""
        self._check(hardware)
        now = time.time()
        row = {
            "id": space,
            "repo": repo,
            "subdomain": subdomain,
            "wish": Wish.SERVE.value,
            "wished_by": "",
            "hardware": hardware,
            "touched_at": now,
            "created_at": now,
            **dict.fromkeys(("restarts", "secrets", "pushes", "head_rebuild", "good_rebuild"), 0),
        }

        def change(connection: sa.Connection) -> Address:
            number = connection.execute(sa.select(sa.func.coalesce(sa.func.max(spaces.c.number) + 1, 0))).scalar_one()
            connection.execute(former_hosts.delete().where(former_hosts.c.subdomain == subdomain))
            connection.execute(spaces.insert().values(row | {"number": number}))
            return Address(space=space, repo=repo, subdomain=subdomain, loopback=loopback(number))

        try:
            return await self._db.run(change)
        except sa.exc.IntegrityError:
            why = "another Space has this address"
            raise Taken(what=f"create the Space {subdomain}", why=why, then="Choose another name.") from None

    async def addresses(self, named: Collection[SpaceId] | None) -> Sequence[Address]:
        query = ADDRESS if named is None else ADDRESS.where(spaces.c.id.in_(list(named)))
        return await self._db.read(lambda c: [_address(row) for row in c.execute(query)])

    async def of_repo(self, repo: RepoId) -> Address | None:
        return await self._one(spaces.c.repo == repo)

    async def of_repos(self, repos: Collection[RepoId]) -> Sequence[Address]:
        query = ADDRESS.where(spaces.c.repo.in_(list(repos)))
        return await self._db.read(lambda c: [_address(row) for row in c.execute(query)])

    async def by_subdomain(self, subdomain: str) -> Address | None:
        """Also by one that it had before it was renamed."""
        had = sa.select(former_hosts.c.space).where(former_hosts.c.subdomain == subdomain)
        return await self._one(sa.or_(spaces.c.subdomain == subdomain, spaces.c.id.in_(had)))

    async def former_hosts(self, named: Collection[SpaceId] | None) -> Mapping[SpaceId, Sequence[str]]:
        """Subdomains that Spaces had before."""
        query = sa.select(former_hosts).order_by(former_hosts.c.subdomain)
        if named is not None:
            query = query.where(former_hosts.c.space.in_(list(named)))
        found: dict[SpaceId, list[str]] = {}
        for row in await self._db.read(lambda c: c.execute(query).all()):
            found.setdefault(SpaceId(row.space), []).append(row.subdomain)
        return found

    async def set_head(self, space: SpaceId, head: RevisionId | None, *, by: str = "") -> None:
        """The same head again changes nothing, so that a rescan keeps nobody awake.

        A revision that was head before is the newest again, with its latest rebuild.
        """

        def change(connection: sa.Connection) -> None:
            row = _row(connection, space)
            if row.head_revision != head:
                _move_head(connection, row, head, rebuild=False)
                note(connection, by=by, what=f"push {head[:7]}" if head else "push without an app file", about=space)

        await self._db.run(change)

    async def set_wish(self, space: SpaceId, wish: Wish, by: str) -> None:
        """A paused one that serves again is touched. Raises: RepoMissing."""

        def change(connection: sa.Connection) -> None:
            now = connection.execute(sa.select(spaces.c.wish).where(spaces.c.id == space)).scalar()
            if now == wish.value:
                return
            touched = {"touched_at": time.time()} if wish is Wish.SERVE else {}
            _update(connection, space, wish=wish.value, wished_by=by, **touched)
            note(connection, by=by, what=wish.value, about=space)

        await self._db.run(change)

    async def set_hardware(self, space: SpaceId, hardware: str, *, rebuild: bool = False, by: str = "") -> None:
        """rebuild: what was built is of no use on it. Raises: Invalid for a tier that is not offered; RepoMissing."""
        self._check(hardware)

        def change(connection: sa.Connection) -> None:
            row = _row(connection, space)
            if rebuild and row.head_revision is not None:
                _move_head(connection, row, RevisionId(row.head_revision), rebuild=True)
            _update(connection, space, hardware=hardware)
            note(connection, by=by, what=f"set hardware {hardware}", about=space)

        await self._db.run(change)

    async def set_sleep(self, space: SpaceId, seconds: int | None, *, by: str = "") -> None:
        """-1: never sleeps; None: as the platform does. Raises: Invalid, RepoMissing."""
        if seconds is not None and seconds < -1:
            raise Invalid(what="set the sleep time", why=f"{seconds} is neither a number of seconds nor -1 for never")
        await self._set(space, by, f"set sleep time {seconds}", sleep=seconds)

    async def set_internet(self, space: SpaceId, internet: bool, *, by: str = "") -> None:
        """Whether it may reach the public internet. Raises: RepoMissing."""
        await self._set(space, by, f"set internet {'on' if internet else 'off'}", internet=internet)

    async def set_pinned(self, space: SpaceId, pinned: bool, *, by: str = "") -> None:
        """Whether it never makes way for another. Raises: RepoMissing."""
        await self._set(space, by, "pin" if pinned else "unpin", pinned=pinned)

    async def sleep_time(self, space: SpaceId) -> int | None:
        query = sa.select(spaces.c.sleep).where(spaces.c.id == space)
        seconds: int | None = await self._db.read(lambda c: c.execute(query).scalar())
        return seconds

    async def restart(self, space: SpaceId, *, rebuild: bool, by: str = "") -> None:
        """By a person: touches it, and a paused one serves again. Raises: RepoMissing."""

        def change(connection: sa.Connection) -> None:
            row = _row(connection, space)
            if rebuild and row.head_revision is not None:
                _move_head(connection, row, RevisionId(row.head_revision), rebuild=True)
            _update(
                connection,
                space,
                restarts=row.restarts + 1,
                wish=Wish.SERVE.value,
                wished_by=by,
                touched_at=time.time(),
            )
            note(connection, by=by, what="rebuild" if rebuild else "restart", about=space)

        await self._db.run(change)

    async def hush(self, space: SpaceId, hush: Hush, *, by: str = "") -> None:
        rung = hush.phase.value if hush.phase is not None else "cold"
        await self._set(space, by, f"put to sleep, {rung}", hush=dumps(hush))

    async def keep(self, space: SpaceId, lesson: Lesson) -> None:
        """On disk when it returns. Repeating it changes nothing; of a Space that is gone nothing is kept."""

        def change(connection: sa.Connection) -> None:
            match lesson:
                case Answered(build=key):
                    connection.execute(builds.update().where(of(space, key)).values(answered=True))
                    _settle_good(connection, space)
                case Failed():
                    connection.execute(spaces.update().where(spaces.c.id == space).values(failed=dumps(lesson)))
                case Crashed():
                    connection.execute(spaces.update().where(spaces.c.id == space).values(crashed=dumps(lesson)))
                case Peak(memory=most):
                    connection.execute(spaces.update().where(spaces.c.id == space).values(peak=most))
                case _:
                    assert_never(lesson)

        await self._db.run(change)

    async def set_lease(self, space: SpaceId, lease: Lease | None) -> None:
        """On disk when it returns. None: its devices are free again."""
        values = {"lease": dumps(lease) if lease is not None else None}
        await self._db.execute(spaces.update().where(spaces.c.id == space).values(values))

    async def leave_out(self, space: SpaceId, key: BuildKey, rung: str) -> None:
        """This rung failed for this build. rung: a Phase's value, or `cold`. Repeating it changes nothing."""
        row = {"space": space, "revision": key.revision, "rebuild": key.rebuild, "rung": rung}
        same = sa.and_(*(left_out.c[name] == value for name, value in row.items()))

        def change(connection: sa.Connection) -> None:
            known = connection.execute(sa.select(builds.c.space).where(of(space, key))).first()
            if known and not connection.execute(sa.select(left_out.c.rung).where(same)).first():
                connection.execute(left_out.insert().values(row))

        await self._db.run(change)

    async def variables(self, space: SpaceId) -> Mapping[str, Variable]:
        """By name."""
        query = sa.select(variables).where(variables.c.space == space).order_by(variables.c.name)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {r.name: Variable(value=r.value, description=r.description, updated_at=r.updated_at) for r in rows}

    async def put_variable(self, space: SpaceId, name: str, value: str, description: str, *, by: str = "") -> None:
        """Set or replace. Raises: RepoMissing."""
        row = {"value": value, "description": description, "updated_at": time.time()}

        def change(connection: sa.Connection) -> None:
            _row(connection, space)
            mine = (variables.c.space == space) & (variables.c.name == name)
            if not connection.execute(variables.update().where(mine).values(row)).rowcount:
                connection.execute(variables.insert().values(space=space, name=name, **row))
            note(connection, by=by, what=f"set variable {name}", about=space)

        await self._db.run(change)

    async def delete_variable(self, space: SpaceId, name: str, *, by: str = "") -> None:
        """Deleting one that is not there is fine."""

        def change(connection: sa.Connection) -> None:
            mine = (variables.c.space == space) & (variables.c.name == name)
            if connection.execute(variables.delete().where(mine)).rowcount:
                note(connection, by=by, what=f"delete variable {name}", about=space)

        await self._db.run(change)

    async def set_volumes(self, space: SpaceId, volumes: Sequence[Volume], *, by: str = "") -> None:
        """The list is replaced whole. Raises: RepoMissing."""

        def change(connection: sa.Connection) -> None:
            _row(connection, space)
            connection.execute(mounted.delete().where(mounted.c.space == space))
            rows = [{"space": space, "place": place, **asdict(volume)} for place, volume in enumerate(volumes)]
            if rows:
                connection.execute(mounted.insert(), rows)
            told = ", ".join(f"{volume.kind} {volume.name} at {volume.mount}" for volume in volumes) or "none"
            note(connection, by=by, what=f"set volumes: {told}", about=space)

        await self._db.run(change)

    async def forget(self, space: SpaceId) -> None:
        """Everything about it goes: builds, variables, secrets. Repeating it is fine."""
        await self._db.execute(spaces.delete().where(spaces.c.id == space))

    async def _one(self, which: sa.ColumnElement[bool]) -> Address | None:
        row = await self._db.read(lambda c: c.execute(ADDRESS.where(which)).first())
        return _address(row) if row else None

    async def _set(self, space: SpaceId, by: str, what: str, **values: object) -> None:
        def change(connection: sa.Connection) -> None:
            _update(connection, space, **values)
            note(connection, by=by, what=what, about=space)

        await self._db.run(change)

    def _check(self, hardware: str) -> None:
        offered = self._reader.tiers
        if hardware not in offered:
            raise Invalid(
                what=f"use the hardware {hardware}",
                why="it is not offered here",
                then=f"Offered: {', '.join(offered)}.",
            )


def _address(row: Any) -> Address:  # noqa: ANN401 - a row of ADDRESS
    return Address(space=SpaceId(row.id), repo=RepoId(row.repo), subdomain=row.subdomain, loopback=loopback(row.number))


def _row(connection: sa.Connection, space: SpaceId) -> Any:  # noqa: ANN401 - a row of spaces
    kept = (spaces.c.id == space) & (spaces.c.wish != Wish.DELETE.value)
    row = connection.execute(sa.select(spaces).where(kept)).first()
    if row is None:
        raise RepoMissing(space)
    return row


def readdress(connection: sa.Connection, repo: RepoId, subdomain: str, by: str) -> None:
    """Another address for the Space of a renamed repo, which starts anew, for it is told its name.

    The old one leads to it until another Space takes it.
    """
    kept = (spaces.c.repo == repo) & (spaces.c.wish != Wish.DELETE.value)
    row = connection.execute(sa.select(spaces).where(kept)).first()
    if row is None:
        return
    connection.execute(former_hosts.delete().where(former_hosts.c.subdomain == subdomain))
    if row.subdomain != subdomain:
        connection.execute(former_hosts.insert().values(subdomain=row.subdomain, space=row.id))
    _update(connection, SpaceId(row.id), subdomain=subdomain, restarts=row.restarts + 1)
    note(connection, by=by, what=f"move from {row.subdomain} to {subdomain}", about=row.id)


def take_down(connection: sa.Connection, repo: RepoId, by: str) -> None:
    """The Space of a repo that is gone stops, and is forgotten once nothing of it is left."""
    kept = (spaces.c.repo == repo) & (spaces.c.wish != Wish.DELETE.value)
    gone = spaces.update().where(kept).values(wish=Wish.DELETE.value, wished_by=by).returning(spaces.c.id)
    for space in connection.execute(gone).scalars().all():
        note(connection, by=by, what=Wish.DELETE.value, about=space)


def _update(connection: sa.Connection, space: SpaceId, **values: object) -> None:
    kept = (spaces.c.id == space) & (spaces.c.wish != Wish.DELETE.value)
    if not connection.execute(spaces.update().where(kept).values(values)).rowcount:
        raise RepoMissing(space)


def _move_head(connection: sa.Connection, row: Any, head: RevisionId | None, *, rebuild: bool) -> None:  # noqa: ANN401
    """Make this revision the newest. rebuild: under a new counter, so that it is built again."""
    space, pushes = SpaceId(row.id), row.pushes + 1
    if head is None:
        _update(connection, space, head_revision=None, head_rebuild=0, touched_at=time.time())
        return
    last = sa.select(sa.func.max(builds.c.rebuild)).where(builds.c.space == space, builds.c.revision == head)
    latest: int | None = connection.execute(last).scalar()
    key = BuildKey(head, 0 if latest is None else latest + rebuild)
    if not connection.execute(builds.update().where(of(space, key)).values(pushed=pushes)).rowcount:
        connection.execute(builds.insert().values(new(space, key, pushes)))
    _update(connection, space, head_revision=head, head_rebuild=key.rebuild, pushes=pushes, touched_at=time.time())
    _settle_good(connection, space)


def _settle_good(connection: sa.Connection, space: SpaceId) -> None:
    """The newest build that has answered, kept beside the head so that a snapshot finds it by key."""
    newest = sa.select(builds.c.revision, builds.c.rebuild).where(builds.c.space == space, builds.c.answered)
    good = connection.execute(newest.order_by(builds.c.pushed.desc(), builds.c.rebuild.desc()).limit(1)).first()
    if good is not None:
        values = {"good_revision": good.revision, "good_rebuild": good.rebuild}
        connection.execute(spaces.update().where(spaces.c.id == space).values(values))
