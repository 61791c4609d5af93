"""Locks and half made files of git whose owner was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.repo import AddFile
from spaces_runtime.store.git import GitRepos

pytestmark = pytest.mark.anyio
REPO = RepoId("one")
HOLDER = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_SH); print(1, flush=True); input()"


@pytest.fixture
async def kept(tmp_path: Path) -> GitRepos:
    repos = GitRepos(tmp_path, blobs=None)  # type: ignore[arg-type] # no large files here
    await repos.create(REPO, {"a": b"first"}, "ann")
    return repos


async def committed(repos: GitRepos, path: str) -> None:
    await repos.commit(
        REPO, "main", [AddFile(path=path, content=b"more")], author="ann", message="m", parent=None
    )  # fmt: skip


async def test_a_ref_whose_lock_was_left_by_a_dead_writer_moves_again(kept: GitRepos) -> None:
    """The hub was killed between the lock of main and its move: no commit was ever possible again."""
    for name in ("refs/heads/main.lock", "refs/heads/deep/er.lock", "packed-refs.lock", "HEAD.lock"):
        left = kept.path(REPO) / name
        left.parent.mkdir(exist_ok=True)
        left.touch()
    await committed(kept, "b")
    assert not list((kept.path(REPO) / "refs").rglob("*.lock"))
    head = await kept.resolve(REPO, "main")
    (kept.path(REPO) / "refs/tags/v1.lock").touch()
    await kept.set_tag(REPO, "v1", head, "", "ann")
    assert [ref.name for ref in await kept.tags(REPO)] == ["v1"]


async def test_before_a_push_they_are_removed_and_git_keeps_others_from_removing_its_own(kept: GitRepos) -> None:
    lock = kept.path(REPO) / "refs/heads/main.lock"
    lock.touch()
    async with kept.writing(REPO) as held:
        assert not lock.exists()
        git = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,))
    lock.touch()  # as the push would, which goes on though its hub is gone
    await kept.pack(REPO)
    assert lock.exists()
    git.send_signal(signal.SIGKILL)
    git.wait()
    await kept.pack(REPO)
    assert not lock.exists()


async def test_what_killed_writers_left_goes_once_nobody_writes(kept: GitRepos) -> None:
    objects = kept.path(REPO) / "objects"
    left = [
        objects / name
        for name in (
            "tmp_objdir-incoming-x/aa/bb",
            "pack/tmp_pack_1",
            "pack/pack-1.keep",
            "aa/tmp_obj_1",
            "tmp_object_git2_1",
        )
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(kept.path(REPO))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline()
    await kept.pack(REPO)
    assert all(path.exists() for path in left)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    await kept.pack(REPO)
    assert not [path for path in left if path.exists()]
    await committed(kept, "c")
