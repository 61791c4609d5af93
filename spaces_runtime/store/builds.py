"""What was built, by revision and rebuild counter."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from builder.artifact import Artifact
from spaces_runtime.domain.ids import BuildKey, RevisionId, SpaceId
from spaces_runtime.domain.space import BuildState, Revision
from spaces_runtime.domain.timeline import Happened, What
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.database import Database
from spaces_runtime.store.schema import builds, spaces, timeline
from spaces_runtime.store.timeline import note

TOLD = {
    BuildState.RUNNING: What.BUILDING,
    BuildState.DONE: What.BUILT,
    BuildState.FAILED: What.BUILD_FAILED,
    BuildState.INVALID: What.BUILD_FAILED,
}
UNFINISHED = [BuildState.QUEUED.value, BuildState.RUNNING.value]


def of(space: SpaceId, key: BuildKey) -> sa.ColumnElement[bool]:
    """The row of one build."""
    return (builds.c.space == space) & (builds.c.revision == key.revision) & (builds.c.rebuild == key.rebuild)


def revision(row: Any) -> Revision:  # noqa: ANN401 - a row of builds
    """Read a row."""
    return Revision(
        key=BuildKey(RevisionId(row.revision), row.rebuild),
        build=BuildState(row.state),
        artifact=loads(Artifact, row.artifact) if row.artifact else None,
        why=row.why,
    )


class SqlBuilds:
    """The port Builds."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def record(self, space: SpaceId, revision: Revision) -> None:
        """How far this build is. A Space that is gone needs no record, and an answer once given is not forgotten."""
        state = {
            "state": revision.build.value,
            "artifact": dumps(revision.artifact) if revision.artifact else None,
            "why": revision.why,
        }

        def change(connection: sa.Connection) -> None:
            before = connection.execute(sa.select(builds.c.state).where(of(space, revision.key))).scalar()
            pushes = connection.execute(sa.select(spaces.c.pushes).where(spaces.c.id == space)).scalar()
            if before is not None:
                connection.execute(builds.update().where(of(space, revision.key)).values(state))
            elif pushes is not None:
                connection.execute(builds.insert().values(new(space, revision.key, pushes) | state))
            if before != revision.build.value and pushes is not None and revision.build in TOLD:
                _tell(connection, space, revision, ran=before == BuildState.RUNNING.value)

        await self._db.run(change)

    async def find(self, space: SpaceId, key: BuildKey) -> Revision | None:
        query = sa.select(builds).where(of(space, key))
        row = await self._db.read(lambda c: c.execute(query).first())
        return revision(row) if row else None

    async def newest(self, space: SpaceId, limit: int) -> Sequence[Revision]:
        """Newest push first."""
        query = sa.select(builds).where(builds.c.space == space)
        query = query.order_by(builds.c.pushed.desc(), builds.c.rebuild.desc()).limit(limit)
        return [revision(row) for row in await self._db.read(lambda c: c.execute(query).all())]

    async def reset_unfinished(self) -> None:
        unfinished = builds.update().where(builds.c.state.in_(UNFINISHED))
        await self._db.execute(unfinished.values(state=BuildState.NONE.value))


def _tell(connection: sa.Connection, space: SpaceId, revision: Revision, *, ran: bool) -> None:
    """In the timeline. ran: the builder did; else it was clear at once what comes of it."""
    now, what = time.time(), TOLD[revision.build]
    began = sa.select(sa.func.max(timeline.c.at)).where(timeline.c.space == space)
    since = connection.execute(began.where(timeline.c.what == What.BUILDING.value)).scalar() if ran else None
    why = f"{revision.key.short}: {revision.why}" if revision.why else revision.key.short
    note(connection, [Happened(space=space, at=now, what=what, why=why, took=now - since if since else 0.0)])


def new(space: SpaceId, key: BuildKey, pushed: int) -> dict[str, Any]:
    """The row of a build that has not begun."""
    return {
        "space": space,
        "revision": key.revision,
        "rebuild": key.rebuild,
        "pushed": pushed,
        "state": BuildState.NONE.value,
        "artifact": None,
        "why": "",
        "answered": False,
    }
