"""The large files of a repo's history: where they were, and writing it anew without some. Blocking; see git.py."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType, SortMode

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.pointers import SMALL, pointer

GIT = ("git", "-c", "safe.directory=*", "--git-dir")
SMALL_BLOBS = f"--filter=combine:blob:limit={SMALL + 1}+object:type=blob"


def paths_of_pointers(repo: Path) -> Mapping[Sha256, str]:
    """The path under which each large file is found first, newest commits first.

    Raises: OSError when git cannot read the repo.
    """
    walk = [*GIT, str(repo), "rev-list", "--objects", "--all", SMALL_BLOBS, "--filter-provided-objects"]
    lines = subprocess.run(walk, capture_output=True, check=False)  # noqa: S603 - git, on a path of ours
    if lines.returncode != 0:
        raise OSError(f"git rev-list of {repo.name} ended with status {lines.returncode}")
    git = pygit2.Repository(str(repo), pygit2.enums.RepositoryOpenFlag.BARE)
    found: dict[Sha256, str] = {}
    for line in lines.stdout.decode(errors="replace").splitlines():
        oid, _, path = line.partition(" ")
        if path and (lfs := pointer(git.odb.read(oid)[1])) is not None:
            found.setdefault(lfs.sha256, path)
    return found


def rewrite_without(git: pygit2.Repository, gone: Collection[Sha256]) -> None:
    """Every ref leads to the same history, in which the pointers to these files never were. Commits lose signatures.

    A push may move a ref meanwhile: then once more from the beginning.
    """
    while not _rewritten(git, frozenset(gone)):
        pass


def _rewritten(git: pygit2.Repository, gone: frozenset[Sha256]) -> bool:
    refs = [ref for ref in git.references.iterator() if _commit(ref) is not None]
    trees: dict[pygit2.Oid, pygit2.Oid | None] = {}
    commits: dict[pygit2.Oid, pygit2.Oid] = {}
    walker = git.walk(None, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    for ref in refs:
        walker.push(ref.peel(pygit2.Commit).id)
    for commit in walker:
        commits[commit.id] = _commit_without(git, commit, gone, trees, commits)
    return all(_moved(git, ref, commits) for ref in refs)


def _commit(ref: pygit2.Reference) -> pygit2.Commit | None:
    try:
        return ref.peel(pygit2.Commit)
    except (pygit2.GitError, ValueError):  # a tag of a tree or blob
        return None


def _commit_without(
    git: pygit2.Repository,
    commit: pygit2.Commit,
    gone: frozenset[Sha256],
    trees: dict[pygit2.Oid, pygit2.Oid | None],
    commits: Mapping[pygit2.Oid, pygit2.Oid],
) -> pygit2.Oid:
    tree = _tree_without(git, commit.tree_id, gone, trees) or git.TreeBuilder().write()
    parents = [commits[parent] for parent in commit.parent_ids]
    if tree == commit.tree_id and parents == list(commit.parent_ids):
        return commit.id
    return git.create_commit(None, commit.author, commit.committer, commit.message, tree, parents)


def _tree_without(
    git: pygit2.Repository, tree: pygit2.Oid, gone: frozenset[Sha256], trees: dict[pygit2.Oid, pygit2.Oid | None]
) -> pygit2.Oid | None:
    """The same folder without them; None: nothing is left of it."""
    if tree in trees:
        return trees[tree]
    before = git[tree].peel(pygit2.Tree)
    builder = git.TreeBuilder(before)
    for node in before:
        if node.type == ObjectType.TREE:
            made = _tree_without(git, node.id, gone, trees)
            if made is None:
                builder.remove(str(node.name))
            elif made != node.id:
                builder.insert(str(node.name), made, FileMode.TREE)
        elif node.type == ObjectType.BLOB and _names(git, node.id, gone):
            builder.remove(str(node.name))
    trees[tree] = builder.write() if len(builder) else None
    return trees[tree]


def _names(git: pygit2.Repository, blob: pygit2.Oid, gone: frozenset[Sha256]) -> bool:
    _, size = git.odb.read_header(blob)
    lfs = pointer(git.odb.read(blob)[1]) if size <= SMALL else None
    return lfs is not None and lfs.sha256 in gone


def _moved(git: pygit2.Repository, ref: pygit2.Reference, commits: Mapping[pygit2.Oid, pygit2.Oid]) -> bool:
    """Compare and swap. False: somebody moved it."""
    before = ref.peel(pygit2.Commit).id
    made = commits[before]
    if ref.type == pygit2.enums.ReferenceType.SYMBOLIC or made == before:
        return True
    if git[ref.target].type == ObjectType.TAG:  # the same words about the new commit
        _, raw = git.odb.read(ref.target)
        made = git.odb.write(ObjectType.TAG, raw.replace(str(before).encode(), str(made).encode(), 1))
    try:
        ref.set_target(made, "large files were deleted")
    except pygit2.GitError:
        if git.lookup_reference(ref.name).target == ref.target:
            raise
        return False
    return True
