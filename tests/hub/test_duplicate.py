"""A repo of one's own that begins with what another has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub

Make = Callable[..., Repo]


@pytest.fixture
def stranger(hub: Hub, bob: Account) -> HfApi:
    return HfApi(endpoint=hub.url, token=bob.write)


def test_files_come_along_without_their_history(api: HfApi, stranger: HfApi, make: Make, tmp_path: Path) -> None:
    repo, content = make(Kind.MODEL), os.urandom(3_000_000)
    api.upload_file(path_or_fileobj=b"was secret", path_in_repo="old.txt", repo_id=repo.full)
    api.delete_file("old.txt", repo.full)
    api.upload_file(path_or_fileobj=content, path_in_repo="deep/er/big.bin", repo_id=repo.full)
    url = stranger.duplicate_repo(repo.full)
    assert (str(url), url.repo_id, url.files_copy_pending) == (
        f"{stranger.endpoint}/{url.repo_id}",
        f"bob/{repo.name}",
        False,
    )
    assert sorted(stranger.list_repo_files(url.repo_id)) == [".gitattributes", "deep/er/big.bin"]
    [commit] = stranger.list_repo_commits(url.repo_id)
    assert commit.title == f"Duplicate from {repo.full}"
    api.delete_repo(repo.full)
    got = hf_hub_download(
        url.repo_id, "deep/er/big.bin", endpoint=stranger.endpoint, token=stranger.token, cache_dir=tmp_path
    )
    assert Path(got).read_bytes() == content


def test_a_space_brings_its_variables_and_never_its_secrets(api: HfApi, stranger: HfApi, make: Make) -> None:
    repo = make(Kind.SPACE)
    api.add_space_variable(repo.full, "GREETING", "hello", description="What is said")
    api.add_space_secret(repo.full, "API_KEY", "hush")
    url = stranger.duplicate_repo(
        repo.full,
        to_id="bob/mine",
        repo_type="space",
        space_hardware="cpu-upgrade",
        space_sleep_time=3600,
        space_secrets=[{"key": "OWN", "value": "x"}],
        space_variables=[{"key": "GREETING", "value": "hi"}],
    )
    variables = stranger.get_space_variables(url.repo_id)
    assert {key: variable.value for key, variable in variables.items()} == {"GREETING": "hi"}
    assert set(stranger.get_space_secrets(url.repo_id)) == {"OWN"}
    info = stranger.space_info(url.repo_id)
    assert (info.sdk, info.subdomain, info.runtime.requested_hardware) == ("gradio", "bob-mine", "cpu-upgrade")
    assert info.runtime.sleep_time == 3600


@pytest.mark.client("HfApi.duplicate_repo")
def test_it_is_as_visible_as_the_original_unless_said_otherwise(api: HfApi, make: Make) -> None:
    repo = make(Kind.DATASET, visibility=Visibility.PRIVATE)
    same = api.duplicate_repo(repo.full, to_id=f"{repo.name}-same", repo_type="dataset").repo_id
    seen = api.duplicate_repo(repo.full, to_id=f"{repo.name}-open", repo_type="dataset", private=False).repo_id
    assert [api.dataset_info(name).private for name in (same, seen)] == [True, False]


def test_a_taken_name_answers_with_its_url(api: HfApi, make: Make) -> None:
    repo, other = make(Kind.MODEL), make(Kind.MODEL)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.duplicate_repo(repo.full, to_id=other.full)
    assert api.duplicate_repo(repo.full, to_id=other.full, exist_ok=True).repo_id == other.full


def test_what_one_may_not_see_or_make_is_not_duplicated(api: HfApi, stranger: HfApi, make: Make) -> None:
    hidden, closed, seen = (
        make(Kind.SPACE, visibility=Visibility.PRIVATE),
        make(Kind.SPACE, visibility=Visibility.PROTECTED),
        make(Kind.SPACE),
    )
    with pytest.raises(RepositoryNotFoundError):
        stranger.duplicate_repo(hidden.full, repo_type="space")
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.duplicate_repo(closed.full, repo_type="space")
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.duplicate_repo(seen.full, to_id="ann/theirs", repo_type="space")


def test_a_template_is_a_start(api: HfApi) -> None:
    templates = {template.name: template for template in api.list_space_templates()}
    assert templates["Greeting"].sdk == "gradio"
    url = api.create_repo("from-template", repo_type="space", space_template="Greeting")
    files = api.list_repo_files(url.repo_id, repo_type="space")
    assert {"README.md", "app.py", "requirements.txt"} <= set(files)
