"""A sweep of everything takes what nothing needs, and nothing else."""

from __future__ import annotations

import subprocess

import pytest

from spaces_runtime.domain.repo import AddBlob, AddFile, Delete
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.sweep import Content
from spaces_runtime.store.xet import FileXorbs
from tests.store.holdings import A, B
from tests.store.test_blobs import CONTENT, NAME, sent
from tests.store.test_git import FIRST, commit, paths

pytestmark = pytest.mark.anyio


async def test_repos_and_what_they_hold_are_all_there_after_a_sweep(
    index: SqlIndex, storage: SqlStorage, repos: GitRepos, blobs: FileBlobs, xorbs: FileXorbs
) -> None:
    head = await repos.create(A, FIRST, "ann")
    await repos.create(B, FIRST, "ann")
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    many = [AddFile(path=f"{n}/{n}.txt", content=b"%d" % n) for n in range(600)]
    made = await commit(repos, *many)
    await index.delete(B)
    await repos.commit(A, "main", [AddBlob(path="x.bin", sha256=NAME, size=9)], author="a", message="m", parent=None)
    made = await repos.resolve(A, "main")
    content = Content(index=index, storage=storage, repos=repos, blobs=blobs, xorbs=xorbs)
    assert sum(removed.size for removed in await content.sweep(now=2**40)) == 0
    assert blobs.path(NAME).exists()
    assert not repos.path(B).exists()
    assert await repos.resolve(A, "main") == made
    assert len(await paths(repos, made)) == 604
    count = ["git", "-C", repos.path(A), "count-objects", "-v"]
    packs = subprocess.run(count, capture_output=True, text=True, check=True)
    assert "packs: 1" in packs.stdout
    assert await repos.heads([A]) == {A: made}
    assert (await repos.history(A, made, skip=2, limit=1))[0].id == head


async def test_what_no_commit_names_is_let_go_after_a_while_unless_somebody_asks_for_it(
    index: SqlIndex, storage: SqlStorage, repos: GitRepos, blobs: FileBlobs, xorbs: FileXorbs
) -> None:
    await repos.create(A, FIRST, "ann")
    content = Content(index=index, storage=storage, repos=repos, blobs=blobs, xorbs=xorbs, grace=100.0)
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    for now in (1000.0, 1099.0):
        await content.sweep(now)
        assert blobs.path(NAME).exists()
    assert await index.holds(A, NAME) is not None  # a client that is about to commit it
    await content.sweep(1200.0)
    assert await blobs.holds(A, NAME)
    await content.sweep(1300.0)
    unused, freed, _ = await content.sweep(1401.0)
    assert (unused.count, freed.size) == (1, len(CONTENT))
    assert not blobs.path(NAME).exists()
    assert not await blobs.holds(A, NAME)


async def test_a_file_of_any_branch_or_tag_stays_and_one_of_none_goes(
    index: SqlIndex, storage: SqlStorage, repos: GitRepos, blobs: FileBlobs, xorbs: FileXorbs
) -> None:
    await repos.create(A, FIRST, "ann")
    content = Content(index=index, storage=storage, repos=repos, blobs=blobs, xorbs=xorbs, grace=0.0)
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    large = AddBlob(path="x.bin", sha256=NAME, size=len(CONTENT))
    await repos.commit(A, "main", [large], author="a", message="m", parent=None)
    await repos.set_tag(A, "v1", await repos.resolve(A, "main"), "", "a")
    await repos.commit(A, "main", [Delete(path="x.bin")], author="a", message="m", parent=None)
    await repos.squash(A, "main", author="a", message="m")
    for now in (1000.0, 2000.0):
        await content.sweep(now)
    assert await blobs.holds(A, NAME)
    await repos.delete_tag(A, "v1")
    for now in (3000.0, 4000.0):
        await content.sweep(now)
    assert not await blobs.holds(A, NAME)


async def test_a_repo_that_cannot_be_read_loses_nothing(
    index: SqlIndex, storage: SqlStorage, repos: GitRepos, blobs: FileBlobs, xorbs: FileXorbs
) -> None:
    await repos.create(A, FIRST, "ann")
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    (repos.path(A) / "HEAD").unlink()
    content = Content(index=index, storage=storage, repos=repos, blobs=blobs, xorbs=xorbs, grace=0.0)
    for now in (1000.0, 2000.0):
        await content.sweep(now)
    assert blobs.path(NAME).exists()
