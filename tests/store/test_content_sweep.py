"""A sweep of everything takes what nothing needs, and nothing else."""

from __future__ import annotations

import subprocess

import pytest

from spaces_runtime.domain.repo import AddFile
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.sweep import Content
from spaces_runtime.store.xet import FileXorbs
from tests.store.holdings import A, B
from tests.store.test_blobs import CONTENT, NAME, sent
from tests.store.test_git import FIRST, commit, paths

pytestmark = pytest.mark.anyio


async def test_repos_and_what_they_hold_are_all_there_after_a_sweep(
    index: SqlIndex, repos: GitRepos, blobs: FileBlobs, xorbs: FileXorbs
) -> None:
    head = await repos.create(A, FIRST, "ann")
    await repos.create(B, FIRST, "ann")
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    many = [AddFile(path=f"{n}/{n}.txt", content=b"%d" % n) for n in range(600)]
    made = await commit(repos, *many)
    await index.delete(B)
    content = Content(index=index, repos=repos, blobs=blobs, xorbs=xorbs)
    assert await content.sweep(now=2**40) == 0
    assert blobs.path(NAME).exists()
    assert not repos.path(B).exists()
    assert await repos.resolve(A, "main") == made
    assert len(await paths(repos, made)) == 603
    count = ["git", "-C", repos.path(A), "count-objects", "-v"]
    packs = subprocess.run(count, capture_output=True, text=True, check=True)
    assert "packs: 1" in packs.stdout
    assert await repos.heads([A]) == {A: made}
    assert (await repos.history(A, made, skip=1, limit=1))[0].id == head
