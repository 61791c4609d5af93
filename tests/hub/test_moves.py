"""A repo gets another name: the old one leads on, everywhere, until somebody takes it."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub

Make = Callable[..., Repo]
TYPES = {Kind.MODEL: "model", Kind.DATASET: "dataset", Kind.SPACE: "space"}


@pytest.mark.parametrize("kind", list(TYPES))
@pytest.mark.client("HfApi.move_repo")
def test_the_old_name_leads_to_the_new_one_for_clients(api: HfApi, make: Make, kind: Kind, tmp_path: Path) -> None:
    repo, kind_of_repo = make(kind), TYPES[kind]
    before = api.repo_info(repo.full, repo_type=kind_of_repo).sha
    now = f"ann/{repo.name}-New"
    api.move_repo(repo.full, now, repo_type=kind_of_repo)
    info = api.repo_info(repo.full.upper().replace("ANN", "ann"), repo_type=kind_of_repo)
    assert (info.id, info.sha) == (now, before)
    got = hf_hub_download(
        repo.full, ".gitattributes", repo_type=kind_of_repo, endpoint=api.endpoint, token=api.token, cache_dir=tmp_path
    )
    assert Path(got).read_text().startswith("*.7z")
    commit = api.upload_file(
        path_or_fileobj=b"more", path_in_repo="more.txt", repo_id=repo.full, repo_type=kind_of_repo
    )
    assert api.repo_info(now, repo_type=kind_of_repo).sha == commit.oid


def test_git_clones_and_pushes_by_the_old_name(hub: Hub, api: HfApi, ann: Account, make: Make, tmp_path: Path) -> None:
    repo = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    api.move_repo(repo.full, f"ann/{repo.name}-moved")
    url = f"{hub.url.replace('http://', f'http://ann:{ann.write}@')}/{repo.full}"
    git(tmp_path, "clone", "-q", url, "copy")
    (tmp_path / "copy" / "a.txt").write_text("a")
    git(tmp_path / "copy", "add", "a.txt")
    git(tmp_path / "copy", "-c", "user.name=ann", "-c", "user.email=a@b", "commit", "-q", "-m", "a")
    git(tmp_path / "copy", "push", "-q", "origin", "HEAD:main")
    assert "a.txt" in api.list_repo_files(f"ann/{repo.name}-moved")


def test_a_redirect_is_a_307_on_the_same_origin_with_its_query(client: httpx.Client, api: HfApi, make: Make) -> None:
    repo = make(Kind.DATASET)
    api.move_repo(repo.full, f"ann/{repo.name}-b", repo_type="dataset")
    for path in (
        f"/api/datasets/{repo.full}/tree/main?recursive=true",
        f"/datasets/{repo.full}/resolve/main/.gitattributes?download=true",
        f"/datasets/{repo.full}.git/info/refs?service=git-upload-pack",
    ):
        answer = client.get(path)
        assert answer.status_code == 307, path
        assert answer.headers["location"] == f"{client.base_url}{path.replace(repo.name, f'{repo.name}-b')}".replace(
            "//datasets", "/datasets"
        ).replace("//api", "/api")


def test_a_name_that_had_many_names_is_found_by_each(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL)
    names = [repo.full, *(f"ann/{repo.name}-{letter}" for letter in "bc")]
    for old, new in itertools.pairwise(names):
        api.move_repo(old, new)
    assert {api.model_info(name).id for name in names} == {names[-1]}
    api.move_repo(names[-1], names[0])  # and back
    assert {api.model_info(name).id for name in names} == {names[0]}


def test_a_new_repo_takes_the_old_name_over(api: HfApi, make: Make) -> None:
    repo = make(Kind.SPACE)
    api.move_repo(repo.full, f"ann/{repo.name}-b", repo_type="space")
    moved = api.space_info(repo.full)
    api.create_repo(repo.full, repo_type="space", space_sdk="static")
    taken = api.space_info(repo.full)
    assert (taken.id, taken.sdk, taken.subdomain) == (repo.full, "static", f"ann-{repo.name}")
    assert (moved.id, moved.subdomain) == (f"ann/{repo.name}-b", f"ann-{repo.name}-b")


def test_a_moved_space_is_found_by_its_old_address_and_starts_anew(hub: Hub, api: HfApi, make: Make) -> None:
    repo = make(Kind.SPACE)
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    assert address is not None
    before = hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0].setup
    api.move_repo(repo.full, f"ann/{repo.name}-b", repo_type="space")
    now = hub.do(lambda desk: desk.spaces.by_subdomain(address.subdomain))
    assert now is not None
    assert (now.space, now.subdomain, now.loopback) == (address.space, f"ann-{repo.name}-b", address.loopback)
    assert hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0].setup != before
    assert hub.do(lambda desk: desk.spaces.former_hosts([address.space])) == {address.space: [address.subdomain]}


def test_only_the_case_of_a_name_may_change(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL, name="renamed-case")
    api.move_repo(repo.full, "ann/Renamed-Case")
    assert api.model_info(repo.full).id == "ann/Renamed-Case"


def test_a_taken_name_is_refused_as_clients_expect(api: HfApi, make: Make) -> None:
    repo, other = make(Kind.MODEL), make(Kind.MODEL)
    with pytest.raises(HfHubHTTPError, match=f"A model repository called {other.full} already exists") as refused:
        api.move_repo(repo.full, other.full)
    assert refused.value.response.status_code == 409
    assert api.model_info(repo.full).id == repo.full


def test_what_may_not_be_moved_stays(hub: Hub, bob: Account, api: HfApi, make: Make) -> None:
    repo, hidden = make(Kind.MODEL), make(Kind.MODEL, visibility=Visibility.PRIVATE)
    strange = HfApi(endpoint=hub.url, token=bob.write)
    with pytest.raises(HfHubHTTPError, match="403"):
        strange.move_repo(repo.full, "bob/mine")
    with pytest.raises(RepositoryNotFoundError):
        strange.move_repo(hidden.full, "bob/mine")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.move_repo(repo.full, "bob/theirs")
    assert api.model_info(repo.full).id == repo.full


def test_a_private_repo_that_moved_is_missing_by_both_names(hub: Hub, bob: Account, api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    api.move_repo(repo.full, f"ann/{repo.name}-b")
    strange = HfApi(endpoint=hub.url, token=bob.write)
    for name in (repo.full, f"ann/{repo.name}-b"):
        with pytest.raises(RepositoryNotFoundError):
            strange.model_info(name)


def test_deleting_by_an_old_name_deletes_nothing(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL)
    api.move_repo(repo.full, f"ann/{repo.name}-b")
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo.full)
    assert api.model_info(f"ann/{repo.name}-b").id == f"ann/{repo.name}-b"


def git(folder: Path, *words: str) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
