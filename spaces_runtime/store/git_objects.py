"""What lies in a repo: files, folders, LFS pointers, commits. All of it blocking; git.py calls it in threads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import pygit2
from pygit2.enums import ObjectType, SortMode

from spaces_runtime.domain.errors import EntryMissing, RevisionMissing
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.pointers import SMALL, pointer
from spaces_runtime.domain.repo import Commit, Entry, Ref

HEX = re.compile(r"[0-9a-f]{5,40}\Z")
DEEPEST_LOOK = 5000  # commits that last_commits() walks; beyond it the oldest one seen is answered


def commit_at(repo: pygit2.Repository, revision: str) -> pygit2.Commit:
    """The commit a branch, tag, full ref or (abbreviated) id names, in this order; nothing else is understood.

    Raises: RevisionMissing.
    """
    wanted = "main" if revision == "HEAD" else revision
    for name in (f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted):
        if name.startswith("refs/"):
            try:
                return repo.lookup_reference(name).peel(pygit2.Commit)
            except (KeyError, ValueError, pygit2.GitError):
                continue
    if HEX.match(wanted):
        try:
            return repo[wanted].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            pass
    raise RevisionMissing(revision)


def node_at(repo: pygit2.Repository, revision: RevisionId, path: str) -> pygit2.Object:
    """The tree or blob at a path; the empty path is the root.

    Raises: EntryMissing, RevisionMissing.
    """
    tree = commit_at(repo, revision).tree
    if not path:
        return tree
    try:
        return tree[path]
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise EntryMissing(path) from error


def entry_of(repo: pygit2.Repository, path: str, node: pygit2.Object) -> Entry:
    """Describe one tree entry. A submodule is shown as an empty file."""
    if node.type == ObjectType.TREE:
        return Entry(path=path, oid=str(node.id), size=0, folder=True)
    if node.type != ObjectType.BLOB:
        return Entry(path=path, oid=str(node.id), size=0)
    _, size = repo.odb.read_header(node.id)
    lfs = pointer(repo.odb.read(node.id)[1]) if size <= SMALL else None
    return Entry(path=path, oid=str(node.id), size=lfs.size if lfs else size, lfs=lfs)


def entries_below(repo: pygit2.Repository, tree: pygit2.Tree, prefix: str, *, recursive: bool) -> Iterator[Entry]:
    """What a folder holds, folders before what is in them."""
    for node in tree:
        path = f"{prefix}/{node.name}" if prefix else str(node.name)
        yield entry_of(repo, path, node)
        if recursive and isinstance(node, pygit2.Tree):
            yield from entries_below(repo, node, path, recursive=True)


def commit_of(commit: pygit2.Commit) -> Commit:
    """A commit as clients see it."""
    title, _, rest = commit.message.partition("\n")
    return Commit(
        id=RevisionId(str(commit.id)),
        title=title.strip(),
        message=rest.strip(),
        author=commit.author.name,
        at=float(commit.commit_time),
    )


def refs_below(repo: pygit2.Repository, prefix: str) -> list[Ref]:
    """Refs that lead to commits, by name."""
    found = []
    for ref in repo.references.iterator():
        if not ref.name.startswith(prefix):
            continue
        try:
            target = ref.peel(pygit2.Commit).id
        except (pygit2.GitError, ValueError):  # a tag of a tree or blob: nothing clients could resolve
            continue
        found.append(Ref(name=ref.name.removeprefix(prefix), ref=ref.name, target=RevisionId(str(target))))
    return sorted(found, key=lambda ref: ref.name)


def history_of(repo: pygit2.Repository, revision: RevisionId, skip: int, limit: int) -> list[Commit]:
    """Newest first."""
    found: list[Commit] = []
    for number, commit in enumerate(repo.walk(commit_at(repo, revision).id, SortMode.TOPOLOGICAL | SortMode.TIME)):
        if number >= skip + limit:
            break
        if number >= skip:
            found.append(commit_of(commit))
    return found


def last_commits_of(repo: pygit2.Repository, revision: RevisionId, paths: Collection[str]) -> dict[str, Commit]:
    """For each path the newest commit that changed it."""
    wanted, found = set(paths), dict[str, Commit]()
    for number, commit in enumerate(repo.walk(commit_at(repo, revision).id, SortMode.TOPOLOGICAL | SortMode.TIME)):
        before = [parent.tree for parent in commit.parents]
        told = commit_of(commit)
        for path in sorted(wanted):
            here = _id_at(commit.tree, path)
            if here is not None and all(_id_at(tree, path) != here for tree in before):
                found[path] = told
        wanted -= found.keys()
        if not wanted or number >= DEEPEST_LOOK:
            return found | dict.fromkeys(wanted, told)
    return found


def _id_at(tree: pygit2.Tree, path: str) -> pygit2.Oid | None:
    try:
        return tree[path].id
    except KeyError:
        return None
