"""HfApi on repos and people: each method once, as its users call it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_session

from tests.hub.conftest import Account
from tests.hub.serving import Hub

NUMBERS = count()


@pytest.fixture
def name() -> str:
    """Of a repo that is not there yet."""
    return f"ann/method-{next(NUMBERS)}"


@pytest.fixture
def bobs(hub: Hub, bob: Account) -> HfApi:
    return HfApi(endpoint=hub.url, token=bob.write)


@pytest.mark.client("HfApi.create_repo", "HfApi.repo_info", "HfApi.repo_exists", "HfApi.delete_repo")
@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_a_repo_is_made_seen_and_deleted(api: HfApi, name: str, kind: str) -> None:
    sdk = "static" if kind == "space" else None
    url = api.create_repo(name, repo_type=kind, space_sdk=sdk, private=True)
    assert (url.repo_id, url.repo_type) == (name, kind)
    assert api.repo_info(name, repo_type=kind).private is True
    api.create_repo(name, repo_type=kind, space_sdk=sdk, exist_ok=True)
    assert api.repo_exists(name, repo_type=kind)
    api.delete_repo(name, repo_type=kind)
    assert not api.repo_exists(name, repo_type=kind)
    api.delete_repo(name, repo_type=kind, missing_ok=True)


@pytest.mark.client("HfApi.model_info", "HfApi.dataset_info", "HfApi.space_info", "HfApi.resolve_revision")
def test_info_says_what_card_and_files_say(api: HfApi, name: str, tmp_path: Path) -> None:
    card = b"---\nlicense: mit\npipeline_tag: fill-mask\nsdk: static\nbase_model: ann/some-base\n---\n"
    for kind in ("model", "dataset", "space"):
        api.create_repo(name, repo_type=kind, space_sdk="static" if kind == "space" else None)
        api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=name, repo_type=kind)
    model = api.model_info(name, files_metadata=True)
    assert (
        model.sha
        == api.resolve_revision(name, cache_dir=tmp_path).resolved
        == api.model_info(name, revision=model.sha).sha
    )
    assert (model.pipeline_tag, model.card_data.license) == ("fill-mask", "mit")
    assert {file.rfilename: file.size for file in model.siblings}["README.md"] == len(card)
    assert "license:mit" in api.dataset_info(name).tags
    space = api.space_info(name)
    assert (space.sdk, space.host is not None) == ("static", True)


@pytest.mark.client("HfApi.model_info", "HfApi.list_models")
def test_lineage_is_told_both_ways(api: HfApi, name: str) -> None:
    api.create_repo(name)
    child = f"{name}-gguf"
    api.create_repo(child)
    card = f"---\nbase_model: {name}\n---\n".encode()
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=child)
    api.upload_file(path_or_fileobj=b"q", path_in_repo="model-q4.gguf", repo_id=child)
    bases = api.model_info(child, expand=["baseModels"]).base_models
    assert bases["relation"] == "quantized"
    assert [base["id"] for base in bases["models"]] == [name]
    assert api.model_info(name, expand=["childrenModelCount"]).children_model_count == {"quantized": 1}
    for tag in (f"base_model:{name}", f"base_model:quantized:{name}"):
        assert [model.id for model in api.list_models(filter=tag)] == [child]
    assert not list(api.list_models(filter=f"base_model:finetune:{name}"))


@pytest.mark.client("HfApi.move_repo", "HfApi.duplicate_repo", "HfApi.update_repo_settings")
def test_a_repo_moves_is_copied_and_set(api: HfApi, name: str) -> None:
    api.create_repo(name)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=name)
    api.move_repo(name, f"{name}-now")
    assert api.repo_info(name).id == f"{name}-now"
    copy = api.duplicate_repo(f"{name}-now", f"{name}-copy")
    assert "x.txt" in api.list_repo_files(copy.repo_id)
    api.update_repo_settings(copy.repo_id, private=True, gated="manual")
    info = api.repo_info(copy.repo_id)
    assert (info.private, info.gated) == (True, "manual")


@pytest.mark.client("HfApi.list_models", "HfApi.list_datasets", "HfApi.list_spaces", "HfApi.list_user_repos")
def test_repos_are_listed(api: HfApi, name: str) -> None:
    for kind in ("model", "dataset", "space"):
        api.create_repo(name, repo_type=kind, space_sdk="static" if kind == "space" else None)
    word = name.partition("/")[2]
    for listed in (api.list_models, api.list_datasets, api.list_spaces):
        assert name in [repo.id for repo in listed(author="ann", search=word, sort="created_at", limit=5)]
    assert name in [repo.id for repo in api.list_user_repos()]


@pytest.mark.client(
    "HfApi.get_model_tags", "HfApi.get_dataset_tags", "HfApi.search_spaces", "HfApi.list_space_templates"
)
def test_tags_templates_and_words_find_things(api: HfApi, name: str) -> None:
    card = b"---\nlicense: wtfpl\n---\n"
    for kind in ("model", "dataset"):
        api.create_repo(name, repo_type=kind)
        api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=name, repo_type=kind)
    api.create_repo(name, repo_type="space", space_sdk="static")
    assert "license:wtfpl" in [tag["id"] for tag in api.get_model_tags()["license"]]
    assert "license:wtfpl" in [tag["id"] for tag in api.get_dataset_tags()["license"]]
    word = name.partition("/")[2]
    assert name in [space.id for space in api.search_spaces(word, include_non_running=True)]
    assert all(template.repo_id for template in api.list_space_templates())


@pytest.mark.client("HfApi.list_liked_repos", "HfApi.list_repo_likers", "HfApi.unlike")
def test_likes_are_listed_and_taken_back(api: HfApi, hub: Hub, ann: Account, name: str) -> None:
    api.create_repo(name)
    with_token = {"Authorization": f"Bearer {ann.write}"}
    get_session().post(f"{hub.url}/api/models/{name}/like", headers=with_token).raise_for_status()
    assert [user.username for user in api.list_repo_likers(name)] == ["ann"]
    assert name in api.list_liked_repos("ann").models
    api.unlike(name)
    assert not list(api.list_repo_likers(name))
    assert api.model_info(name).likes == 0


@pytest.mark.client("HfApi.auth_check", "HfApi.file_exists", "HfApi.revision_exists", "HfApi.get_full_repo_name")
def test_what_is_there_and_allowed_is_asked_beforehand(api: HfApi, bobs: HfApi, name: str) -> None:
    api.create_repo(name, private=True)
    api.auth_check(name, write=True)
    with pytest.raises(RepositoryNotFoundError):
        bobs.auth_check(name)
    assert api.file_exists(name, ".gitattributes")
    assert not api.file_exists(name, "nothing.txt")
    assert api.revision_exists(name, "main")
    assert not api.revision_exists(name, "nothing")
    assert api.get_full_repo_name("x") == "ann/x"


@pytest.mark.client(
    "HfApi.list_pending_access_requests", "HfApi.list_accepted_access_requests", "HfApi.list_rejected_access_requests",
    "HfApi.accept_access_request", "HfApi.reject_access_request", "HfApi.cancel_access_request", "HfApi.grant_access",
)  # fmt: skip
def test_access_to_a_gated_repo_is_asked_granted_and_refused(
    api: HfApi, bobs: HfApi, hub: Hub, bob: Account, name: str, tmp_path: Path
) -> None:
    api.create_repo(name)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=name)
    api.update_repo_settings(name, gated="manual")
    with pytest.raises(GatedRepoError):
        bobs.hf_hub_download(name, "x.txt", cache_dir=tmp_path)
    asks = get_session().post(f"{hub.url}/{name}/ask-access", headers={"Authorization": f"Bearer {bob.write}"})
    asks.raise_for_status()
    assert [who.username for who in api.list_pending_access_requests(name)] == ["bob"]
    api.accept_access_request(name, "bob")
    assert [who.username for who in api.list_accepted_access_requests(name)] == ["bob"]
    bobs.hf_hub_download(name, "x.txt", cache_dir=tmp_path)
    api.reject_access_request(name, "bob", rejection_reason="no")
    assert [who.username for who in api.list_rejected_access_requests(name)] == ["bob"]
    api.cancel_access_request(name, "bob")
    assert [who.username for who in api.list_pending_access_requests(name)] == ["bob"]
    api.reject_access_request(name, "bob", rejection_reason=None)
    with pytest.raises(HfHubHTTPError):
        api.grant_access(name, "nobody-of-this-name")


@pytest.mark.client(
    "HfApi.whoami", "HfApi.get_user_overview", "HfApi.list_user_followers", "HfApi.list_user_following",
    "HfApi.get_organization_overview", "HfApi.list_organization_members", "HfApi.list_organization_followers",
)  # fmt: skip
def test_people_and_organisations_are_shown(api: HfApi, hub: Hub, ann: Account) -> None:
    assert api.whoami()["name"] == "ann"
    assert api.get_user_overview("ann").username == "ann"
    assert list(api.list_user_followers("ann")) == list(api.list_user_following("ann")) == []
    org = f"club-{next(NUMBERS)}"
    hub.do(lambda desk: desk.orgs.create(org, org, "", ann.person.id))
    assert api.get_organization_overview(org).name == org
    assert [user.username for user in api.list_organization_members(org)] == ["ann"]
    assert not list(api.list_organization_followers(org))
