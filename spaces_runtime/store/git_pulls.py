"""The port Pulls, on bare repos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pygit2
from pygit2.enums import SortMode

from spaces_runtime.domain.discussions import Proposal
from spaces_runtime.domain.errors import Fault, Taken
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.repo import Commit, Ref
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.git_commit import move_ref, signature
from spaces_runtime.store.git_durable import gathered
from spaces_runtime.store.git_objects import commit_at, commit_of, refs_below

MAIN: Final = "refs/heads/main"
LONGEST_DIFF: Final = 2**20  # characters
SHOWN: Final = 10  # paths in a sentence


class GitPulls:
    """See the port."""

    def __init__(self, repos: GitRepos) -> None:
        self._repos = repos

    async def refs(self, repo: RepoId) -> Sequence[Ref]:
        return await self._repos.look(repo, lambda git: refs_below(git, "refs/pr/"))

    async def cut(self, repo: RepoId, ref: str, base: RevisionId) -> None:
        """Raises: Taken."""

        def make(git: pygit2.Repository) -> None:
            try:
                git.references.create(ref, commit_at(git, base).id)
            except pygit2.AlreadyExistsError as error:
                raise Taken(what=f"open {ref}", why="it is there") from error

        await self._repos.change(repo, make)

    async def drop(self, repo: RepoId, ref: str) -> None:
        await self._repos.change(repo, lambda git: git.references.delete(ref))

    async def commits(self, repo: RepoId, ref: str, base: str) -> Sequence[Commit]:
        def walk(git: pygit2.Repository) -> Sequence[Commit]:
            walker = git.walk(commit_at(git, ref).id, SortMode.TOPOLOGICAL | SortMode.REVERSE)
            walker.hide(commit_at(git, base).id)
            return [commit_of(commit) for commit in walker]

        return await self._repos.look(repo, walk)

    async def proposal(self, repo: RepoId, ref: str, base: str) -> Proposal:
        def look(git: pygit2.Repository) -> Proposal:
            head, start = commit_at(git, ref), commit_at(git, base)
            conflicts = _conflicts(_merged(git, commit_at(git, MAIN), head))
            diff = start.tree.diff_to_tree(head.tree).patch or ""
            return Proposal(head=RevisionId(str(head.id)), conflicts=conflicts, diff=diff[:LONGEST_DIFF])

        return await self._repos.look(repo, look)

    async def merge(self, repo: RepoId, ref: str, *, author: str, message: str) -> RevisionId:
        """A commit with both parents on main. Raises: Fault when there is nothing to merge, Taken for conflicts."""

        def merge(git: pygit2.Repository) -> RevisionId:
            while True:
                main, head = git.lookup_reference(MAIN), commit_at(git, ref)
                ours = main.peel(pygit2.Commit)
                if ours.id == head.id or git.descendant_of(ours.id, head.id):
                    raise Fault(what=f"merge {ref}", why="it has no commits that main does not have")
                with gathered(git):
                    index = _merged(git, ours, head)
                    if conflicts := _conflicts(index):
                        why = f"it and main both changed {', '.join(conflicts[:SHOWN])}"
                        raise Taken(what=f"merge {ref}", why=why, then="Commit to it what main has, then merge again.")
                    who = signature(author)
                    made = git.create_commit(None, who, who, message, index.write_tree(git), [ours.id, head.id])
                if move_ref(git, main, made, message):
                    return RevisionId(str(made))

        return await self._repos.change(repo, merge)


def _merged(git: pygit2.Repository, ours: pygit2.Commit, theirs: pygit2.Commit) -> pygit2.Index:
    base = git.merge_base(ours.id, theirs.id)
    ancestor = git[base].peel(pygit2.Tree) if base else git[git.TreeBuilder().write()].peel(pygit2.Tree)
    return git.merge_trees(ancestor, ours.tree, theirs.tree)


def _conflicts(index: pygit2.Index) -> tuple[str, ...]:
    found = {side.path for sides in index.conflicts or () for side in sides if side is not None}
    return tuple(sorted(found))
