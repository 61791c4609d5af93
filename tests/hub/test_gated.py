"""Gated repos: everybody sees that they are there, and only who was let in has their files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub

Make = Callable[..., Repo]
KINDS = {Kind.MODEL: "model", Kind.DATASET: "dataset"}


@pytest.fixture
def gated(api: HfApi, make: Make) -> str:
    repo = make(Kind.MODEL)
    api.upload_file(path_or_fileobj=b"\0" * 4000, path_in_repo="big.bin", repo_id=repo.full)
    api.update_repo_settings(repo.full, gated="manual")
    return repo.full


@pytest.fixture
def stranger(hub: Hub, bob: Account) -> HfApi:
    return HfApi(endpoint=hub.url, token=bob.write)


def fetch(api: HfApi, repo: str, folder: Path, kind: str = "model") -> str:
    return hf_hub_download(
        repo, ".gitattributes", repo_type=kind, endpoint=api.endpoint, token=api.token, cache_dir=folder
    )


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("way", ["auto", "manual"])
@pytest.mark.client("HfApi.update_repo_settings")
def test_the_setting_comes_back_and_goes_again(api: HfApi, make: Make, kind: Kind, way: str) -> None:
    repo = make(kind)
    api.update_repo_settings(repo.full, gated=way, repo_type=KINDS[kind])
    info = api.repo_info(repo.full, repo_type=KINDS[kind])
    assert (info.gated, info.private) == (way, False)
    api.update_repo_settings(repo.full, gated=False, repo_type=KINDS[kind])
    assert api.repo_info(repo.full, repo_type=KINDS[kind]).gated is False


def test_strangers_see_it_and_get_no_file_by_any_way(
    hub: Hub, gated: str, stranger: HfApi, client: httpx.Client, bob: Account, tmp_path: Path
) -> None:
    assert stranger.model_info(gated).gated == "manual"
    assert "big.bin" in stranger.list_repo_files(gated)
    with pytest.raises(GatedRepoError, match=f"Access to model {gated} is restricted and you are not in the"):
        fetch(stranger, gated, tmp_path)
    with pytest.raises(GatedRepoError):
        snapshot_download(gated, endpoint=hub.url, token=bob.write, cache_dir=tmp_path)
    with pytest.raises(GatedRepoError):
        stranger.auth_check(gated)
    with pytest.raises(GatedRepoError):
        stranger.duplicate_repo(gated)
    headers = {"Authorization": f"Bearer {bob.write}"}
    for path in (f"/{gated}/raw/main/.gitattributes", f"/api/models/{gated}/xet-read-token/main"):
        assert client.get(path, headers=headers).status_code == 403, path
    assert client.get(f"/{gated}/resolve/main/.gitattributes").status_code == 401
    batch = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}
    assert client.post(f"/{gated}.git/info/lfs/objects/batch", json=batch, headers=headers).status_code == 403
    url = f"{hub.url.replace('http://', f'http://bob:{bob.write}@')}/{gated}"
    cloned = subprocess.run(
        ["git", "clone", "-q", url, str(tmp_path / "c")], capture_output=True, text=True, check=False
    )
    assert cloned.returncode != 0
    assert "not in the authorized list" in cloned.stderr


def test_the_gate_is_asked_about_before_revision_and_path(gated: str, client: httpx.Client, bob: Account) -> None:
    headers = {"Authorization": f"Bearer {bob.write}"}
    for path in (f"/{gated}/resolve/nowhere/x", f"/{gated}/resolve/main/nothing"):
        assert client.get(path, headers=headers).headers["x-error-code"] == "GatedRepo"
    assert client.get("/ann/no-such-repo/resolve/main/x", headers=headers).headers["x-error-code"] == "RepoNotFound"


@pytest.mark.client(
    "HfApi.list_pending_access_requests",
    "HfApi.accept_access_request",
    "HfApi.reject_access_request",
    "HfApi.cancel_access_request",
    "HfApi.list_rejected_access_requests",
)
def test_a_request_goes_through_all_its_states(
    api: HfApi, gated: str, stranger: HfApi, client: httpx.Client, bob: Account, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {bob.read}"}
    for _ in range(2):
        asked = client.post(f"/api/models/{gated}/ask-access", headers=headers)
        assert (asked.status_code, asked.json()) == (200, {"status": "pending"})
    [pending] = api.list_pending_access_requests(gated)
    assert (pending.username, pending.status) == ("bob", "pending")
    with pytest.raises(GatedRepoError):
        fetch(stranger, gated, tmp_path)
    api.accept_access_request(gated, "bob")
    assert fetch(stranger, gated, tmp_path)
    stranger.auth_check(gated)
    assert [each.username for each in api.list_accepted_access_requests(gated)] == ["bob"]
    assert list(api.list_pending_access_requests(gated)) == []
    with pytest.raises(HfHubHTTPError, match="404"):
        api.accept_access_request(gated, "bob")
    api.reject_access_request(gated, request_id=pending.request_id, rejection_reason="Not now.")
    assert [each.username for each in api.list_rejected_access_requests(gated)] == ["bob"]
    with pytest.raises(GatedRepoError):
        stranger.auth_check(gated)
    api.cancel_access_request(gated, "bob")
    assert [each.username for each in api.list_pending_access_requests(gated)] == ["bob"]


@pytest.mark.client("HfApi.grant_access")
def test_who_is_let_in_without_asking_is_in(api: HfApi, gated: str, stranger: HfApi, tmp_path: Path) -> None:
    api.grant_access(gated, "bob")
    assert fetch(stranger, gated, tmp_path)
    with pytest.raises(HfHubHTTPError, match=r"bob has access to .* already"):
        api.grant_access(gated, "bob")
    with pytest.raises(HfHubHTTPError, match="404"):
        api.grant_access(gated, "nobody-here")


def test_where_everybody_is_let_in_asking_is_enough(
    api: HfApi, make: Make, stranger: HfApi, client: httpx.Client, bob: Account, tmp_path: Path
) -> None:
    repo = make(Kind.DATASET)
    api.update_repo_settings(repo.full, gated="auto", repo_type="dataset")
    with pytest.raises(GatedRepoError):
        fetch(stranger, repo.full, tmp_path, "dataset")
    assert client.post(f"/datasets/{repo.full}/ask-access").status_code == 401
    answer = client.post(f"/datasets/{repo.full}/ask-access", headers={"Authorization": f"Bearer {bob.write}"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{stranger.endpoint}/datasets/{repo.full}")
    assert fetch(stranger, repo.full, tmp_path, "dataset")


def test_only_who_may_change_the_repo_sees_the_requests(api: HfApi, gated: str, stranger: HfApi, make: Make) -> None:
    with pytest.raises(HfHubHTTPError, match="403"):
        list(stranger.list_pending_access_requests(gated))
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.grant_access(gated, "bob")
    open_repo = make(Kind.MODEL)
    with pytest.raises(HfHubHTTPError, match="it is not gated"):
        list(api.list_pending_access_requests(open_repo.full))


def test_a_private_gated_repo_is_missing_even_to_who_was_let_in(
    api: HfApi, gated: str, stranger: HfApi, tmp_path: Path
) -> None:
    api.grant_access(gated, "bob")
    api.update_repo_settings(gated, private=True)
    with pytest.raises(RepositoryNotFoundError):
        fetch(stranger, gated, tmp_path)


def test_a_space_has_no_gate(client: httpx.Client, make: Make, ann: Account) -> None:
    repo = make(Kind.SPACE, visibility=Visibility.PUBLIC)
    headers = {"Authorization": f"Bearer {ann.write}"}
    answer = client.put(f"/api/spaces/{repo.full}/settings", json={"gated": "auto"}, headers=headers)
    assert answer.status_code == 400
    odd = client.put(f"/api/spaces/{repo.full}/settings", json={"gated": "maybe"}, headers=headers)
    assert odd.status_code == 400
