"""Which large files the commits of a repo name: those that any ref leads to."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.pointers import SMALL, pointer

GIT = ("git", "-c", "safe.directory=*", "--git-dir")
SMALL_BLOBS = (f"--filter=combine:blob:limit={SMALL + 1}+object:type=blob", "--filter-provided-objects")


def named(repo: Path) -> frozenset[Sha256]:
    """All of them. Blocking; reads each small file of the whole history.

    Raises: OSError when git cannot read the repo; then nothing may be concluded from it.
    """
    walk = [*GIT, str(repo), "rev-list", "--objects", "--no-object-names", "--all", *SMALL_BLOBS]
    show = [*GIT, str(repo), "cat-file", "--batch", "--buffer"]
    with (
        subprocess.Popen(walk, stdout=subprocess.PIPE) as walking,  # noqa: S603 - git, on a path of ours
        subprocess.Popen(show, stdin=walking.stdout, stdout=subprocess.PIPE) as showing,  # noqa: S603
    ):
        assert walking.stdout is not None and showing.stdout is not None  # noqa: S101, PT018 - asked for
        walking.stdout.close()  # the other has it
        found = frozenset(lfs.sha256 for lfs in map(pointer, _contents(showing.stdout)) if lfs is not None)
    for process, argv in ((walking, walk), (showing, show)):
        if process.returncode != 0:
            raise OSError(f"git {argv[4]} of {repo.name} ended with status {process.returncode}")
    return found


def _contents(out: IO[bytes]) -> Iterator[bytes]:
    while head := out.readline():
        size = int(head.split()[2])
        yield out.read(size + 1)[:-1]
