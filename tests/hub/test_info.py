"""Repo info: what card, files and weights say, at the head and at any other revision; likes and downloads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.repo import AddFile, Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_listing import weights

Make = Callable[..., Repo]
CONFIG = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_size": 8}


@pytest.mark.client("HfApi.model_info")
def test_a_model_tells_what_its_files_say(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL)
    for path, content in {
        "config.json": json.dumps(CONFIG).encode(),
        "model-00001-of-00002.safetensors": weights(a=("F32", [10, 3]), b=("F16", [7])),
        "model-00002-of-00002.safetensors": weights(c=("F32", [4])),
        "adapter/other.safetensors": weights(d=("F32", [99])),
    }.items():
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo.full)
    info = api.model_info(repo.full)
    assert info.safetensors is not None
    assert (info.safetensors.parameters, info.safetensors.total) == ({"F32": 34, "F16": 7}, 41)
    assert (info.library_name, info.pipeline_tag) == ("transformers", "fill-mask")
    assert {"transformers", "bert", "safetensors", "fill-mask"} <= set(info.tags or ())
    assert info.config == {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    assert info.transformers_info is not None
    assert (info.transformers_info.auto_model, info.transformers_info.pipeline_tag) == (
        "AutoModelForMaskedLM",
        "fill-mask",
    )
    assert info.used_storage
    assert info.used_storage > sum(len(weights(a=("F32", [n]))) for n in (30, 4))


def test_what_is_no_safetensors_file_has_no_parameters(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL)
    api.upload_file(path_or_fileobj=b"\xff" * 64, path_in_repo="model.safetensors", repo_id=repo.full)
    api.upload_file(path_or_fileobj=b"[not json", path_in_repo="config.json", repo_id=repo.full)
    info = api.model_info(repo.full)
    assert (info.safetensors, info.config, info.library_name) == (None, None, None)


def test_an_older_revision_says_what_it_said(api: HfApi, make: Make) -> None:
    repo = make(Kind.MODEL)
    shas = [
        api.upload_file(
            path_or_fileobj=f"---\nlicense: {licence}\n---\n".encode(), path_in_repo="README.md", repo_id=repo.full
        ).oid
        for licence in ("mit", "apache-2.0")
    ]
    api.create_tag(repo.full, tag="v1", revision=shas[0])
    for revision, sha, licence in (
        (None, shas[1], "apache-2.0"),
        ("v1", shas[0], "mit"),
        (shas[0][:8], shas[0], "mit"),
    ):
        info = api.model_info(repo.full, revision=revision)
        assert info.card_data is not None
        assert (info.sha, info.card_data.license) == (sha, licence)
        assert f"license:{licence}" in (info.tags or ())


def test_files_have_sizes_only_when_asked_for(api: HfApi, make: Make) -> None:
    repo = make(Kind.DATASET)
    api.upload_file(path_or_fileobj=b"\0" * 3000, path_in_repo="a.bin", repo_id=repo.full, repo_type="dataset")
    plain = {each.rfilename: each for each in api.dataset_info(repo.full).siblings or ()}
    whole = {each.rfilename: each for each in api.dataset_info(repo.full, files_metadata=True).siblings or ()}
    assert (plain["a.bin"].size, plain["a.bin"].lfs) == (None, None)
    assert whole["a.bin"].lfs is not None
    assert (whole["a.bin"].size, whole["a.bin"].lfs.size, len(whole["a.bin"].lfs.sha256)) == (3000, 3000, 64)
    assert whole[".gitattributes"].lfs is None
    assert whole[".gitattributes"].blob_id


def test_a_card_with_odd_values_is_still_json(hub: Hub, api: HfApi, make: Make, client: httpx.Client) -> None:
    repo = make(Kind.MODEL)
    card = b"---\nscore: .nan\nlimit: .inf\nwhen: 2020-01-01\n1: one\ntags: [a, {b: c}, 5]\n---\n"
    hub.do(lambda desk: desk.repos.commit(
        repo.id, "main", [AddFile(path="README.md", content=card)], author="ann", message="m", parent=None
    ))  # fmt: skip
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo.full)
    for path in (f"/api/models/{repo.full}", f"/api/models?author=ann&search={repo.name}&full=true"):
        assert client.get(path).status_code == 200, client.get(path).text


def test_models_name_the_spaces_that_use_them(api: HfApi, make: Make) -> None:
    model, space, hidden = make(Kind.MODEL), make(Kind.SPACE), make(Kind.SPACE, visibility=Visibility.PRIVATE)
    for each in (space, hidden):
        card = f"---\nsdk: gradio\nmodels: [{model.full}]\n---\n".encode()
        api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=each.full, repo_type="space")
    assert set(api.model_info(model.full).spaces or ()) == {space.full, hidden.full}
    assert HfApi(endpoint=api.endpoint, token=False).model_info(model.full).spaces == [space.full]


@pytest.mark.client("HfApi.unlike", "HfApi.list_repo_likers", "HfApi.list_liked_repos")
def test_likes_are_counted_once_a_person_and_taken_back(
    hub: Hub, api: HfApi, bob: Account, make: Make, client: httpx.Client
) -> None:
    repo, hidden = make(Kind.MODEL), make(Kind.SPACE, visibility=Visibility.PRIVATE)
    for _ in range(2):
        for who in (bob.write, api.token):
            answer = client.post(f"/api/models/{repo.full}/like", headers={"Authorization": f"Bearer {who}"})
            assert answer.status_code == 200
    client.post(f"/api/spaces/{hidden.full}/like", headers={"Authorization": f"Bearer {api.token}"})
    assert api.model_info(repo.full).likes == 2
    assert [user.username for user in api.list_repo_likers(repo.full)] == ["ann", "bob"]
    assert hidden.full in api.list_liked_repos("ann").spaces
    seen = HfApi(endpoint=hub.url, token=bob.write).list_liked_repos("ann")
    assert (repo.full in seen.models, hidden.full in seen.spaces) == (True, False)
    api.unlike(repo.full)
    api.unlike(repo.full)
    assert api.model_info(repo.full).likes == 1
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=bob.write).unlike(hidden.full, repo_type="space")
    assert client.post(f"/api/models/{repo.full}/like").status_code == 401
    with pytest.raises(HfHubHTTPError, match="may only read"):
        HfApi(endpoint=hub.url, token=bob.read).unlike(repo.full)


def test_a_download_counts_once_however_it_is_asked_for(api: HfApi, make: Make, tmp_path: Path) -> None:
    repo = make(Kind.MODEL)
    fetch = {"endpoint": api.endpoint, "token": api.token}
    for path in ("a.txt", "b.txt"):
        api.upload_file(path_or_fileobj=b"01234567" + path.encode(), path_in_repo=path, repo_id=repo.full)
    hf_hub_download(repo.full, "a.txt", cache_dir=tmp_path / "one", **fetch)  # HEAD, then GET
    hf_hub_download(repo.full, "a.txt", cache_dir=tmp_path / "one", **fetch)  # in its cache: nothing is fetched
    until(lambda: api.model_info(repo.full).downloads, 1)
    url, flag = f"{api.endpoint}/{repo.full}/resolve/main/a.txt", {"X-HF-Download-Counter": "1"}
    httpx.head(url, headers=flag)
    httpx.get(url)  # a look, not a download
    httpx.get(url, headers={**flag, "Range": "bytes=5-"})  # the rest of one
    httpx.get(f"{url}-missing", headers=flag)
    httpx.get(url, headers={**flag, "If-None-Match": httpx.head(url).headers["etag"]})
    snapshot_download(repo.full, cache_dir=tmp_path / "two", **fetch)  # three files
    until(lambda: api.model_info(repo.full).downloads, 4)
    assert api.model_info(repo.full, expand=["downloadsAllTime"]).downloads_all_time == 4


def until(look: Callable[[], int | None], wanted: int) -> None:
    end = time.monotonic() + 10
    while (seen := look()) != wanted:
        assert time.monotonic() < end, f"{seen} instead of {wanted}"
        assert (seen or 0) < wanted
        time.sleep(0.05)
