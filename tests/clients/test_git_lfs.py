"""git-lfs against the hub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spaces_runtime.domain.repo import Kind, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_git import Clone

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


@pytest.mark.client("git-lfs push", "git-lfs smudge")
def test_large_content_makes_the_round_trip(hub: Hub, make, ann: Account, tmp_path: Path) -> None:
    repo = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    content = os.urandom(3_000_000)
    work = Clone(hub, repo, ann.write, tmp_path / "work").clone()
    work.git("lfs", "install", "--local")
    work.write({"model.bin": content, "notes.txt": "small"})
    said = work.git("push", "origin", "main")
    assert "does not support" not in said  # of locks, as git-lfs says of hubs without them
    other = Clone(hub, repo, ann.read, tmp_path / "other")
    other.folder.mkdir()
    other.git("-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.required=true", "clone", other.url, ".")
    assert (other.folder / "model.bin").read_bytes() == content
    entry = hub.do(lambda desk: desk.repos.entry(repo.id, work.head, "model.bin"))
    assert entry.lfs is not None
    assert entry.lfs.size == len(content)


def test_content_pushed_before_is_not_sent_again(hub: Hub, make, ann: Account, tmp_path: Path) -> None:
    work = Clone(hub, make(Kind.MODEL), ann.write, tmp_path / "work").clone()
    work.git("lfs", "install", "--local")
    work.write({"model.bin": os.urandom(200_000)})
    work.git("push", "origin", "main")
    work.git("mv", "model.bin", "other.bin")
    work.git("commit", "-qm", "renamed")
    assert "Uploading LFS objects: 100% (1/1), 200 KB" not in work.git("push", "origin", "main")


def test_content_of_one_repo_is_not_another_ones(hub: Hub, make, ann: Account, bob: Account, tmp_path: Path) -> None:
    """Who knows a sha256 has not proven to have the content."""
    secret = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    work = Clone(hub, secret, ann.write, tmp_path / "work").clone()
    work.git("lfs", "install", "--local")
    work.write({"model.bin": os.urandom(100_000)})
    work.git("push", "origin", "main")
    pointer = work.git("cat-file", "-p", "HEAD:model.bin")
    thief = Clone(hub, make(Kind.MODEL), ann.write, tmp_path / "thief").clone()
    thief.write({".gitattributes": "", "stolen.bin": pointer})
    assert "its content was not uploaded" in thief.git("push", "origin", "main", fails=True)


@pytest.mark.client("hf lfs-enable-largefiles", "hf lfs-multipart-upload")
def test_hf_sends_a_larger_file_in_parts(
    hub: Hub, make, ann: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hf lfs-enable-largefiles` makes git-lfs call `hf lfs-multipart-upload` for what the hub wants in parts."""
    monkeypatch.setattr("spaces_runtime.hub.lfs.PART", 1_000_000)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    repo, content = make(Kind.MODEL), os.urandom(2_500_000)
    work = Clone(hub, repo, ann.write, tmp_path / "work").clone()
    work.git("lfs", "install", "--local")
    subprocess.run(["hf", "lfs-enable-largefiles", work.folder], check=True, capture_output=True)
    assert "lfs-multipart-upload" in work.git("config", "lfs.customtransfer.multipart.args")
    work.write({"model.bin": content})
    work.git("push", "origin", "main")
    entry = hub.do(lambda desk: desk.repos.entry(repo.id, work.head, "model.bin"))
    assert entry.lfs is not None
    assert hub.do(lambda desk: desk.blobs.start(entry.lfs.sha256, len(content))) == content
