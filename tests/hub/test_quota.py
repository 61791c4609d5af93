"""What a person or a repo may store, by each way in: refused before it is stored, and in words."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import HubSettings, Settings, StorageSettings
from spaces_runtime.domain.storage import size_of
from spaces_runtime.wiring.desk import desk
from tests.hub.conftest import Account, account
from tests.hub.serving import Hub, serving

MB = 1000_000
LIMITS = StorageSettings(namespace=3 * MB, repo=2 * MB)


@pytest.fixture(scope="module")
def hub(data: Layout) -> Iterator[Hub]:
    """One with limits, on the data of the others."""
    with serving(desk(Settings(data=data.data, hub=HubSettings(max_regular=2**20), storage=LIMITS))) as running:
        yield running


@pytest.fixture
def ann(hub: Hub) -> Account:
    """Somebody new, who has stored nothing yet."""
    return account(hub, f"q{secrets.token_hex(4)}")


@pytest.fixture
def repo(api: HfApi, ann: Account) -> str:
    return api.create_repo(f"{ann.name}/{secrets.token_hex(4)}").repo_id


def used(hub: Hub, name: str) -> int:
    return hub.do(lambda desk: desk.storage.use_of(name)).used


def upload(api: HfApi, repo: str, size: int, path: str = "weights.bin") -> None:
    api.upload_file(path_or_fileobj=secrets.token_bytes(size), path_in_repo=path, repo_id=repo)


def test_a_file_that_does_not_fit_is_refused_with_what_is_used_the_limit_and_the_way_out(hub, api, ann, repo):
    upload(api, repo, MB)
    with pytest.raises(HfHubHTTPError) as refused:
        upload(api, repo, 3 * MB // 2, "more.bin")
    assert refused.value.response.status_code == 413
    assert f"Cannot upload to {repo} (1.5 MB): {repo} uses 1.0 MB of 2.0 MB." in str(refused.value)
    assert "ask the operator" in str(refused.value)
    assert used(hub, ann.name) < 1.2 * MB


def test_sending_again_what_is_there_takes_no_room(api, repo):
    content = secrets.token_bytes(3 * MB // 2)
    for name in ("one.bin", "two.bin"):
        api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo)


def test_all_repos_of_a_person_count_and_a_deleted_one_gives_its_room_back(hub, api, ann, repo):
    upload(api, repo, 3 * MB // 2)
    other = api.create_repo(f"{ann.name}/other").repo_id
    with pytest.raises(HfHubHTTPError, match=rf"{ann.name} uses 1\.5 MB of 3\.0 MB"):
        upload(api, other, 19 * MB // 10)
    api.delete_repo(repo)
    upload(api, other, 19 * MB // 10)


def test_small_files_of_a_commit_count_too(api, ann, repo):
    files = [CommitOperationAdd(f"{n}.txt", b"%d " % n * 150_000) for n in range(9)]
    api.create_commit(repo, files[:5], commit_message="Some")
    with pytest.raises(HfHubHTTPError, match="413"):
        api.create_commit(repo, [CommitOperationAdd("x.txt", b"x" * MB), *files[5:]], commit_message="Too many")
    assert "x.txt" not in api.list_repo_files(repo)


@pytest.mark.parametrize("size", [0, 100])
def test_deleting_is_never_refused(hub, api, ann, repo, size):
    upload(api, repo, MB)
    hub.do(lambda desk: desk.storage.set_quota(ann.name, 1, by="test"))
    api.delete_file("weights.bin", repo)
    if size:
        with pytest.raises(HfHubHTTPError, match="413"):
            upload(api, repo, size, "small.txt")


def test_an_admin_gives_a_person_another_limit(hub, api, ann, repo):
    hub.do(lambda desk: desk.storage.set_quota(ann.name, MB, by="test"))
    with pytest.raises(HfHubHTTPError, match=r"of 1\.0 MB"):
        upload(api, repo, 2 * MB - 5000)
    hub.do(lambda desk: desk.storage.set_quota(ann.name, 0, by="test"))
    upload(api, repo, 2 * MB - 5000)
    hub.do(lambda desk: desk.storage.set_quota(ann.name, None, by="test"))
    assert hub.do(lambda desk: desk.storage.use_of(ann.name)).limit == LIMITS.namespace


def test_git_says_it_in_its_own_output(hub, ann, repo, tmp_path: Path):
    url = f"{hub.url.replace('//', f'//x:{ann.write}@')}/{repo}"
    git("clone", "-q", url, tmp_path / "copy")
    for name in ("a", "b", "c"):
        (tmp_path / "copy" / f"{name}.txt").write_text(secrets.token_hex(MB // 2 - 1000))
    git("-C", tmp_path / "copy", "add", ".")
    git("-C", tmp_path / "copy", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "Much")
    assert git("-C", tmp_path / "copy", "push", fails=False) == ""  # hex packs to little more than half
    (tmp_path / "copy" / "d.dat").write_bytes(secrets.token_bytes(MB))
    git("-C", tmp_path / "copy", "add", ".")
    git("-C", tmp_path / "copy", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "Too much")
    said = git("-C", tmp_path / "copy", "push", fails=True)
    assert f"{repo} uses 1.7 MB of 2.0 MB" in said


def git(*words: object, fails: bool = False) -> str:
    done = subprocess.run(["git", *map(str, words)], capture_output=True, text=True, check=False, env=GIT)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else ""


GIT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def test_git_lfs_is_told_per_object_and_nothing_is_sent(hub, client, ann, repo):
    objects = [{"oid": f"{n:064x}", "size": MB} for n in range(3)]
    batch = {"operation": "upload", "transfers": ["basic"], "objects": objects}
    answer = client.post(f"/{repo}.git/info/lfs/objects/batch", json=batch, auth=("x", ann.write)).json()
    fits, *_, too_much = answer["objects"]
    assert "upload" in fits["actions"]
    assert "actions" not in too_much
    assert too_much["error"]["code"] == 413
    assert "of 2.0 MB" in too_much["error"]["message"]


def test_what_came_past_every_announcement_is_still_not_held(hub, api, ann, repo):
    async def send(desk):
        async def content():
            yield bytes(3 * MB)

        found = await desk.index.find(Kind.MODEL, *repo.split("/"))
        await desk.blobs.put(found.id, sha256(bytes(3 * MB)).hexdigest(), 3 * MB, content())

    with pytest.raises(Exception, match=r"of 2\.0 MB"):
        hub.do(send)


def test_two_at_once_do_not_both_get_the_last_room(hub, ann, repo):
    async def both(desk):
        found = await desk.index.find(Kind.MODEL, *repo.split("/"))
        holds = [desk.index.hold(found.id, f"{n:064x}", 3 * MB // 2) for n in range(2)]
        return await asyncio.gather(*holds, return_exceptions=True)

    assert sorted(type(each).__name__ for each in hub.do(both)) == ["NoneType", "OverQuota"]


@pytest.mark.parametrize(
    ("text", "size"), [("50GB", 50 * 10**9), ("1.5 tb", 15 * 10**11), ("1000", 1000), ("12b", 12), ("none", 0)]
)
def test_sizes_are_written_as_people_do(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1e99TB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(Exception, match="is not a size"):
        size_of(text)
