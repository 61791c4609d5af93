"""Content on a real disk, over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_names import SqlXetNames
from tests.store.holdings import index as opened


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[SqlIndex]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
def storage(index: SqlIndex) -> SqlStorage:
    return SqlStorage(index._db, StorageSettings())


@pytest.fixture
def blobs(tmp_path: Path, index: SqlIndex) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs", index)


@pytest.fixture
def repos(tmp_path: Path, blobs: FileBlobs) -> GitRepos:
    (tmp_path / "repos").mkdir()
    return GitRepos(tmp_path / "repos", blobs)


@pytest.fixture
def xorbs(tmp_path: Path, blobs: FileBlobs, index: SqlIndex) -> FileXorbs:
    return FileXorbs(tmp_path / "blobs", "here", blobs, index, SqlXetNames(index._db))
