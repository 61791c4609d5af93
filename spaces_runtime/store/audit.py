"""The audit: who did what to what. Written in the transaction of the change it tells of."""

from __future__ import annotations

import time

import sqlalchemy as sa

from spaces_runtime.store.schema import audit


def note(connection: sa.Connection, *, by: str, what: str, about: str) -> None:
    """Add a row. by: name of a person; empty: the platform itself. Never holds a secret's value."""
    connection.execute(audit.insert().values(at=time.time(), by=by, what=what, about=about))
