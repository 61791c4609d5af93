"""Large files beside git-lfs' plain way: in parts, locked, listed, deleted for good, and copied between repos."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.hub import lfs
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_commit_api import HEADER, commit
from tests.hub.test_git import Clone
from tests.store.test_blobs import files

CONTENT = os.urandom(250_000)
OID = sha256(CONTENT).hexdigest()


@pytest.fixture
def parts_of_100_kb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hub, with parts a test can afford."""
    monkeypatch.setattr(lfs, "PART", 100_000)


def batch(client: httpx.Client, repo: Repo, *, transfers: Any = ("basic", "multipart"), **more: Any) -> dict[str, Any]:
    wanted = {"operation": "upload", "transfers": transfers, "objects": [{"oid": OID, "size": len(CONTENT)}], **more}
    return client.post(f"/{repo.full}.git/info/lfs/objects/batch", json=wanted).json()


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> httpx.Client:
    """As ann."""
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


def sent(told: dict[str, Any], order: list[int]) -> tuple[str, list[dict[str, Any]]]:
    """Send parts without any credentials, as clients do; what to say at the end."""
    upload = told["objects"][0]["actions"]["upload"]
    size, parts = int(upload["header"]["chunk_size"]), []
    for number in order:
        piece = CONTENT[(number - 1) * size : number * size]
        answer = httpx.put(upload["header"][str(number)], content=piece)
        assert answer.status_code == 200, answer.text
        parts.append({"partNumber": number, "etag": answer.headers["etag"]})
    return upload["href"], parts


@pytest.mark.usefixtures("parts_of_100_kb")
def test_parts_arrive_in_any_order_and_twice(hub: Hub, signed: httpx.Client, make, data) -> None:
    repo = make(Kind.MODEL)
    told = batch(signed, repo)
    assert told["transfer"] == "multipart"
    href, parts = sent(told, [3, 1, 1, 2])
    for _ in range(2):  # a client that lost the answer asks again
        assert httpx.post(href, json={"oid": OID, "parts": parts}).status_code == 200
    verify = told["objects"][0]["actions"]["verify"]["href"]
    assert httpx.post(verify, json={"oid": OID, "size": len(CONTENT)}).status_code == 200
    assert commit(signed, repo, HEADER, ("lfsFile", {"path": "m.bin", "oid": OID})).status_code == 200
    assert signed.get(f"/{repo.full}/resolve/main/m.bin").content == CONTENT
    assert not [path for path in files(data.blobs / "incoming") if path.name.startswith("parts-")]
    assert "actions" not in batch(signed, repo)["objects"][0]


@pytest.mark.usefixtures("parts_of_100_kb")
def test_a_part_that_is_missing_or_wrong_is_said_and_can_be_sent_again(signed: httpx.Client, make) -> None:
    told = batch(signed, make(Kind.MODEL))
    href, _ = sent(told, [])
    assert "none of its parts" in httpx.post(href, json={}).json()["error"]
    sent(told, [1, 3])
    answer = httpx.post(href, json={})
    assert (answer.status_code, "its parts together" in answer.json()["error"]) == (422, True)
    upload = told["objects"][0]["actions"]["upload"]
    for wrong in (b"", b"x" * 99_999, b"x" * 100_001):
        assert httpx.put(upload["header"]["2"], content=wrong).status_code == 422
    sent(told, [1, 2, 3])
    assert httpx.post(href, json={}).status_code == 200


@pytest.mark.usefixtures("parts_of_100_kb")
@pytest.mark.parametrize("transfers", [["basic"], None, 7, "multipart"])
def test_who_does_not_speak_of_parts_gets_none(signed: httpx.Client, make, transfers: Any) -> None:
    assert batch(signed, make(Kind.MODEL), transfers=transfers)["transfer"] == "basic"


@pytest.mark.usefixtures("parts_of_100_kb")
def test_an_address_for_one_thing_does_no_other(signed: httpx.Client, make) -> None:
    upload = batch(signed, make(Kind.MODEL))["objects"][0]["actions"]["upload"]
    part, join = upload["header"]["1"], upload["href"]
    assert httpx.put(join.replace("/join", "/part"), content=b"x").status_code == 403
    assert httpx.post(part.replace("/part", "/join"), json={}).status_code == 403
    assert httpx.put(part.removesuffix("/part"), content=CONTENT).status_code == 403


git_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


@git_lfs
def test_a_lock_is_taken_shown_and_given_back(hub: Hub, make, ann: Account, root: Account, tmp_path: Path) -> None:
    repo = make(Kind.MODEL)
    mine = Clone(hub, repo, ann.write, tmp_path / "mine").clone()
    mine.git("lfs", "install", "--local")
    mine.write({"model.bin": CONTENT})
    mine.git("push", "origin", "main")
    mine.git("lfs", "lock", "model.bin")
    other = Clone(hub, repo, root.write, tmp_path / "other", user=root.name).clone()
    other.git("lfs", "install", "--local")
    assert "ann" in other.git("lfs", "locks")
    assert "already" in (said := other.git("lfs", "lock", "model.bin", fails=True)).lower() or "ann has locked" in said
    other.git("config", f"lfs.{other.url}.git/info/lfs.locksverify", "true")
    other.git("config", f"lfs.{other.url}/info/lfs.locksverify", "true")
    other.write({"model.bin": os.urandom(1000)})
    assert "model.bin" in other.git("push", "origin", "main", fails=True)
    other.git("lfs", "unlock", "model.bin", fails=True)
    mine.git("lfs", "unlock", "model.bin")
    assert mine.git("lfs", "locks").strip() == ""
    other.git("push", "origin", "main")


def test_locks_over_http(signed: httpx.Client, client: httpx.Client, make, ann: Account, bob: Account) -> None:
    repo = make(Kind.DATASET)
    url = f"/datasets/{repo.full}.git/info/lfs/locks"
    made = signed.post(url, json={"path": "a.bin"})
    assert made.status_code == 201
    lock = made.json()["lock"]
    again = signed.post(url, json={"path": "a.bin"})
    assert (again.status_code, again.json()["lock"]) == (409, lock)
    assert signed.get(url, params={"path": "a.bin"}).json() == {"locks": [lock], "next_cursor": ""}
    assert signed.get(url, params={"path": "b.bin"}).json()["locks"] == []
    assert signed.post(f"{url}/verify", json={}).json() == {"ours": [lock], "theirs": [], "next_cursor": ""}
    assert signed.post(url, json={"path": "../up"}).status_code == 422
    assert signed.post(f"{url}/nope/unlock", json={}).status_code == 404
    stranger = {"Authorization": f"Bearer {bob.write}"}
    assert client.post(url, json={"path": "b.bin"}, headers=stranger).status_code == 403
    assert client.post(f"{url}/verify", json={}, headers=stranger).status_code == 403
    assert signed.post(f"{url}/{lock['id']}/unlock", json={}).json() == {"lock": lock}
    assert signed.get(url).json()["locks"] == []


@pytest.fixture
def with_large(api: HfApi, make) -> Repo:
    """A model with two large files; one of them was there in the first commit only."""
    repo: Repo = make(Kind.MODEL)
    api.upload_file(path_or_fileobj=CONTENT, path_in_repo="deep/old.bin", repo_id=repo.full)
    api.create_tag(repo.full, tag="v1", tag_message="with old.bin")
    api.delete_file("deep/old.bin", repo.full)
    api.upload_file(path_or_fileobj=CONTENT[:1000] + b"\0", path_in_repo="new.bin", repo_id=repo.full)
    return repo


def test_large_files_are_listed_with_where_they_are_or_were(api: HfApi, with_large: Repo) -> None:
    listed = {file.filename: file for file in api.list_lfs_files(with_large.full)}
    assert set(listed) == {"deep/old.bin", "new.bin"}
    assert listed["deep/old.bin"].file_oid == OID
    assert (listed["deep/old.bin"].ref, listed["new.bin"].ref) == (None, "main")
    assert listed["new.bin"].size == 1001


def test_a_large_file_deleted_for_good_is_in_no_commit_any_more(api: HfApi, with_large: Repo, hub: Hub) -> None:
    name, before = with_large.full, api.list_repo_commits(with_large.full)
    old = [file for file in api.list_lfs_files(name) if file.filename == "deep/old.bin"]
    api.permanently_delete_lfs_files(name, old)
    assert [file.filename for file in api.list_lfs_files(name)] == ["new.bin"]
    after = api.list_repo_commits(name)
    assert [commit.title for commit in after] == [commit.title for commit in before]
    assert after[-1].commit_id == before[-1].commit_id  # what never had it stays as it is
    assert api.repo_info(name).sha == after[0].commit_id
    for revision in ("v1", after[1].commit_id, after[2].commit_id):
        assert api.list_repo_files(name, revision=revision) == [".gitattributes"]
    assert hub.do(lambda desk: desk.blobs.holds(with_large.id, old[0].file_oid)) is False


def test_without_a_new_history_only_the_content_is_gone(api: HfApi, with_large: Repo, client: httpx.Client) -> None:
    api.permanently_delete_lfs_files(with_large.full, api.list_lfs_files(with_large.full), rewrite_history=False)
    answer = client.get(f"/{with_large.full}/resolve/main/new.bin")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")
    assert client.get(f"/{with_large.full}/raw/main/new.bin").status_code == 200


def test_large_files_are_copied_to_another_repo_by_the_hub_alone(
    api: HfApi, with_large: Repo, make, data, client: httpx.Client
) -> None:
    target: Repo = make(Kind.DATASET)
    api.upload_file(path_or_fileobj=b"small", path_in_repo="small.txt", repo_id=with_large.full)
    blobs = files(data.blobs)
    api.copy_files(f"hf://{with_large.full}/", f"hf://datasets/{target.full}/copy/")
    assert files(data.blobs) == blobs
    assert client.get(f"/datasets/{target.full}/resolve/main/copy/new.bin").content == CONTENT[:1000] + b"\0"
    assert client.get(f"/datasets/{target.full}/resolve/main/copy/small.txt").content == b"small"


def test_nobody_copies_what_they_may_not_read_or_where_they_may_not_write(
    client: httpx.Client, make, ann: Account, bob: Account, api: HfApi
) -> None:
    secret, public = make(Kind.MODEL, visibility=Visibility.PRIVATE), make(Kind.MODEL)
    for repo in (secret, public):
        api.upload_file(path_or_fileobj=CONTENT, path_in_repo="m.bin", repo_id=repo.full)
    theirs = HfApi(endpoint=api.endpoint, token=bob.write).create_repo(f"{bob.name}/target").repo_id
    client.headers["Authorization"] = f"Bearer {bob.write}"

    def ask(source: Repo, target: str, sha: str = OID) -> httpx.Response:
        wanted = {"target": {"type": "model", "name": target}, "files": [{"sha256": sha, "xetHash": sha}]}
        return client.post(f"/api/models/{source.full}/lfs-files/duplicate", json=wanted)

    assert ask(secret, theirs).headers["x-error-code"] == "RepoNotFound"
    assert ask(public, public.full).status_code == 403
    assert ask(public, secret.full).headers["x-error-code"] == "RepoNotFound"
    assert ask(public, theirs, "0" * 64).json()["failed"][0]["sha256"] == "0" * 64
    assert ask(public, theirs).json() == {"failed": []}
    assert client.get(f"/api/models/{public.full}/lfs-files").status_code == 403
