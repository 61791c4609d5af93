"""A revision as plain files. Blocking; git.py calls it in a thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.ids import RevisionId, Sha256
from spaces_runtime.domain.pointers import SMALL, pointer
from spaces_runtime.store.git_objects import commit_at

COPY_STEP = 2**30  # bytes per system call


def check_out(repo: pygit2.Repository, revision: RevisionId, into: Path, blob: Callable[[Sha256], Path | None]) -> None:
    """Write every file below a folder that does not exist yet. LFS content is in place of its pointers.

    blob: where content lies that this repo has proven to hold; None: it does not, and its pointer is kept as text.
    Files are readable by everybody (the folder above decides who gets here); submodules become empty folders.
    """
    tree = commit_at(repo, revision).tree
    into.parent.mkdir(parents=True, exist_ok=True)
    _folder(into)
    _write(tree, into, blob)


def _write(tree: pygit2.Tree, into: Path, blob: Callable[[Sha256], Path | None]) -> None:
    for node in tree:
        path = into / str(node.name)
        if isinstance(node, pygit2.Tree):
            _folder(path)
            _write(node, path, blob)
        elif not isinstance(node, pygit2.Blob):
            _folder(path)
        elif node.filemode == FileMode.LINK:
            path.symlink_to(os.fsdecode(node.data))  # points where its author says: read only inside a sandbox
        else:
            _file(node, path, blob, 0o755 if node.filemode == FileMode.BLOB_EXECUTABLE else 0o644)


def _file(node: pygit2.Blob, path: Path, blob: Callable[[Sha256], Path | None], mode: int) -> None:
    named = pointer(node.data) if node.size <= SMALL else None
    source = blob(named.sha256) if named else None
    # O_EXCL: two names that are one on this file system, or a link under way, are an error, never an overwrite.
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        if source is None:
            _all(out, node.data)
        else:
            _copy(source, out)
        os.fchmod(out, mode)
    finally:
        os.close(out)


def _all(out: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(out, rest) :]


def _copy(source: Path, out: int) -> None:
    """Shares the blocks where the file system can."""
    try:
        content = os.open(source, os.O_RDONLY)
    except FileNotFoundError as error:
        raise Missing(what=f"check out the content {source.name}", why="its blob is gone from the store") from error
    try:
        while os.copy_file_range(content, out, COPY_STEP):
            pass
    finally:
        os.close(content)


def _folder(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)  # whatever the umask of the process
