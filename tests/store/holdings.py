"""Which repo has proven to hold what: the part of the index that content needs, over the real database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.migrations import migrate

A, B = RepoId("a" * 24), RepoId("b" * 24)


@asynccontextmanager
async def index(folder: Path) -> AsyncIterator[SqlIndex]:
    """An index with two repos, A and B."""
    url = sqlite_url(folder / "db" / "spaces.sqlite")
    migrate(url)
    database = Database(url)
    made = SqlIndex(database)
    for repo in (A, B):
        await made.create(
            Repo(
                id=repo,
                kind=Kind.MODEL,
                namespace="ann",
                name=repo[:4],
                visibility=Visibility.PUBLIC,
                creator=UserId("u"),
                created_at=time.time(),
                updated_at=time.time(),
            )
        )
    yield made
    await database.close()
