"""Reads what is kept of Spaces into the values decisions look at. Five queries, however many Spaces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
import structlog

from builder.artifact import Artifact
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import BuildKey, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.lesson import Crashed, Failed
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.domain.setup import Setup, Volume
from spaces_runtime.domain.source import FromRepo
from spaces_runtime.domain.space import BuildState, Hush, Lease, Revision, Space, Wish
from spaces_runtime.store.codec import loads
from spaces_runtime.store.rungs import ladder
from spaces_runtime.store.schema import builds, left_out, spaces, variables, volumes

log = structlog.get_logger()
RECENT = 16  # pushes back to which it is told whether a build has answered; what runs is never older, or the last good
MANY = 500  # Spaces from which on reading all of them is cheaper than naming each
COLD = "cold"  # how the rung None is written
HEAD, GOOD = builds.alias("head"), builds.alias("good")


def _joined() -> sa.Select[Any]:
    head = (spaces.c.head_revision, spaces.c.head_rebuild)
    good = (spaces.c.good_revision, spaces.c.good_rebuild)
    columns = [
        build.c[name].label(f"{build.name}_{name}") for build in (HEAD, GOOD) for name in ("state", "artifact", "why")
    ]
    tables: sa.FromClause = spaces
    for build, (revision, rebuild) in ((HEAD, head), (GOOD, good)):
        same = (build.c.space == spaces.c.id) & (build.c.revision == revision) & (build.c.rebuild == rebuild)
        tables = tables.outerjoin(build, same)
    return sa.select(spaces, *columns).select_from(tables)


SPACES = _joined()
VARIABLES = sa.select(variables.c.space, variables.c.name, variables.c.value)
ANSWERED = (
    sa.select(builds.c.space, builds.c.revision, builds.c.rebuild)
    .join_from(builds, spaces)
    .where(builds.c.answered, builds.c.pushed > spaces.c.pushes - RECENT)
)
LEFT_OUT = sa.select(left_out)
VOLUMES = sa.select(volumes).order_by(volumes.c.place)
NAMED: sa.BindParameter[list[str]] = sa.bindparam("named", expanding=True)
ALL = (SPACES, VARIABLES, ANSWERED, LEFT_OUT, VOLUMES)
SOME = tuple(  # made once: building a query takes longer than running it
    query.where(space.in_(NAMED))
    for query, space in zip(
        ALL, (spaces.c.id, variables.c.space, builds.c.space, left_out.c.space, volumes.c.space), strict=True
    )
)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the queries found, by Space."""

    spaces: Sequence[Any]
    variables: Mapping[str, Sequence[Any]]
    answered: Mapping[str, Sequence[Any]]
    left_out: Mapping[str, Sequence[Any]]
    volumes: Mapping[str, Sequence[Any]]


def fetch(connection: sa.Connection, named: Collection[SpaceId] | None) -> Rows:
    """Ask the database. named: None is all."""
    few = named is not None and len(named) <= MANY
    told = {"named": list(named)} if named is not None and few else {}
    found, *rest = (connection.execute(query, told).all() for query in (SOME if few else ALL))
    if named is not None and not few:
        wanted = frozenset(named)
        found = [row for row in found if row.id in wanted]
    return Rows(found, *map(_by_space, rest))


def _by_space(rows: Sequence[Any]) -> Mapping[str, Sequence[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.space].append(row)
    return found


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes Space values of rows. tiers: those of this configuration, by name; fallback: one of them."""

    tiers: Mapping[str, Hardware]
    fallback: str
    sleep: SleepSettings
    told: set[tuple[str, str]] = field(default_factory=set)  # what was logged once and need not be again
    artifact: Any = field(default_factory=lambda: lru_cache(4096)(lambda text: loads(Artifact, text)))

    def spaces(self, rows: Rows) -> list[Space]:
        """One value a row."""
        return [self._space(row, rows) for row in rows.spaces]

    def _space(self, row: Any, rows: Rows) -> Space:  # noqa: ANN401 - a row of SPACES
        head = self._revision(row, "head")
        good = self._revision(row, "good")
        answered = {BuildKey(RevisionId(r.revision), r.rebuild) for r in rows.answered.get(row.id, ())}
        space = Space(
            id=SpaceId(row.id),
            source=FromRepo(repo=RepoId(row.repo)),
            wish=Wish(row.wish),
            wished_by=row.wished_by,
            setup=self._setup(row, rows.variables.get(row.id, ()), rows.volumes.get(row.id, ())),
            head=head,
            last_good=good,
            answered=frozenset(answered | {good.key} if good else answered),
            failed=loads(Failed, row.failed) if row.failed else None,
            crashed=loads(Crashed, row.crashed) if row.crashed else None,
            touched_at=row.touched_at,
            hold=self.sleep.hold,
            hush=loads(Hush, row.hush) if row.hush else None,
            pinned=row.pinned,
            peak=row.peak,
            lease=loads(Lease, row.lease) if row.lease else None,
        )
        return self._targeted(space, row.sleep, rows.left_out.get(row.id, ()))

    def _targeted(self, space: Space, sleep: int | None, left: Sequence[Any]) -> Space:
        """What depends on which build should serve: the deadline of its start, and the rungs it has failed."""
        target = space.target
        key = target.key if target else None
        out = {
            phase_of(r.rung) for r in left if key is not None and (r.revision, r.rebuild) == (key.revision, key.rebuild)
        }
        rungs = ladder(self.sleep, sleep, out)
        starts = target or space.head  # a head that has failed, and nothing good: its deadline holds until it is ended
        if starts is None or starts.artifact is None:
            return replace(space, ladder=rungs)
        return replace(space, ladder=rungs, start_deadline=starts.artifact.start_deadline)

    def _revision(self, row: Any, which: str) -> Revision | None:  # noqa: ANN401 - a row of SPACES
        column = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
        revision = column[f"{which}_revision"]
        if revision is None:
            return None
        artifact = column[f"{which}_artifact"]
        return Revision(
            key=BuildKey(RevisionId(revision), column[f"{which}_rebuild"]),
            build=BuildState(column[f"{which}_state"] or BuildState.NONE.value),
            artifact=self.artifact(artifact) if artifact else None,
            why=column[f"{which}_why"] or "",
        )

    def _setup(self, row: Any, named: Sequence[Any], mounted: Sequence[Any]) -> Setup:  # noqa: ANN401 - a row of SPACES
        return Setup(
            hardware=self._tier(row.id, row.hardware),
            variables=tuple(sorted((v.name, v.value) for v in named)),
            secrets=row.secrets,
            volumes=tuple(map(_volume, mounted)),
            restarts=row.restarts,
            internet=row.internet,
        )

    def _tier(self, space: str, name: str) -> Hardware:
        """The tier asked for; when the operator has removed it, the fallback, which is then also what is shown."""
        if name in self.tiers:
            return self.tiers[name]
        if (space, name) not in self.told:
            self.told.add((space, name))
            log.warning("hardware is no longer offered", space=space, asked=name, given=self.fallback)
        return self.tiers[self.fallback]


def phase_of(rung: str) -> Phase | None:
    """How a rung is written, read."""
    return None if rung == COLD else Phase(rung)


def _volume(row: Any) -> Volume:  # noqa: ANN401 - a row of volumes
    return Volume(
        source=row.source,
        kind=row.kind,
        name=row.name,
        mount=row.mount,
        read_only=row.read_only,
        revision=row.revision,
        path=row.path,
        by=row.by,
    )
