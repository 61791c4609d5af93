"""Commits: objects first, then one atomic move of the branch. Blocking; git.py calls it in threads, under a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

import pygit2
from pygit2.enums import FileMode, ObjectType

from spaces_runtime.domain.errors import EntryMissing, Invalid, Moved, RevisionMissing
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.paths import checked
from spaces_runtime.domain.pointers import pointer_bytes
from spaces_runtime.domain.repo import AddBlob, AddFile, Change, Copy, Delete
from spaces_runtime.store.git_durable import gathered
from spaces_runtime.store.git_objects import commit_at

MOVED = "The branch was updated since you opened this page. Please refresh and try again"
GONE = "A file with this name doesn't exist"


def signature(name: str) -> pygit2.Signature:
    """Who wrote a commit. Users have no mail address here; git wants one."""
    return pygit2.Signature(name, f"{name}@localhost")


def branch_ref(branch: str) -> str:
    """Full name of what can be committed to: a branch, or a ref like refs/pr/1."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"


def first_commit(repo: pygit2.Repository, files: Mapping[str, bytes], author: str) -> RevisionId:
    """Give a new repo its main branch."""
    index = pygit2.Index()
    for path, content in files.items():
        index.add(pygit2.IndexEntry(checked(path), repo.create_blob(content), FileMode.BLOB))
    who = signature(author)
    made = repo.create_commit("refs/heads/main", who, who, "initial commit", index.write_tree(repo), [])
    return RevisionId(str(made))


def first_commit_like(
    repo: pygit2.Repository, source: pygit2.Repository, revision: RevisionId, *, author: str, message: str
) -> RevisionId:
    """Give a new repo a main branch with all that a revision of another one has, and nothing of its history.

    Raises: RevisionMissing.
    """
    tree = commit_at(source, revision).tree
    pack = pygit2.PackBuilder(source)
    pack.set_threads(1)
    pack.add_recur(tree.id)
    pack.write(Path(repo.path) / "objects" / "pack")
    who = signature(author)
    made = repo.create_commit("refs/heads/main", who, who, message, tree.id, [])
    return RevisionId(str(made))


def commit_changes(
    repo: pygit2.Repository, branch: str, changes: Sequence[Change], *, author: str, message: str, parent: str | None
) -> RevisionId:
    """All changes or none. A push may move the branch meanwhile: without a parent the changes go on top of it.

    Raises: Moved, RevisionMissing, EntryMissing, Invalid.
    """
    while True:
        ref = _branch(repo, branch)
        head = ref.peel(pygit2.Commit)
        if parent is not None and not (parent and str(head.id).startswith(parent)):
            raise Moved(what=f"commit to {branch}", why=MOVED)
        with gathered(repo):
            tree = _changed(repo, head, changes)
            if tree == head.tree_id:
                return RevisionId(str(head.id))
            who = signature(author)
            made = repo.create_commit(None, who, who, message, tree, [head.id])
        if move_ref(repo, ref, made, message):
            return RevisionId(str(made))


def squash_branch(repo: pygit2.Repository, branch: str, *, author: str, message: str) -> RevisionId:
    """One commit without parent, with the tree of the head."""
    while True:
        ref = _branch(repo, branch)
        who = signature(author)
        made = repo.create_commit(None, who, who, message, ref.peel(pygit2.Commit).tree_id, [])
        if move_ref(repo, ref, made, message):
            return RevisionId(str(made))


def _branch(repo: pygit2.Repository, branch: str) -> pygit2.Reference:
    name = branch_ref(branch)
    if not name.startswith(("refs/heads/", "refs/pr/", "refs/convert/")):
        raise RevisionMissing(branch)
    try:
        return repo.lookup_reference(name)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise RevisionMissing(branch) from error


def move_ref(repo: pygit2.Repository, ref: pygit2.Reference, to: pygit2.Oid, message: str) -> bool:
    """Compare and swap. False: somebody (a push) moved the ref since it was read."""
    before = ref.target
    try:
        ref.set_target(to, message.partition("\n")[0])
    except pygit2.GitError:
        if repo.lookup_reference(ref.name).target == before:
            raise
        return False
    return True


def _changed(repo: pygit2.Repository, head: pygit2.Commit, changes: Sequence[Change]) -> pygit2.Oid:
    work = _Work(repo, head)
    for change in changes:
        work.apply(change)
    try:
        return work.index.write_tree(repo)
    except pygit2.GitError as error:
        raise Invalid(what="write the commit", why=f"its paths contradict each other ({error})") from error


class _Work:
    """The files of a commit that is being made; changes follow one another."""

    def __init__(self, repo: pygit2.Repository, head: pygit2.Commit) -> None:
        self._repo, self._head = repo, head
        self._new_folders: set[str] = set()
        self.index = pygit2.Index()
        self.index.read_tree(head.tree)

    def apply(self, change: Change) -> None:
        """Raises: EntryMissing, RevisionMissing, Invalid."""
        match change:
            case AddFile(path=path, content=content):
                self._put(path, _blob(self._repo, content))
            case AddBlob(path=path, sha256=sha256, size=size):
                self._put(path, self._repo.create_blob(pointer_bytes(sha256, size)))
            case Copy(path=path, source=source, revision=revision):
                self._put(path, self._source(source, revision))
            case Delete(path=path, folder=folder):
                self._remove(path.rstrip("/"), folder=folder)
            case _:
                assert_never(change)

    def _source(self, source: str, revision: str) -> pygit2.Oid:
        origin = commit_at(self._repo, revision) if revision else self._head
        try:
            node = origin.tree[source]
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise EntryMissing(source) from error
        if node.type != ObjectType.BLOB:
            raise Invalid(what=f"copy {source}", why="it is not a file", then="Copy its files one by one.")
        return node.id

    def _put(self, path: str, blob: pygit2.Oid) -> None:
        above = [path[:at] for at, letter in enumerate(checked(path)) if letter == "/"]
        there = next((folder for folder in above if folder in self.index), None)
        if there is not None:
            raise Invalid(what=f"write {path}", why=f"{there} is a file", then="Delete that first.")
        if self._is_folder(path):
            raise Invalid(what=f"write {path}", why="there is a folder of this name", then="Delete that first.")
        mode = self.index[path].mode if path in self.index else FileMode.BLOB
        kept = FileMode.BLOB_EXECUTABLE if mode == FileMode.BLOB_EXECUTABLE else FileMode.BLOB
        self.index.add(pygit2.IndexEntry(path, blob, kept))
        self._new_folders.update(above)

    def _remove(self, path: str, *, folder: bool) -> None:
        if folder and self._is_folder(path):
            self.index.remove_directory(path)
        elif _holds(self.index, path):
            self.index.remove(path)
        else:
            raise EntryMissing(path, GONE)

    def _is_folder(self, path: str) -> bool:
        """Looks through all files only where there has been a folder: a commit may delete thousands."""
        if path not in self._new_folders:
            try:
                if self._head.tree[path].type != ObjectType.TREE:
                    return False
            except (KeyError, ValueError, pygit2.GitError):
                return False
        return any(entry.path.startswith(path + "/") for entry in self.index)


def _holds(index: pygit2.Index, path: str) -> bool:
    try:
        return path in index
    except ValueError:  # no path at all: NUL, or half a letter
        return False


def _blob(repo: pygit2.Repository, content: bytes | Path) -> pygit2.Oid:
    return repo.create_blob_fromdisk(str(content)) if isinstance(content, Path) else repo.create_blob(content)
