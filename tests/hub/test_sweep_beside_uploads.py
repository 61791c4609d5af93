"""A sweep in a loop, in a process of its own, beside the real clients: nothing that was acknowledged is ever lost."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind
from spaces_runtime.store.schema import holdings
from spaces_runtime.wiring.desk import desk
from tests.hub.conftest import Account, account, prepared, settings
from tests.hub.serving import Hub, serving

GRACE = 20  # seconds, for a test; a day otherwise
SWEEPER = """
import asyncio, sys, time
from pathlib import Path
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import StorageSettings
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.sweep import Content
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_names import SqlXetNames

async def sweep():
    layout = Layout(Path(sys.argv[1]))
    db = Database(sqlite_url(layout.database))
    index = SqlIndex(db)
    blobs = FileBlobs(layout.blobs, index)
    content = Content(
        index=index, storage=SqlStorage(db, StorageSettings()), repos=GitRepos(layout.repos, blobs), blobs=blobs,
        xorbs=FileXorbs(layout.blobs, "", blobs, index, SqlXetNames(db)), grace=float(sys.argv[2]),
    )
    while True:
        print(sum(one.size for one in await content.sweep(time.time())), flush=True)

asyncio.run(sweep())
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A hub of these tests' own: a sweep looks at every repo, and the others' hub has hundreds."""
    layout = Layout(tmp_path_factory.mktemp("swept"))
    with prepared(layout):
        yield layout


@pytest.fixture(scope="module")
def hub(data: Layout) -> Iterator[Hub]:
    with serving(desk(settings(data))) as running:
        yield running


@pytest.fixture(scope="module")
def ann(hub: Hub) -> Account:
    return account(hub, "ann")


@contextmanager
def sweeping(data: Path) -> Iterator[list[int]]:
    """Bytes that each sweep gave back; there once the block ends."""
    freed: list[int] = []
    process = subprocess.Popen(
        [sys.executable, "-c", SWEEPER, str(data), str(GRACE)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    freed.append(int(process.stdout.readline()))  # it has begun
    try:
        yield freed
    finally:
        process.terminate()
        freed += [int(line) for line in process.stdout.read().splitlines() if line.isdigit()]
        process.wait(10)
        process.stdout.close()


def test_files_that_clients_upload_commit_and_delete_all_survive_sweeps_as_they_should(
    hub: Hub, api: HfApi, data: Layout, tmp_path: Path
):
    contents = [secrets.token_bytes(30_000) for _ in range(12)]
    kept = api.create_repo("ann/swept").repo_id

    def work(number: int) -> None:
        """The same content first in a repo that goes, so that a sweep is just removing it when it comes again."""
        passing = api.create_repo(f"ann/passing-{number}").repo_id
        api.upload_file(path_or_fileobj=contents[number], path_in_repo="a.bin", repo_id=passing)
        api.delete_repo(passing)
        api.upload_file(path_or_fileobj=contents[number], path_in_repo=f"{number}.bin", repo_id=kept)
        got = api.hf_hub_download(kept, f"{number}.bin", cache_dir=tmp_path / str(number))
        assert Path(got).read_bytes() == contents[number]

    with sweeping(data.data) as freed, ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(len(contents))))
    assert len(freed) > 3
    folder = api.snapshot_download(kept, cache_dir=tmp_path / "all")
    assert [(Path(folder) / f"{n}.bin").read_bytes() for n in range(len(contents))] == contents


def test_content_that_goes_and_comes_is_there_whenever_it_was_acknowledged(hub: Hub, make, data: Layout):
    """Without clients' pauses: hundreds of times let go and sent again, while sweeps run."""
    repo = make(Kind.MODEL)
    contents = [secrets.token_bytes(1000) for _ in range(4)]

    async def again(desk) -> int:
        rounds = 0
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for content in contents:
                name = Sha256(sha256(content).hexdigest())
                await desk.blobs.put(repo.id, name, len(content), _sent(content))
                assert desk.blobs.path(name).read_bytes() == content
                await _let_go(desk, repo.id, name)
                rounds += 1
        return rounds

    with sweeping(data.data) as freed:
        assert hub.do(again) > 50
    assert sum(freed) > 0


async def _sent(content: bytes):
    yield content


async def _let_go(desk, repo, name: Sha256) -> None:
    await desk.index._db.execute(holdings.delete().where(holdings.c.repo == repo, holdings.c.sha256 == name))
