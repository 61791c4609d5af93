"""Commits: all or nothing, one after the other, and on disk when they are answered."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import (
    EntryMissing,
    Fault,
    Full,
    Invalid,
    Missing,
    Moved,
    Refused,
    RevisionMissing,
    Taken,
)
from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256
from spaces_runtime.domain.repo import AddBlob, AddFile, Change, Copy, Delete
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.git import GitRepos
from tests.store.holdings import A, B
from tests.store.test_blobs import sent, small_disk  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio
FIRST = {".gitattributes": b"*.bin filter=lfs\n", "a/one.txt": b"1", "a/two.txt": b"2"}


@pytest.fixture
async def head(repos: GitRepos) -> RevisionId:
    return await repos.create(A, FIRST, "ann")


async def commit(repos: GitRepos, *changes: Change, parent: str | None = None, branch: str = "main") -> RevisionId:
    return await repos.commit(A, branch, changes, author="ann", message="work\n\nand why", parent=parent)


async def paths(repos: GitRepos, revision: RevisionId) -> list[str]:
    return [entry.path for entry in await repos.tree(A, revision, "", recursive=True) if not entry.folder]


async def test_changes_make_one_commit(repos: GitRepos, head: RevisionId) -> None:
    made = await commit(
        repos,
        AddFile(path="b.txt", content=b"new"),
        Delete(path="a/one.txt"),
        Copy(path="c.txt", source="a/two.txt", revision=head),
    )
    assert await paths(repos, made) == [".gitattributes", "a/two.txt", "b.txt", "c.txt"]
    newest, first = await repos.history(A, made, skip=0, limit=10)
    assert (newest.title, newest.message, newest.author) == ("work", "and why", "ann")
    assert first.id == head
    assert await repos.read(A, made, "c.txt") == b"2"


async def test_one_bad_change_and_nothing_happens(repos: GitRepos, head: RevisionId) -> None:
    with pytest.raises(EntryMissing):
        await commit(repos, AddFile(path="b.txt", content=b"new"), Delete(path="nope"))
    assert await repos.resolve(A, "main") == head


async def test_the_same_tree_makes_no_commit(repos: GitRepos, head: RevisionId) -> None:
    assert await commit(repos, AddFile(path="a/one.txt", content=b"1")) == head


async def test_a_folder_goes_with_all_below_and_only_when_named_as_one(repos: GitRepos, head: RevisionId) -> None:
    with pytest.raises(EntryMissing):
        await commit(repos, Delete(path="a"))
    assert await paths(repos, await commit(repos, Delete(path="a", folder=True))) == [".gitattributes"]


async def test_a_commit_on_another_parent_is_refused(repos: GitRepos, head: RevisionId) -> None:
    await commit(repos, AddFile(path="b.txt", content=b"1"), parent=head)
    with pytest.raises(Moved, match="The branch was updated since you opened this page"):
        await commit(repos, AddFile(path="c.txt", content=b"1"), parent=head)


async def test_many_at_once_all_arrive_one_after_the_other(repos: GitRepos, head: RevisionId) -> None:
    await asyncio.gather(*(commit(repos, AddFile(path=f"{n}.txt", content=b"%d" % n)) for n in range(30)))
    top = await repos.resolve(A, "main")
    assert len(await paths(repos, top)) == len(FIRST) + 30
    assert len(await repos.history(A, top, skip=0, limit=100)) == 31


def work_elsewhere(root: Path, name: str, count: int) -> None:
    """Another process of the platform."""

    async def go() -> None:
        repos = GitRepos(root / "repos", NoBlobs())
        for number in range(count):
            await commit(repos, AddFile(path=f"{name}/{number}.txt", content=b"x"))

    asyncio.run(go())


class NoBlobs:
    """A process that only commits."""

    def path(self, sha256: Sha256) -> Path:
        raise NotImplementedError

    async def holds(self, repo: RepoId, sha256: Sha256) -> bool:
        return False


async def test_two_processes_lose_nothing_of_each_other(repos: GitRepos, head: RevisionId, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=work_elsewhere, args=(tmp_path, name, 15)) for name in ("x", "y")]
    for other in others:
        other.start()
    for other in others:
        await asyncio.to_thread(other.join, 60)
        assert other.exitcode == 0
    assert len(await paths(repos, await repos.resolve(A, "main"))) == len(FIRST) + 30


async def test_revisions_are_named_by_branch_tag_and_id_and_nothing_else(repos: GitRepos, head: RevisionId) -> None:
    await repos.set_branch(A, "feature/x", head)
    await repos.set_tag(A, "v1", head, "the first", "ann")
    await commit(repos, AddFile(path="b.txt", content=b"1"))
    for name in ("feature/x", "v1", "refs/heads/feature/x", "refs/tags/v1", head, head[:7]):
        assert await repos.resolve(A, name) == head
    for name in ("nope", "main~1", "HEAD@{0}", "main^{tree}", "..", "", head[:4], "f" * 40):
        with pytest.raises(RevisionMissing):
            await repos.resolve(A, name)


async def test_refs_that_cannot_be(repos: GitRepos, head: RevisionId) -> None:
    await repos.set_branch(A, "x", head)
    with pytest.raises(Taken, match="Reference refs/heads/x already exists"):
        await repos.set_branch(A, "x", head)
    with pytest.raises(Fault, match="Invalid reference for a branch"):
        await repos.set_branch(A, "with space", head)
    with pytest.raises(Invalid):
        await repos.set_branch(A, "x/below", head)
    with pytest.raises(Refused, match="Cannot delete refs/heads/main"):
        await repos.delete_branch(A, "main")
    with pytest.raises(RevisionMissing):
        await repos.delete_branch(A, "nope")
    await repos.set_tag(A, "t", head, "", "ann")
    with pytest.raises(RevisionMissing):
        await repos.delete_branch(A, "t")


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "a\\b", "a\nb", "x/"])
async def test_paths_that_leave_the_folder_are_refused(repos: GitRepos, head: RevisionId, path: str) -> None:
    with pytest.raises(Invalid):
        await commit(repos, AddFile(path=path, content=b"x"))


async def test_only_branches_take_commits(repos: GitRepos, head: RevisionId) -> None:
    await repos.set_tag(A, "v1", head, "", "ann")
    for name in ("v1", "refs/tags/v1", head, "nope"):
        with pytest.raises(RevisionMissing):
            await commit(repos, AddFile(path="b.txt", content=b"x"), branch=name)


async def test_a_checkout_has_content_in_place_of_pointers(repos: GitRepos, blobs: FileBlobs, tmp_path: Path) -> None:
    await repos.create(A, FIRST, "ann")
    content = os.urandom(200_000)
    name = Sha256(sha256(content).hexdigest())
    await blobs.put(A, name, len(content), sent(content))
    lost = Sha256("0" * 64)
    made = await commit(
        repos, AddBlob(path="m/x.bin", sha256=name, size=len(content)), AddBlob(path="y.bin", sha256=lost, size=3)
    )
    entry = await repos.entry(A, made, "m/x.bin")
    assert entry.lfs is not None
    assert (entry.lfs.sha256, entry.size) == (name, len(content))
    old = os.umask(0o077)
    try:
        await repos.checkout(A, made, tmp_path / "out" / "code")
    finally:
        os.umask(old)
    code = tmp_path / "out" / "code"
    assert (code / "m/x.bin").read_bytes() == content
    assert (code / "y.bin").read_bytes().startswith(b"version https://git-lfs")
    assert stat.S_IMODE((code / "m/x.bin").stat().st_mode) == 0o644
    assert stat.S_IMODE((code / "m").stat().st_mode) == 0o755
    (code / "m/x.bin").write_bytes(b"changed")
    assert blobs.path(name).read_bytes() == content


async def test_one_repo_cannot_check_out_what_another_one_holds(
    repos: GitRepos, blobs: FileBlobs, tmp_path: Path
) -> None:
    content = b"secret" * 1000
    name = Sha256(sha256(content).hexdigest())
    await blobs.put(B, name, len(content), sent(content))
    await repos.create(A, FIRST, "ann")
    made = await commit(repos, AddBlob(path="x.bin", sha256=name, size=len(content)))
    await repos.checkout(A, made, tmp_path / "code")
    assert b"secret" not in (tmp_path / "code" / "x.bin").read_bytes()


async def test_the_last_commit_of_each_path(repos: GitRepos, head: RevisionId) -> None:
    second = await commit(repos, AddFile(path="a/one.txt", content=b"11"))
    third = await commit(repos, AddFile(path="b.txt", content=b"x"))
    last = await repos.last_commits(A, third, ["a", "a/one.txt", "a/two.txt", "b.txt", "nope"])
    assert {path: last[path].id for path in ("a", "a/one.txt", "a/two.txt", "b.txt")} == {
        "a": second,
        "a/one.txt": second,
        "a/two.txt": head,
        "b.txt": third,
    }


async def test_a_listing_stays_true_after_commits_and_a_deletion(repos: GitRepos, head: RevisionId) -> None:
    assert await paths(repos, head) == await paths(repos, head) == sorted(FIRST)
    second = await commit(repos, AddFile(path="b.txt", content=b"x"))
    assert "b.txt" in await paths(repos, second)
    assert "b.txt" not in await paths(repos, head)
    await repos.delete(A)
    with pytest.raises(Missing):
        await paths(repos, second)


async def test_a_squash_keeps_the_files_and_forgets_the_history(repos: GitRepos, head: RevisionId) -> None:
    before = await commit(repos, AddFile(path="b.txt", content=b"x"))
    made = await repos.squash(A, "main", author="ann", message="all")
    assert await paths(repos, made) == await paths(repos, before)
    assert len(await repos.history(A, made, skip=0, limit=10)) == 1


async def test_heads_are_read_also_when_they_are_packed(repos: GitRepos, head: RevisionId) -> None:
    assert await repos.heads([A, B]) == {A: head}
    packed = await asyncio.create_subprocess_exec("git", "-C", str(repos.path(A)), "pack-refs", "--all")
    assert await packed.wait() == 0
    assert await repos.heads([A]) == {A: head}


async def test_a_deleted_repo_is_gone_and_repeating_it_is_fine(repos: GitRepos, head: RevisionId) -> None:
    await repos.delete(A)
    await repos.delete(A)
    assert list(repos.path(A).parent.iterdir()) == []
    with pytest.raises(Missing):
        await repos.resolve(A, "main")


async def test_what_crashes_left_is_swept(repos: GitRepos, head: RevisionId) -> None:
    root = repos.path(A).parent
    (root / ".making-x").mkdir()
    await repos.create(B, FIRST, "ann")
    repos.sweep([A], before=0)
    assert len(list(root.iterdir())) == 3
    repos.sweep([A], before=2**40)
    assert list(root.iterdir()) == [repos.path(A)]


async def test_a_full_disk_refuses_the_commit_and_keeps_the_head(small_disk: Path, blobs: FileBlobs) -> None:  # noqa: F811
    repos = GitRepos(small_disk, blobs)
    head = await repos.create(A, FIRST, "ann")
    with pytest.raises(Full):
        await commit(repos, AddFile(path="big", content=os.urandom(2_000_000)))
    assert await repos.resolve(A, "main") == head
    assert await commit(repos, AddFile(path="small", content=b"fits")) != head


def test_the_settings_of_whoever_started_the_platform_do_not_count(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[this is no git config")
    program = f"""
import asyncio
from pathlib import Path
from spaces_runtime.store.git import GitRepos
print(asyncio.run(GitRepos(Path({str(tmp_path)!r}), None).create("a", {{"one": b"1"}}, "ann")))
"""
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert len(done.stdout.strip()) == 40, done.stderr
