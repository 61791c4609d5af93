"""Bare git repos by repo id: the implementation of the port Repos."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

import pygit2
from pygit2.enums import ConfigLevel, ObjectType

from spaces_runtime.domain.errors import EntryMissing, Fault, Invalid, Missing, Refused, RevisionMissing, Taken
from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256
from spaces_runtime.domain.repo import AddFile, Change, Commit, Entry, LargeFile, Ref
from spaces_runtime.store import git_checkout, git_commit, git_large, git_objects, git_writers
from spaces_runtime.store.disk import require
from spaces_runtime.store.folder_lock import sharing

pygit2.settings.enable_fsync_gitdir(True)  # a commit that was answered survives a power cut
pygit2.settings.owner_validation = False  # hub and scheduler share the repos under two user ids
for level in (ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.SYSTEM):
    pygit2.settings.search_path[level] = ""  # nobody's own settings count here; root's cannot even be read

T = TypeVar("T")
MAIN = "refs/heads/main"
FULL_ID = re.compile(r"[0-9a-f]{40}\Z")
LOOSE, PACKS = 1000, 20  # objects in files of their own, and packs, beyond which pack() gathers them
LONGEST_REF = 200  # characters of a branch or tag; a part of it is the name of a file, with `.lock` behind it
MOST_KEPT = 50_000  # entries of listed folders, some 25 MB
CONFIG = {
    "gc.auto": "0",  # never in the middle of a push; `spaces gc` does it
    "receive.autogc": "false",
    "core.fsync": "committed,reference",
    "uploadpack.allowAnySHA1InWant": "true",  # clients resolve by commit id
    "uploadpack.allowFilter": "true",
    "http.receivepack": "true",
}


class Holds(Protocol):
    """Which content a repo has proven to hold, and where it lies. The port Blobs has both."""

    def path(self, sha256: Sha256) -> Path: ...
    async def holds(self, repo: RepoId, sha256: Sha256) -> bool: ...


class GitRepos:
    """See the port Repos. root: the folder of the repos. blobs: for LFS content in checkouts."""

    def __init__(self, root: Path, blobs: Holds) -> None:
        self._root = root
        self._blobs = blobs
        # What a commit holds never changes; every load of a model begins with its files.
        self._trees: OrderedDict[tuple[RepoId, RevisionId, str, bool], Sequence[Entry]] = OrderedDict()
        self._kept = 0
        self._locks: WeakValueDictionary[RepoId, asyncio.Lock] = WeakValueDictionary()

    def path(self, repo: RepoId) -> Path:
        return self._root / f"{repo}.git"

    async def create(self, repo: RepoId, files: Mapping[str, bytes], author: str) -> RevisionId:
        return await asyncio.to_thread(self._create, repo, lambda git: git_commit.first_commit(git, files, author))

    async def duplicate(
        self, repo: RepoId, source: RepoId, revision: RevisionId, *, author: str, message: str
    ) -> RevisionId:
        def first(git: pygit2.Repository) -> RevisionId:
            return git_commit.first_commit_like(git, self._open(source), revision, author=author, message=message)

        return await asyncio.to_thread(self._create, repo, first)

    async def delete(self, repo: RepoId) -> None:
        await asyncio.to_thread(self._delete, repo)
        for key in [key for key in self._trees if key[0] == repo]:
            self._kept -= len(self._trees.pop(key))

    async def resolve(self, repo: RepoId, revision: str) -> RevisionId:
        return await self._on(repo, lambda git: RevisionId(str(git_objects.commit_at(git, revision).id)))

    async def branches(self, repo: RepoId) -> Sequence[Ref]:
        return await self._on(repo, lambda git: git_objects.refs_below(git, "refs/heads/"))

    async def tags(self, repo: RepoId) -> Sequence[Ref]:
        return await self._on(repo, lambda git: git_objects.refs_below(git, "refs/tags/"))

    async def entry(self, repo: RepoId, revision: RevisionId, path: str) -> Entry:
        return await self._on(
            repo, lambda git: git_objects.entry_of(git, path, git_objects.node_at(git, revision, path))
        )

    async def tree(self, repo: RepoId, revision: RevisionId, path: str, *, recursive: bool) -> Sequence[Entry]:
        key = (repo, revision, path, recursive)
        if key in self._trees:
            self._trees.move_to_end(key)
            return self._trees[key]

        def entries(git: pygit2.Repository) -> Sequence[Entry]:
            node = git_objects.node_at(git, revision, path)
            if not isinstance(node, pygit2.Tree):
                raise EntryMissing(path)
            found = git_objects.entries_below(git, node, path, recursive=recursive)
            return tuple(sorted(found, key=lambda entry: entry.path))

        listed = await self._on(repo, entries)
        if FULL_ID.match(revision) and len(listed) <= MOST_KEPT and key not in self._trees:
            self._trees[key] = listed
            self._kept += len(listed)
        while self._kept > MOST_KEPT:
            self._kept -= len(self._trees.popitem(last=False)[1])
        return listed

    async def read(self, repo: RepoId, revision: RevisionId, path: str) -> bytes:
        def content(git: pygit2.Repository) -> bytes:
            node = git_objects.node_at(git, revision, path)
            if not isinstance(node, pygit2.Blob):
                raise EntryMissing(path)
            return bytes(node.data)

        return await self._on(repo, content)

    async def history(self, repo: RepoId, revision: RevisionId, *, skip: int, limit: int) -> Sequence[Commit]:
        return await self._on(repo, lambda git: git_objects.history_of(git, revision, skip, limit))

    async def last_commits(self, repo: RepoId, revision: RevisionId, paths: Collection[str]) -> Mapping[str, Commit]:
        return await self._on(repo, lambda git: git_objects.last_commits_of(git, revision, paths))

    async def commit(
        self, repo: RepoId, branch: str, changes: Sequence[Change], *, author: str, message: str, parent: str | None
    ) -> RevisionId:
        async with self._alone(repo):
            need = sum(_size(change.content) for change in changes if isinstance(change, AddFile))
            require(self._root, need, what="commit")  # libgit2 does not say why a write failed
            return await self._locked(
                repo,
                lambda git: git_commit.commit_changes(
                    git, branch, changes, author=author, message=message, parent=parent
                ),
            )

    async def squash(self, repo: RepoId, branch: str, *, author: str, message: str) -> RevisionId:
        async with self._alone(repo):
            return await self._locked(
                repo, lambda git: git_commit.squash_branch(git, branch, author=author, message=message)
            )

    async def set_branch(self, repo: RepoId, name: str, target: RevisionId) -> None:
        await self.change(repo, lambda git: _new_ref(git, f"refs/heads/{name}", _commit_id(git, target)))

    async def delete_branch(self, repo: RepoId, name: str) -> None:
        if name == "main":
            raise Refused(what="delete the branch", why="Cannot delete refs/heads/main")
        await self.change(repo, lambda git: _delete_ref(git, f"refs/heads/{name}", name))

    async def set_tag(self, repo: RepoId, name: str, target: RevisionId, message: str, author: str) -> None:
        def tag(git: pygit2.Repository) -> None:
            commit = _commit_id(git, target)
            _free(git, f"refs/tags/{name}")
            if message:
                made = git.create_tag(name, commit, ObjectType.COMMIT, git_commit.signature(author), message)
                if git.lookup_reference(f"refs/tags/{name}").target != made:
                    raise _taken(f"refs/tags/{name}")
            else:
                _new_ref(git, f"refs/tags/{name}", commit)

        await self.change(repo, tag)

    async def delete_tag(self, repo: RepoId, name: str) -> None:
        await self.change(repo, lambda git: _delete_ref(git, f"refs/tags/{name}", name))

    async def large_files(self, repo: RepoId) -> Mapping[Sha256, LargeFile]:
        everywhere = await asyncio.to_thread(git_large.paths_of_pointers, self.path(repo))
        entries = await self.tree(repo, await self.resolve(repo, "main"), "", recursive=True)
        here = {entry.lfs.sha256: LargeFile(path=entry.path, ref="main") for entry in entries if entry.lfs}
        return {sha256: LargeFile(path=path, ref="") for sha256, path in everywhere.items()} | here

    async def forget(self, repo: RepoId, named: Collection[Sha256]) -> None:
        async with self._alone(repo):
            await self._locked(repo, lambda git: git_large.rewrite_without(git, named))

    async def heads(self, repos: Collection[RepoId]) -> Mapping[RepoId, RevisionId]:
        return await asyncio.to_thread(self._heads, tuple(repos))

    async def checkout(self, repo: RepoId, revision: RevisionId, into: Path) -> None:
        entries = await self.tree(repo, revision, "", recursive=True)
        named = {entry.lfs.sha256 for entry in entries if entry.lfs}
        held = {sha256 for sha256 in named if await self._blobs.holds(repo, sha256)}
        await self._on(
            repo,
            lambda git: git_checkout.check_out(
                git, revision, into, lambda sha256: self._blobs.path(sha256) if sha256 in held else None
            ),
        )

    def sweep(self, known: Collection[RepoId], before: float) -> None:
        """Remove what crashes left: folders half made or half deleted, and repos that got no row. before: Unix seconds,
        older than anything under way.
        """
        for path in self._root.iterdir():
            ours = path.name.endswith(".git") and path.name.removesuffix(".git") in known
            if not ours and path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)

    def size(self, repo: RepoId) -> int:
        """Bytes of its git folder. Blocking."""
        return sum(path.stat().st_size for path in self.path(repo).rglob("*") if path.is_file())

    @asynccontextmanager
    async def writing(self, repo: RepoId) -> AsyncIterator[int]:
        try:
            await asyncio.to_thread(git_writers.free, self.path(repo))
        except FileNotFoundError as error:
            raise _gone(repo) from error
        async with sharing(self.path(repo)) as held:
            yield held

    async def pack(self, repo: RepoId) -> None:
        """Remove what killed writers left. Gather what many commits and pushes left, where it is much; what nothing
        leads to goes after two weeks.
        """
        await asyncio.to_thread(git_writers.tidy, self.path(repo))
        if not await asyncio.to_thread(self._is_scattered, repo):
            return
        argv = ("git", "-c", "safe.directory=*", "--git-dir", str(self.path(repo)), "gc", "--quiet")
        async with self.writing(repo) as held:
            process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL, pass_fds=(held,))
            if await process.wait() != 0:
                raise OSError(f"git gc of {repo} ended with status {process.returncode}")

    def _is_scattered(self, repo: RepoId) -> bool:
        objects = self.path(repo) / "objects"
        loose = sum(1 for _ in objects.glob("??/*"))
        packs = sum(1 for _ in objects.glob("pack/*.pack"))
        return loose > LOOSE or packs > PACKS

    async def look(self, repo: RepoId, work: Callable[[pygit2.Repository], T]) -> T:
        """Read something, in a thread."""
        return await self._on(repo, work)

    async def change(self, repo: RepoId, work: Callable[[pygit2.Repository], T]) -> T:
        """Change something, in a thread and alone."""
        async with self._alone(repo):
            return await self._locked(repo, work)

    async def _on(self, repo: RepoId, work: Callable[[pygit2.Repository], T]) -> T:
        """Each call opens the repo anew (a tenth of a millisecond): libgit2's handles are not for many threads."""
        return await asyncio.to_thread(lambda: work(self._open(repo)))

    async def _locked(self, repo: RepoId, work: Callable[[pygit2.Repository], T]) -> T:
        def alone() -> T:
            git = self._open(repo)
            with git_writers.alone(self.path(repo)):
                return work(git)

        # Shielded: a caller who goes away must not let the next one in while this thread still writes.
        return await asyncio.shield(asyncio.to_thread(alone))

    @asynccontextmanager
    async def _alone(self, repo: RepoId) -> AsyncIterator[None]:
        """Wait here, not in a thread: a hundred commits to one repo must not use up the pool."""
        lock = self._locks.get(repo)
        if lock is None:
            lock = self._locks[repo] = asyncio.Lock()
        async with lock:
            yield

    def _open(self, repo: RepoId) -> pygit2.Repository:
        try:
            return pygit2.Repository(str(self.path(repo)), pygit2.enums.RepositoryOpenFlag.BARE)
        except pygit2.GitError as error:
            raise _gone(repo) from error

    def _create(self, repo: RepoId, first: Callable[[pygit2.Repository], RevisionId]) -> RevisionId:
        """Beside its place, then moved there whole: a crash leaves no half repo under the real name."""
        making = self._root / f".making-{repo}"
        shutil.rmtree(making, ignore_errors=True)
        git = pygit2.init_repository(str(making), bare=True, initial_head="main")
        for key, value in CONFIG.items():
            git.config[key] = value
        (making / git_writers.LOCK).touch()
        head = first(git)
        if self.path(repo).exists():
            shutil.rmtree(making)
            raise Taken(what=f"create the repo {repo}", why="its git folder exists")
        making.rename(self.path(repo))
        _fsync_folder(self._root)
        return head

    def _delete(self, repo: RepoId) -> None:
        gone = self._root / f".gone-{repo}"
        shutil.rmtree(gone, ignore_errors=True)
        try:
            self.path(repo).rename(gone)
        except FileNotFoundError:
            return
        _fsync_folder(self._root)
        shutil.rmtree(gone, ignore_errors=True)

    def _heads(self, repos: Collection[RepoId]) -> dict[RepoId, RevisionId]:
        found = {}
        for repo in repos:
            try:
                found[repo] = RevisionId((self.path(repo) / MAIN).read_text("ascii").strip())
            except (OSError, ValueError):  # packed by gc, or being moved at this moment
                try:
                    found[repo] = RevisionId(str(git_objects.commit_at(self._open(repo), MAIN).id))
                except Missing:
                    continue
        return found


def _gone(repo: RepoId) -> Missing:
    return Missing(what=f"open the repo {repo}", why="its git folder is not there")


def _size(content: bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _commit_id(git: pygit2.Repository, target: RevisionId) -> pygit2.Oid:
    return git_objects.commit_at(git, target).id


def _taken(name: str) -> Taken:
    return Taken(what=f"create {name}", why=f"Reference {name} already exists")


def _free(git: pygit2.Repository, name: str) -> None:
    """Raises: Fault for a name git does not allow, Taken for one in use."""
    kind = "tag" if name.startswith("refs/tags/") else "branch"
    if not _is_ref(name):
        raise Fault(what=f"create {name}", why=f"Invalid reference for a {kind}")
    if git.references.get(name) is not None:
        raise _taken(name)
    for end in (at for at, letter in enumerate(name) if letter == "/" and name.count("/", 0, at) > 1):
        if git.references.get(name[:end]) is not None:
            raise Invalid(what=f"create {name}", why=f"there is {name[:end]}, and git keeps no ref below another")


def _is_ref(name: str) -> bool:
    """Not what a person could take for another ref, or for a commit: a revision is looked for among names first."""
    short = name.split("/", 2)[2]
    if short.startswith(("refs/", "-")) or FULL_ID.match(short) or len(short) > LONGEST_REF:
        return False
    try:
        return pygit2.reference_is_valid_name(name)
    except ValueError:  # half a letter, or NUL
        return False


def _new_ref(git: pygit2.Repository, name: str, target: pygit2.Oid) -> None:
    _free(git, name)
    try:
        git.references.create(name, target)
    except pygit2.AlreadyExistsError as error:
        raise _taken(name) from error
    except (pygit2.GitError, ValueError) as error:  # refs/heads/a beside refs/heads/a/b
        raise Invalid(what=f"create {name}", why="git does not allow it") from error


def _delete_ref(git: pygit2.Repository, name: str, said: str) -> None:
    try:
        git.references.delete(name)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise RevisionMissing(said) from error


def _fsync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
