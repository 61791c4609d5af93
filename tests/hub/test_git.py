"""git itself against the hub: clone, push, and what a push is refused for."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub

APP = "import gradio\n"


class Clone:
    """A working copy of a repo, as one person."""

    def __init__(self, hub: Hub, repo: Repo, token: str, folder: Path, *, user: str = "ann") -> None:
        login = f"{user}:{token}@" if token else ""
        self.url = hub.url.replace("://", f"://{login}") + f"/{repo.kind.prefix}{repo.full}"
        self.folder = folder
        self.env = {
            "HOME": str(folder.parent),
            "PATH": os.environ["PATH"],
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
        }

    def git(self, *words: str, fails: bool = False) -> str:
        """Run git; gives all it said."""
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said

    def clone(self, *words: str) -> Clone:
        self.folder.mkdir(parents=True)
        self.git("clone", "-q", *words, self.url, ".")
        return self

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "work")

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def clone(hub: Hub, ann: Account, tmp_path: Path) -> Callable[[Repo], Clone]:
    """Clones as ann."""
    return lambda repo: Clone(hub, repo, ann.write, tmp_path / repo.name).clone()


@pytest.mark.client("git push")
def test_a_push_arrives_and_deploys(hub: Hub, make, clone) -> None:
    repo = make()
    work = clone(repo)
    work.write({"app.py": APP})
    said = work.git("push", "origin", "main")
    assert f"Deploying: {hub.url}/spaces/{repo.full}" in said
    assert hub.do(lambda desk: desk.index.by_id(repo.id)).head == work.head
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    space = hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0]
    assert space.head is not None
    assert space.head.key.revision == work.head


def test_a_space_without_an_app_file_has_nothing_to_deploy(hub: Hub, make, clone) -> None:
    repo = make()
    work = clone(repo)
    work.write({"notes.txt": "later"})
    work.git("push", "origin", "main")
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    assert hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0].head is None


@pytest.mark.client("git clone")
def test_what_was_pushed_can_be_cloned_with_and_without_the_ending(hub: Hub, make, clone, tmp_path: Path) -> None:
    repo = make(Kind.MODEL)
    work = clone(repo)
    work.write({"deep/er/file.txt": "x" * 100_000})
    work.git("push", "origin", "main")
    for number, ending in enumerate(("", ".git")):
        other = Clone(hub, repo, "", tmp_path / f"other{number}")
        other.url += ending
        assert other.clone().head == work.head


def test_a_push_larger_than_a_post_buffer_arrives_in_chunks(make, clone) -> None:
    work = clone(make(Kind.DATASET))
    work.write({f"{n}.bin": os.urandom(500_000) for n in range(6)})
    work.git("-c", "http.postBuffer=65536", "push", "origin", "main")
    assert work.git("ls-remote", "origin", "refs/heads/main").split()[0] == work.head


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version_fetches(hub: Hub, make, clone, tmp_path: Path, version: str) -> None:
    repo = make(Kind.MODEL)
    first = clone(repo)
    other = Clone(hub, repo, "", tmp_path / "other").clone("-c", f"protocol.version={version}")
    first.write({"a.txt": "a"})
    first.git("push", "-q", "origin", "main")
    other.git("pull", "-q")
    assert other.head == first.head


def test_a_wrong_token_is_told_so_in_words(hub: Hub, make, tmp_path: Path) -> None:
    work = Clone(hub, make(visibility=Visibility.PRIVATE), "hf_wrong", tmp_path)
    assert "Invalid credentials in Authorization header" in work.git("ls-remote", work.url, fails=True)


def test_a_read_token_may_not_push(hub: Hub, make, clone, ann: Account) -> None:
    repo = make()
    work = clone(repo)
    work.write({"app.py": APP})
    work.git("remote", "set-url", "origin", work.url.replace(ann.write, ann.read))
    assert "this access token may only read" in work.git("push", "origin", "main", fails=True)


def test_a_stranger_may_not_push_and_sees_nothing_private(hub: Hub, make, bob: Account, tmp_path: Path) -> None:
    public = Clone(hub, make(), bob.write, tmp_path / "public", user="bob").clone()
    public.write({"app.py": APP})
    assert "bob is not its owner" in public.git("push", "origin", "main", fails=True)
    private = make(visibility=Visibility.PRIVATE)
    hidden = Clone(hub, private, bob.write, tmp_path, user="bob")
    assert "Repository not found" in hidden.git("ls-remote", hidden.url, fails=True)


def test_nobody_is_asked_for_a_password_before_private_code(hub: Hub, make, client: httpx.Client) -> None:
    repo = make(visibility=Visibility.PRIVATE)
    answer = client.get(f"/spaces/{repo.full}/info/refs", params={"service": "git-upload-pack"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_large_file_without_lfs_is_refused_in_one_line_that_helps(make, clone) -> None:
    work = clone(make())
    work.write({"big.weights": os.urandom(2**20 + 1)})
    said = work.git("push", "origin", "main", fails=True)
    lines = [line for line in said.splitlines() if "big.weights" in line]
    assert len(lines) == 1
    assert 'git lfs track "big.weights"' in lines[0]
    assert "1 MiB" in lines[0]


def test_a_refused_push_leaves_the_repo_as_it_was(hub: Hub, make, clone) -> None:
    repo = make()
    work = clone(repo)
    before = work.head
    objects = hub.desk.repos.path(repo.id) / "objects"
    listed = sorted(str(path) for path in objects.rglob("*"))
    work.write({"big.weights": os.urandom(2**20 + 1)})
    work.git("push", "origin", "main", fails=True)
    assert work.git("ls-remote", "origin", "refs/heads/main").split()[0] == before
    assert sorted(str(path) for path in objects.rglob("*")) == listed


def test_a_pointer_without_content_is_refused(make, clone) -> None:
    work = clone(make(Kind.MODEL))
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12\n"
    work.write({".gitattributes": "", "model.bin": pointer})
    said = work.git("push", "origin", "main", fails=True)
    assert "model.bin is an LFS pointer, and its content was not uploaded" in said


def test_main_cannot_be_deleted_and_odd_refs_cannot_be_pushed(make, clone) -> None:
    work = clone(make())
    assert "main cannot be deleted" in work.git("push", "origin", ":main", fails=True)
    assert "not a branch or tag" in work.git("push", "origin", "HEAD:refs/pr/1", fails=True)


def test_branches_and_tags_can_be_pushed_and_deleted(make, clone) -> None:
    work = clone(make())
    work.git("push", "origin", "HEAD:refs/heads/feature/x", "HEAD:refs/tags/v1")
    assert "refs/heads/feature/x" in work.git("ls-remote", "origin")
    work.git("push", "origin", ":feature/x", ":v1")
    assert "feature/x" not in work.git("ls-remote", "origin")


def test_wrong_settings_are_said_in_the_output_of_the_push(hub: Hub, make, clone) -> None:
    repo = make()
    work = clone(repo)
    work.write({"README.md": "---\nsdk: gradio\ncolorFrom: teal\n---\n", "app.py": APP})
    said = work.git("push", "origin", "main")
    assert 'remote: README.md line 3: colorFrom is "teal"' in said
    assert "Deploying" not in said
    assert "CONFIG_ERROR" in said
    assert hub.do(lambda desk: desk.index.by_id(repo.id)).head == work.head


def test_half_a_push_changes_nothing(hub: Hub, make, ann: Account) -> None:
    repo = make()
    before = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    line = f"{before} {'1' * 40} refs/heads/main\0report-status side-band-64k"
    body = f"{len(line) + 4:04x}{line}0000PACK".encode()
    head = (
        f"POST /spaces/{repo.full}/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.write}\r\n"
        "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 100000\r\n\r\n"
    )

    host, port = hub.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert hub.do(lambda desk: desk.repos.resolve(repo.id, "main")) == before


def test_git_folders_of_the_hub_are_not_served(make, client: httpx.Client) -> None:
    repo = make()
    for path in ("/HEAD", "/config", "/objects/info/packs", "/info/refs"):
        assert client.get(f"/spaces/{repo.full}.git{path}").status_code in (403, 404)
