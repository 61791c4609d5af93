"""Listings of repos: filters and order in SQL, so that ten thousand repos cost no more than the page that is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from spaces_runtime.domain.access import Sight, open_to_all
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.listing import Listed, Query, Sort
from spaces_runtime.domain.outside import is_within
from spaces_runtime.domain.repo import Kind, Visibility
from spaces_runtime.domain.summary import USES, Summary, loads
from spaces_runtime.store.rows import repo_of
from spaces_runtime.store.schema import facts, repos, tags

LIKED: Final = 10  # downloads that one like weighs as much as, in what is trending
KEYS: Final[dict[Sort, sa.ColumnElement[Any]]] = {
    Sort.CREATED: repos.c.created_at,
    Sort.MODIFIED: repos.c.updated_at,
    Sort.DOWNLOADS: repos.c.downloads,
    Sort.LIKES: repos.c.likes,
    Sort.TRENDING: repos.c.likes * LIKED + repos.c.downloads,
}
MOST_TAGS: Final = 2000


def page(connection: sa.Connection, query: Query) -> list[Listed]:
    """In the query's order."""
    key = KEYS[query.sort]
    found = _ordered(_narrowed(sa.select(repos, key.label("sort_key")), query), query)
    rows = connection.execute(found.limit(query.limit)).all()
    said = _summaries(connection, [row.id for row in rows], card=query.card)
    return [Listed(repo=repo_of(row), summary=said.get(row.id), key=row.sort_key) for row in rows]


def ids(connection: sa.Connection, query: Query) -> list[RepoId]:
    """All that the query finds, in its order: what a listing was when it began."""
    found = _ordered(_narrowed(sa.select(repos.c.id), query), query)
    return list(connection.execute(found).scalars())


def count(connection: sa.Connection, query: Query) -> int:
    """How many repos the query finds, on all its pages."""
    return int(connection.execute(_narrowed(sa.select(sa.func.count()).select_from(repos), query)).scalar_one())


def popular_tags(connection: sa.Connection, kind: Kind, seen: Sight) -> list[str]:
    """The tags of what is seen, the most used first."""
    query = sa.select(tags.c.tag, sa.func.count().label("uses")).join_from(tags, repos)
    shown = query.where(tags.c.kind == kind.value, seen_by(seen, kind)).group_by(tags.c.tag)
    counted = Counter({row.tag: row.uses for row in connection.execute(shown) if not row.tag.startswith(USES)})
    return [tag for tag, _ in counted.most_common(MOST_TAGS)]


def summary(connection: sa.Connection, repo: str) -> Summary | None:
    """Of one repo, with its card."""
    return _summaries(connection, [repo], card=True).get(repo)


def seen_by(seen: Sight, kind: Kind) -> sa.ColumnElement[bool]:
    """domain.access.may() as a condition: a test compares the two."""
    return _among(seen, open_to_all(kind))


def _among(seen: Sight, everybodys: Collection[Visibility]) -> sa.ColumnElement[bool]:
    if seen.everything:
        return sa.true()
    shown = repos.c.visibility.in_([visibility.value for visibility in everybodys])
    return sa.or_(shown, repos.c.owner.in_(sorted(seen.namespaces))) if seen.namespaces else shown


def _ordered(found: sa.Select[Any], query: Query) -> sa.Select[Any]:
    """And from the place on where the last page ended."""
    key = KEYS[query.sort]
    if query.after is not None:
        at, last = query.after.key, query.after.id
        behind = repos.c.id > last if query.rising else repos.c.id < last
        # The first condition lets the database begin there; the second one alone would have it look at every row.
        found = found.where(key >= at if query.rising else key <= at, sa.or_(key != at, behind))
    return found.order_by(*((key.asc(), repos.c.id.asc()) if query.rising else (key.desc(), repos.c.id.desc())))


def _narrowed(found: sa.Select[Any], query: Query) -> sa.Select[Any]:
    found = found.where(repos.c.kind == query.kind.value, seen_by(query.seen, query.kind))
    if query.only is not None:  # they were found by the rest before: whether they may be seen is what can have changed
        return found.where(repos.c.id.in_(query.only))
    if query.owner:
        found = found.where(repos.c.owner == query.owner.lower())
    for word in query.words:
        found = found.where(repos.c.folded.contains(word.lower(), autoescape=True))
    for each in query.tags:
        named = sa.select(tags.c.repo).where(tags.c.kind == query.kind.value, tags.c.tag.in_(sorted(each)))
        found = found.where(repos.c.id.in_(named))
    if query.linked:
        uses = tags.c.tag.startswith(USES, autoescape=True)
        found = found.where(repos.c.id.in_(sa.select(tags.c.repo).where(tags.c.kind == query.kind.value, uses)))
    if query.linked or any(is_within(tag) for each in query.tags for tag in each):
        found = found.where(_among(query.seen, {Visibility.PUBLIC}))
    if query.gated is not None:
        found = found.where(repos.c.gated != "" if query.gated else repos.c.gated == "")
    if query.parameters is not None:
        found = found.where(repos.c.parameters.between(*query.parameters))
    return found


def _summaries(connection: sa.Connection, ids: Sequence[str], *, card: bool) -> dict[str, Summary]:
    columns = [facts.c.repo, facts.c.head, facts.c.shown, *([facts.c.card] if card else [])]
    found: dict[str, Summary] = {}
    for start in range(0, len(ids), 500):  # SQLite takes only so many values at once
        rows = connection.execute(sa.select(*columns).where(facts.c.repo.in_(ids[start : start + 500])))
        found |= {row.repo: loads(RevisionId(row.head), row.shown, row.card if card else None) for row in rows}
    return found
