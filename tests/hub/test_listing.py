"""Listings: what they find, in which order, and page after page while others write."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from itertools import count

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account, account
from tests.hub.serving import Hub

NUMBERS = count()


@pytest.fixture(scope="module")
def lou(hub: Hub) -> Account:
    """Whose repos are listed: nobody else makes any in her namespace."""
    return account(hub, "lou")


@pytest.fixture(scope="module")
def hers(hub: Hub, lou: Account) -> HfApi:
    return HfApi(endpoint=hub.url, token=lou.write)


@pytest.fixture
def tag() -> str:
    """One that only this test's repos have."""
    return f"tag-{next(NUMBERS)}"


def made(api: HfApi, tag: str, name: str, *, kind: str = "model", card: str = "", private: bool = False) -> str:
    """A repo with a card that has this tag."""
    full = f"lou/{tag}-{name}"
    api.create_repo(full, repo_type=kind, space_sdk="static" if kind == "space" else None, private=private)
    sdk = "sdk: static\n" if kind == "space" else ""
    text = f"---\n{sdk}tags: [{tag}]\n{card}\n---\n# Hello\n"
    api.upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=full, repo_type=kind)
    return full


def weights(**shapes: tuple[str, list[int]]) -> bytes:
    """A safetensors file of zeros."""
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
    header, at = {}, 0
    for name, (dtype, shape) in shapes.items():
        length = sizes[dtype]
        for size in shape:
            length *= size
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


@pytest.mark.client("HfApi.list_models")
def test_filters_must_all_match(hers: HfApi, tag: str) -> None:
    one = made(hers, tag, "one", card="license: mit\nlanguage: en\npipeline_tag: fill-mask\nlibrary_name: transformers")
    two = made(hers, tag, "two", card="license: mit\ndatasets: [lou/corpus]")
    assert ids(hers.list_models(filter=tag)) == {one, two}
    assert ids(hers.list_models(filter=[tag, "license:mit", "transformers"])) == {one}
    assert ids(hers.list_models(filter=[tag, "language:en"])) == {one}
    assert ids(hers.list_models(filter=[tag], pipeline_tag="fill-mask")) == {one}
    assert ids(hers.list_models(filter=[tag], trained_dataset="lou/corpus")) == {two}
    assert ids(hers.list_models(filter=[tag, "license:apache-2.0"])) == set()


def test_words_are_looked_for_in_names_and_all_of_them(hers: HfApi, tag: str) -> None:
    one, two = made(hers, tag, "Big-Bert"), made(hers, tag, "small-bert")
    assert ids(hers.list_models(author="LOU", search="bert", filter=tag)) == {one, two}
    assert ids(hers.list_models(search="bert big", filter=tag)) == {one}
    assert ids(hers.list_models(search=f"{tag}-%")) == set()
    assert ids(hers.list_models(author="nobody-there")) == set()


@pytest.mark.client("HfApi.list_spaces")
def test_spaces_are_found_by_what_they_use(hers: HfApi, tag: str) -> None:
    uses = made(hers, tag, "uses", kind="space", card="models: [lou/Model]\ndatasets: [lou/data]")
    plain = made(hers, tag, "plain", kind="space")
    assert ids(hers.list_spaces(filter=tag)) == {uses, plain}
    assert ids(hers.list_spaces(filter=tag, models="lou/model")) == {uses}
    assert ids(hers.list_spaces(filter=tag, datasets=["lou/data"])) == {uses}
    assert ids(hers.list_spaces(filter=tag, linked=True)) == {uses}
    [row] = hers.list_spaces(filter=tag, models="lou/model", full=True)
    assert (row.models, row.datasets, row.sdk) == (["lou/Model"], ["lou/data"], "static")
    assert row.runtime.stage == "NO_APP_FILE"
    assert row.subdomain == uses.replace("/", "-")
    assert {sibling.rfilename for sibling in row.siblings} == {".gitattributes", "README.md"}


def test_parameters_gates_and_apps_narrow(hers: HfApi, tag: str) -> None:
    small, large = made(hers, tag, "small"), made(hers, tag, "large")
    for repo, side in ((small, 10), (large, 300)):
        content = weights(a=("F32", [side, side]))
        hers.upload_file(path_or_fileobj=content, path_in_repo="model.safetensors", repo_id=repo)
    bare = made(hers, tag, "bare")
    hers.update_repo_settings(bare, gated="auto")
    assert ids(hers.list_models(filter=tag, num_parameters="min:1K")) == {large}
    assert ids(hers.list_models(filter=tag, num_parameters="max:1K")) == {small}
    assert ids(hers.list_models(filter=tag, num_parameters="min:50,max:100K")) == {small, large}
    assert ids(hers.list_models(filter=tag, gated=True)) == {bare}
    assert ids(hers.list_models(filter=tag, gated=False)) == {small, large}
    assert ids(hers.list_models(filter=tag, apps="vllm")) == {small, large}
    assert ids(hers.list_models(filter=tag, apps="ollama")) == set()
    assert ids(hers.list_models(filter=tag, inference_provider="all")) == set()
    with pytest.raises(HfHubHTTPError, match=r"min:6B,max:128B"):
        list(hers.list_models(num_parameters="many"))


def test_orders_are_descending_and_a_wrong_one_is_said(hub: Hub, hers: HfApi, tag: str, bob: Account) -> None:
    first, second, third = (made(hers, tag, name) for name in ("a", "b", "c"))
    hers.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=first)
    for who in (bob.write, hers.token):
        like(hub, second, who)
    like(hub, third, bob.write)
    order = {
        sort: [info.id for info in hers.list_models(filter=tag, sort=sort)]
        for sort in (None, "created_at", "last_modified", "likes", "trending_score")
    }
    assert order[None] == order["created_at"] == [third, second, first]
    assert order["last_modified"] == [first, third, second]
    assert order["likes"] == order["trending_score"] == [second, third, first]
    rising = httpx.get(f"{hub.url}/api/models", params={"filter": tag, "sort": "createdAt", "direction": "1"})
    assert [row["id"] for row in rising.json()] == [first, second, third]
    assert httpx.get(f"{hub.url}/api/models?sort=size").status_code == 400


@pytest.mark.parametrize("sort", ["createdAt", "lastModified", "likes", "downloads", "trendingScore"])
def test_pages_neither_repeat_nor_lose_a_repo_while_others_come_and_go(
    hub: Hub, hers: HfApi, tag: str, sort: str
) -> None:
    there = {made(hers, tag, f"n{number}") for number in range(5)}
    seen, url, page = [], f"{hub.url}/api/models?filter={tag}&limit=2&sort={sort}", 0
    while url:
        answer = httpx.get(url)
        rows = [row["id"] for row in answer.json()]
        seen += rows
        url = answer.links.get("next", {}).get("url", "")
        if page == 0:
            made(hers, tag, "new")
            hers.delete_repo(rows[0])
        page += 1
    assert len(seen) == len(set(seen))
    assert there <= set(seen)
    assert page == 3


@pytest.mark.parametrize("sort", ["createdAt", "lastModified", "likes", "trendingScore"])
def test_pages_show_each_repo_once_while_all_of_them_change(
    hub: Hub, hers: HfApi, bob: Account, tag: str, sort: str
) -> None:
    there = [made(hers, tag, f"n{number}") for number in range(6)]
    seen, url = [], f"{hub.url}/api/models?filter={tag}&limit=2&sort={sort}"
    while url:
        answer = httpx.get(url)
        seen += [row["id"] for row in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
        for repo in (seen[0], *(repo for repo in there if repo not in seen)):
            hub.do(lambda desk, repo=repo: touched(desk, repo))
            like(hub, repo, bob.write)
    assert sorted(seen) == sorted(there)


def test_pages_go_on_after_the_hub_forgot_how_they_began(hub: Hub, hers: HfApi, tag: str) -> None:
    there = {made(hers, tag, f"n{number}") for number in range(4)}
    first = httpx.get(f"{hub.url}/api/models?filter={tag}&limit=2&sort=lastModified")
    for _ in range(40):  # more than are kept
        httpx.get(f"{hub.url}/api/models?filter={tag}&limit=1&sort=likes")
    second = httpx.get(first.links["next"]["url"])
    assert {row["id"] for row in (*first.json(), *second.json())} == there
    assert "next" not in second.links


@pytest.mark.parametrize("key", ["search", "author", "filter", "sort", "cursor", "num_parameters", "limit", "expand"])
@pytest.mark.parametrize("value", ["%00", "%ff", "-1", "x" * 3000, "\U0001f980", "'; --", "%25_", "a:b:c"])
def test_no_question_is_too_odd(client: httpx.Client, key: str, value: str) -> None:
    for kind in ("models", "spaces"):
        assert client.get(f"/api/{kind}?{key}={value}").status_code in (200, 400)


@pytest.mark.parametrize("name", ["\0", "\ud800", "a/b/c", "", "..", "a" * 500, "ünicode", "A--b"])
def test_no_name_is_too_odd(client: httpx.Client, ann: Account, name: str) -> None:
    headers = {"Authorization": f"Bearer {ann.write}", "Content-Type": "application/json"}
    asked = {
        ("POST", "/api/repos/create"): {"name": name},
        ("DELETE", "/api/repos/delete"): {"name": name},
        ("POST", "/api/repos/move"): {"fromRepo": f"ann/{name}", "toRepo": f"ann/{name}"},
        ("POST", "/api/organizations/create"): {"name": name},
        ("PUT", "/api/organizations/none/members/ann"): {"role": name},
    }
    for (method, path), wanted in asked.items():
        answer = client.request(method, path, content=json.dumps(wanted), headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.text)


def test_a_cursor_that_is_not_ours_is_refused(hub: Hub, hers: HfApi, tag: str) -> None:
    for _ in range(2):
        made(hers, tag, f"n{next(NUMBERS)}")
    answer = httpx.get(f"{hub.url}/api/models?filter={tag}&limit=1")
    cursor = answer.links["next"]["url"].rpartition("cursor=")[2]
    assert answer.links["next"]["url"].startswith(f"{hub.url}/api/models?")
    for wrong in ("1", "x" * 500, "WzFd", "%00", f"{cursor}&sort=likes"):
        assert httpx.get(f"{hub.url}/api/models?cursor={wrong}").status_code == 400, wrong


def test_private_repos_are_for_those_who_may_see_them(hers: HfApi, api: HfApi, tag: str, root: Account) -> None:
    hidden = made(hers, tag, "hidden", private=True)
    assert ids(hers.list_models(filter=tag)) == {hidden}
    assert ids(api.list_models(filter=tag)) == set()
    assert ids(HfApi(endpoint=api.endpoint, token=False).list_models(filter=tag)) == set()
    assert ids(HfApi(endpoint=api.endpoint, token=root.write).list_models(filter=tag)) == {hidden}


def test_expand_gives_what_it_names_and_refuses_what_is_unknown(hers: HfApi, tag: str) -> None:
    name = made(hers, tag, "x", card="license: mit")
    [row] = hers.list_models(filter=tag, expand=["downloads", "likes", "siblings", "cardData", "sha"])
    assert (row.id, row.downloads, row.likes, row.private) == (name, 0, 0, None)
    assert row.card_data.license == "mit"
    assert {sibling.rfilename for sibling in row.siblings} == {".gitattributes", "README.md"}
    for call in (hers.list_models, hers.list_datasets, hers.list_spaces):
        with pytest.raises(BadRequestError, match='"expand" must be one of author'):
            list(call(expand=["nonsense"]))
    with pytest.raises(BadRequestError, match='"expand" must be one of author'):
        hers.model_info(name, expand=["nonsense"])
    assert hers.model_info(name, expand=["downloadsAllTime", "usedStorage"]).downloads_all_time == 0


def test_rows_carry_what_clients_read_of_each(hub: Hub, hers: HfApi, tag: str) -> None:
    made(hers, tag, "x", kind="dataset", card="license: mit")
    [row] = httpx.get(f"{hub.url}/api/datasets?filter={tag}").json()
    assert row.keys() >= {"id", "private", "createdAt", "lastModified", "tags", "likes", "downloads", "gated", "sha"}
    assert "cardData" not in row
    assert "siblings" not in row
    [full] = hers.list_datasets(filter=tag, full=True)
    assert full.card_data["license"] == "mit"
    assert full.siblings


@pytest.mark.client("HfApi.get_model_tags")
def test_tags_are_listed_by_type(hub: Hub, hers: HfApi, tag: str) -> None:
    made(hers, tag, "x", card="license: mit\nlanguage: en\npipeline_tag: fill-mask\nlibrary_name: peft")
    made(hers, tag, "y", kind="dataset", card="task_categories: [text-classification]\nlanguage: [de]")
    hidden = made(hers, f"{tag}-hidden", "z", private=True)
    found = hers.get_model_tags()
    assert {"id": "license:mit", "label": "mit", "type": "license"} in found["license"]
    assert {"id": "en", "label": "en", "type": "language"} in found["language"]
    assert {"id": "fill-mask", "label": "fill-mask", "type": "pipeline_tag"} in found["pipeline_tag"]
    assert {"id": tag, "label": tag, "type": "other"} in found["other"]
    named = {row["id"] for rows in httpx.get(f"{hub.url}/api/models-tags-by-type").json().values() for row in rows}
    assert f"{tag}-hidden" not in named, hidden
    assert "language:de" in {row["id"] for row in hers.get_dataset_tags()["language"]}


@pytest.mark.client("HfApi.search_spaces")
def test_a_search_finds_spaces_by_what_their_cards_say(hers: HfApi, tag: str) -> None:
    name = made(
        hers, tag, "x", kind="space", card=f"title: Painting {tag}\nemoji: 🎨\nshort_description: Brush strokes"
    )
    [found] = hers.search_spaces(f"brush {tag}", include_non_running=True)
    assert (found.id, found.title, found.emoji, found.sdk) == (name, f"Painting {tag}", "🎨", "static")
    assert list(hers.search_spaces(f"brush {tag}", include_non_running=True, sdk=["gradio"])) == []
    assert list(hers.search_spaces(f"brush {tag}")) == []  # it has nothing to run


def like(hub: Hub, repo: str, token: str) -> None:
    answer = httpx.post(f"{hub.url}/api/models/{repo}/like", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text


def ids(rows) -> set[str]:
    return {row.id for row in rows}


async def touched(desk: Desk, name: str) -> None:
    """As a push does."""
    repo = await desk.index.find(Kind.MODEL, *name.split("/"))
    assert repo is not None
    await desk.index.set_head(repo.id, RevisionId(f"{next(NUMBERS):040x}"))


Make = Callable[..., Repo]


def test_a_protected_space_is_listed_without_its_files(client: httpx.Client, make: Make) -> None:
    repo = make(Kind.SPACE, visibility=Visibility.PROTECTED)
    rows = {row["id"]: row for row in client.get(f"/api/spaces?full=true&search={repo.full}").json()}
    assert "siblings" not in rows[repo.full]
    assert rows[repo.full]["runtime"]["stage"] == "NO_APP_FILE"
