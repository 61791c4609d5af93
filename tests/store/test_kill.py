"""kill -9 in the middle of commits: what was answered is there, nothing is broken, nothing stays locked."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spaces_runtime.domain.repo import AddFile
from spaces_runtime.store.git import GitRepos
from tests.store.holdings import A
from tests.store.test_git import FIRST, commit, paths

pytestmark = pytest.mark.anyio
WORKER = """
import asyncio, sys
from pathlib import Path
from spaces_runtime.domain.repo import AddFile
from spaces_runtime.store.git import GitRepos
from tests.store.holdings import A
from tests.store.test_git import NoBlobs, commit

async def go():
    repos = GitRepos(Path(sys.argv[1]), NoBlobs())
    for number in range(10_000):
        await commit(repos, AddFile(path=f"{sys.argv[2]}/{number}.txt", content=b"x" * 1000))
        print(number, flush=True)

asyncio.run(go())
"""


@pytest.mark.parametrize("number", range(3))
async def test_a_kill_loses_no_commit_that_was_answered(repos: GitRepos, number: int) -> None:
    await repos.create(A, FIRST, "ann")
    root = repos.path(A).parent
    here = Path(__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, root, "w"], stdout=subprocess.PIPE, text=True, cwd=here, env={**os.environ}
    )
    assert worker.stdout is not None
    answered = [int(worker.stdout.readline()) for _ in range(10 + number)]
    worker.send_signal(signal.SIGKILL)
    answered += [int(line) for line in worker.stdout.read().split()]
    worker.wait()
    there = set(await paths(repos, await repos.resolve(A, "main")))
    assert {f"w/{each}.txt" for each in answered} <= there
    fsck = ["git", "-C", repos.path(A), "fsck", "--strict"]
    checked = subprocess.run(fsck, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    async with asyncio.timeout(20):
        await commit(repos, AddFile(path="after.txt", content=b"x"))
