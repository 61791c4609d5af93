"""git at its edges: shallow and partial clones, names no file system agrees on, links, submodules, branches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from spaces_runtime.domain.paths import name_fault
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.hub.receive import names_in
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_git import Clone

LINK, SUBMODULE = "120000", "160000"


@pytest.fixture
def clone(hub: Hub, ann: Account, tmp_path: Path) -> Callable[[Repo], Clone]:
    """Clones as ann."""
    return lambda repo: Clone(hub, repo, ann.write, tmp_path / repo.name).clone()


def add(work: Clone, name: bytes | str, oid: str, mode: str = "100644") -> None:
    """Commit a name without writing it to this disk."""
    raw = os.fsencode(name)
    argv = [b"git", b"update-index", b"--add", b"--cacheinfo", b"%b,%b,%b" % (mode.encode(), oid.encode(), raw)]
    subprocess.run(argv, cwd=work.folder, env=work.env, check=True)
    work.git("commit", "-q", "-m", "odd")


def blob(work: Clone, content: bytes) -> str:
    argv = ["git", "hash-object", "-w", "--stdin"]
    done = subprocess.run(argv, input=content, cwd=work.folder, env=work.env, capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_a_shallow_clone_has_one_commit_and_can_go_on(hub: Hub, make, clone, tmp_path: Path) -> None:
    repo = make(Kind.MODEL)
    work = clone(repo)
    for number in range(3):
        work.write({"a.txt": str(number)})
    work.git("push", "-q", "origin", "main")
    other = Clone(hub, repo, "", tmp_path / "shallow").clone("--depth", "1")
    assert other.git("rev-list", "--count", "HEAD").strip() == "1"
    other.git("fetch", "-q", "--deepen", "2")
    assert other.git("rev-list", "--count", "HEAD").strip() == "3"
    mine = Clone(hub, repo, work.url.split(":")[2].split("@")[0], tmp_path / "mine").clone("--depth", "1")
    mine.write({"b.txt": "from a shallow clone"})
    mine.git("push", "-q", "origin", "main")
    other.git("fetch", "-q", "--unshallow")
    assert other.git("rev-list", "--count", "origin/main").strip() == "5"


def test_a_partial_clone_fetches_contents_when_they_are_needed(hub: Hub, make, clone, tmp_path: Path) -> None:
    repo = make(Kind.DATASET)
    work = clone(repo)
    work.write({"deep/a.txt": "x" * 50_000, "b.txt": "y" * 50_000})
    work.git("push", "-q", "origin", "main")
    part = Clone(hub, repo, "", tmp_path / "part").clone("--filter=blob:none", "--no-checkout")
    missing = part.git("rev-list", "--objects", "--all", "--missing=print")
    assert missing.count("?") >= 2
    part.git("checkout", "-q", "main", "--", "b.txt")
    assert (part.folder / "b.txt").read_text() == "y" * 50_000
    assert part.git("rev-list", "--objects", "--all", "--missing=print").count("?") == missing.count("?") - 1


@pytest.mark.parametrize(
    ("name", "why"),
    [(b"caf\xe9.txt", "is not UTF-8"), (b"x" * 300, "is longer than 255 bytes"), (b"a\tb", "has a control character")],
)
def test_a_name_that_no_address_can_say_is_refused(make, clone, name: bytes, why: str) -> None:
    work = clone(make(Kind.MODEL))
    add(work, b"deep/" + name, blob(work, b"content"))
    said = work.git("push", "origin", "main", fails=True)
    assert why in said
    assert "in deep" in said


@pytest.mark.parametrize("name", ["..", ".git"])
def test_git_itself_refuses_what_leads_out_of_the_folder(make, clone, name: str) -> None:
    work = clone(make(Kind.MODEL))
    tree = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob(work, b"x"))
    argv = ["git", "hash-object", "-w", "-t", "tree", "--stdin", "--literally"]
    made = subprocess.run(argv, input=tree, cwd=work.folder, env=work.env, capture_output=True, check=True)
    commit = work.git("commit-tree", made.stdout.decode().strip(), "-p", "HEAD", "-m", "bad").strip()
    assert "fsck" in work.git("push", "origin", f"{commit}:refs/heads/main", fails=True).lower()


def test_links_and_submodules_are_kept_and_lead_nowhere_on_the_hub(
    hub: Hub, make, clone, client: httpx.Client, tmp_path: Path
) -> None:
    repo = make(Kind.MODEL)
    work = clone(repo)
    add(work, "out", blob(work, b"../../../../etc/passwd"), LINK)
    add(work, "sub", "1" * 40, SUBMODULE)
    work.git("push", "-q", "origin", "main")
    assert client.get(f"/{repo.full}/resolve/main/out").content == b"../../../../etc/passwd"
    assert client.get(f"/{repo.full}/resolve/main/out/passwd").status_code == 404
    assert client.get(f"/{repo.full}/resolve/main/sub").status_code == 404
    assert client.get(f"/{repo.full}/raw/main/sub").status_code == 404
    listed = {row["path"]: row for row in client.get(f"/api/models/{repo.full}/tree/main?recursive=true").json()}
    assert (listed["sub"]["type"], listed["sub"]["size"]) == ("file", 0)
    hub.do(lambda desk: desk.repos.checkout(repo.id, work.head, tmp_path / "out"))
    assert (tmp_path / "out" / "out").is_symlink()
    assert (tmp_path / "out" / "sub").is_dir()


def test_names_of_every_script_and_case_are_different_files(hub: Hub, make, clone, client: httpx.Client) -> None:
    repo = make(Kind.MODEL)
    work = clone(repo)
    names = ["A.txt", "a.txt", "caf\u00e9", "cafe\u0301", "数据.txt", "back\\slash"]
    for name in names:
        add(work, name, blob(work, name.encode()))
    work.git("push", "-q", "origin", "main")
    listed = {row["path"] for row in client.get(f"/api/models/{repo.full}/tree/main").json()}
    assert set(names) <= listed
    for name in names:
        assert client.get(httpx.URL(f"{hub.url}/{repo.full}/resolve/main/").join(f"./{_quoted(name)}")).content == (
            name.encode()
        )


def _quoted(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())


def test_a_branch_that_looks_like_a_commit_is_refused(make, clone) -> None:
    work = clone(make(Kind.MODEL))
    for name in (f"refs/heads/{'a' * 40}", f"refs/tags/{'0123456789' * 4}"):
        assert "could be taken for a commit" in work.git("push", "origin", f"HEAD:{name}", fails=True)


def test_a_clone_of_a_new_repo_is_on_main(make, clone) -> None:
    work = clone(make(Kind.DATASET))
    assert work.git("rev-parse", "--abbrev-ref", "HEAD").strip() == "main"
    assert work.git("ls-remote", "--symref", "origin", "HEAD").startswith("ref: refs/heads/main")


def test_hooks_of_a_repo_never_run(hub: Hub, make, clone, tmp_path: Path) -> None:
    repo = make(Kind.MODEL)
    work = clone(repo)
    hooks = hub.desk.repos.path(repo.id) / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    work.write({"hooks/post-receive": "#!/bin/sh\nexit 1\n", ".githooks/x": "x"})
    work.git("push", "-q", "origin", "main")
    assert not (tmp_path / "ran").exists()


def test_what_a_tree_holds_is_read_as_git_wrote_it(make, clone) -> None:
    work = clone(make(Kind.MODEL))
    work.write({"b": "1", "a b/c": "2"})
    argv = ["git", "cat-file", "tree", "HEAD"]
    raw = subprocess.run(argv, cwd=work.folder, env=work.env, capture_output=True, check=True)
    assert list(names_in(raw.stdout)) == [b".gitattributes", b"a b", b"b"]
    assert name_fault(b"a b") == ""
