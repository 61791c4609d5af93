"""A folder of a person's → what git would push of it, and a name for that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from builder.command import Ended, run
from builder.tree import Tree


def snapshot(repo: Path, into: Path) -> str:
    """Copy it; links stay links. The commit's id; of a folder that is none or has changes, a digest of what is in it.

    Files that git ignores are left out. into: is made. Raises: OSError.
    """
    into.mkdir(parents=True)
    files = _listed(repo)
    for path in files if files is not None else _walked(repo):
        source, target = repo / path, into / path
        if source.is_dir() and not source.is_symlink():  # a submodule: its commit is all that git pushes
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # deleted, and git does not know it yet
            shutil.copy2(source, target, follow_symlinks=False)
    return (_commit(repo) if files is not None else "") or f"sha256:{Tree(into).contents('')}"


def _listed(repo: Path) -> list[str] | None:
    """None: it is no working tree of git."""
    told = _git(repo, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted(set(filter(None, told.out.split("\0")))) if told is not None and told.status == 0 else None


def _commit(repo: Path) -> str:
    """Empty: something differs from it, or the folder is only a part of it."""
    told = [_git(repo, *words) for words in (("status", "--porcelain"), ("rev-parse", "--show-prefix", "HEAD"))]
    status, head = told
    if status is None or head is None or status.status or head.status or status.out.strip():
        return ""
    prefix, _, commit = head.out.rstrip("\n").rpartition("\n")
    return commit if not prefix.strip() else ""


def _git(repo: Path, *words: str) -> Ended | None:
    """None: there is no git. What a repo's own configuration would have it run, it does not run."""
    safe = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", f"safe.directory={repo}")
    try:
        return run(("git", "-C", str(repo), *safe, *words), seconds=120)
    except OSError:
        return None


def _walked(repo: Path) -> Iterator[str]:
    for place, folders, files in os.walk(repo):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name != ".git" and name not in links)
        yield from (os.path.relpath(Path(place) / name, repo) for name in sorted((*files, *links)))
