"""All rows as text, a JSON object a line: read from any database in one consistent look, put into an empty one.

Tables are taken as they are found, not as this version knows them: so rows of an older version go into a database of
its schema, which is upgraded afterwards.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from spaces_runtime.domain.errors import Fault

VERSION_TABLE: Final = "alembic_version"  # the migrations' own
MANY: Final = 500  # rows inserted at a time
Row = Mapping[str, Any]


def reflected(connection: sa.Connection) -> sa.MetaData:
    """The tables that there are, each after those it refers to."""
    found = sa.MetaData()
    found.reflect(connection, only=lambda name, _: name != VERSION_TABLE)
    return found


def rows(connection: sa.Connection, table: sa.Table) -> Iterator[Row]:
    """One after the other, however many there are; in the order of their keys."""
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=MANY)
    for row in connection.execute(query):
        yield dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name


def line(row: Row) -> str:
    """As text."""
    return json.dumps({name: _told(value) for name, value in row.items()}, ensure_ascii=False)


def parsed(text: str) -> dict[str, Any]:
    """The row again."""
    return {
        name: b64decode(value["b64"]) if isinstance(value, dict) else value for name, value in json.loads(text).items()
    }


def load(connection: sa.Connection, lines: Mapping[str, Iterable[str]]) -> None:
    """Put all rows of every table into an empty database. lines: by table.

    Raises: Fault for a table that is not there.
    """
    found = reflected(connection)
    if unknown := set(lines) - set(found.tables):
        raise Fault(what="load the database", why=f"its schema has no table {', '.join(sorted(unknown))}")
    for table in found.sorted_tables:
        waiting: list[Row] = []
        for text in lines.get(table.name, ()):
            waiting.append(parsed(text))
            if len(waiting) == MANY:
                connection.execute(table.insert(), waiting)
                waiting = []
        if waiting:
            connection.execute(table.insert(), waiting)
        _count_on(connection, table)


def is_empty(connection: sa.Connection, tables: Collection[str]) -> bool:
    """Whether none of these tables has a row, or they are not even there."""
    found = reflected(connection)
    there = [table for table in found.sorted_tables if table.name in tables]
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None for table in there
    )


def _told(value: object) -> object:
    return {"b64": b64encode(bytes(value)).decode()} if isinstance(value, bytes | bytearray | memoryview) else value


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers rows by a counter of its own, which does not see numbers that were given."""
    column = table.autoincrement_column
    if connection.dialect.name == "postgresql" and column is not None:
        named = sa.func.pg_get_serial_sequence(table.name, column.name)
        following = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(named, following, sa.false())))
