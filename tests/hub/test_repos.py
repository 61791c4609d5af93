"""Creating and deleting repos, and what a kill between two steps leaves to be done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.operations.push import pushed, rescan
from spaces_runtime.domain.repo import GIT_KINDS, AddFile, Delete, Kind, Repo, Visibility
from spaces_runtime.domain.space import Space, Wish
from tests.hub.conftest import Account
from tests.hub.serving import Hub

APP = AddFile(path="app.py", content=b"import gradio")


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> httpx.Client:
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


def space_of(hub: Hub, repo: Repo) -> Space:
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    assert address is not None
    return hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0]


def put(hub: Hub, repo: Repo, *changes: AddFile | Delete) -> str:
    """A commit whose process is killed before it has told anybody."""
    return hub.do(lambda desk: desk.repos.commit(repo.id, "main", changes, author="ann", message="m", parent=None))


def test_a_deploy_survives_a_kill_between_the_ref_and_the_row(hub: Hub, make) -> None:
    repo = make()
    made = put(hub, repo, APP)
    assert space_of(hub, repo).head is None
    hub.do(rescan)
    head = space_of(hub, repo).head
    assert head is not None
    assert head.key.revision == made
    assert hub.do(lambda desk: desk.index.by_id(repo.id)).head == made


def test_telling_twice_touches_nothing(hub: Hub, make) -> None:
    repo = make()
    put(hub, repo, APP)
    hub.do(lambda desk: pushed(desk, repo))
    before = space_of(hub, repo)
    hub.do(lambda desk: pushed(desk, repo))
    hub.do(rescan)
    assert space_of(hub, repo) == before


def test_a_space_that_loses_its_app_file_has_nothing_to_deploy(hub: Hub, make) -> None:
    repo = make()
    put(hub, repo, APP)
    hub.do(rescan)
    put(hub, repo, Delete(path="app.py"))
    hub.do(rescan)
    assert space_of(hub, repo).head is None


def test_a_space_with_wrong_settings_is_built_to_say_so(hub: Hub, make) -> None:
    repo = make()
    made = put(hub, repo, AddFile(path="README.md", content=b"---\nsdk: dance\n---\n"))
    hub.do(rescan)
    head = space_of(hub, repo).head
    assert head is not None
    assert head.key.revision == made


def test_a_repo_that_got_no_space_gets_one(hub: Hub, make) -> None:
    repo = make()
    put(hub, repo, APP)
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    hub.do(lambda desk: desk.spaces.forget(SpaceId(address.space)))
    hub.do(rescan)
    assert space_of(hub, repo).head is not None


def test_a_new_repo_has_a_head_and_its_own_address(hub: Hub, signed: httpx.Client) -> None:
    answer = signed.post("/api/repos/create", json={"name": "New.One", "type": "space", "sdk": "docker"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["url"] == f"{hub.url}/spaces/ann/New.One"
    info = signed.get("/api/spaces/ann/new.one").json()
    assert (info["id"], info["sdk"], info["subdomain"]) == ("ann/New.One", "docker", "ann-new-one")
    assert len(info["sha"]) == 40


def test_a_taken_name_says_where_it_is_also_when_only_the_case_differs(hub: Hub, signed: httpx.Client) -> None:
    assert signed.post("/api/repos/create", json={"name": "taken"}).status_code == 200
    answer = signed.post("/api/repos/create", json={"name": "Taken"})
    assert answer.status_code == 409
    assert answer.json()["url"] == f"{hub.url}/ann/taken"
    assert "You already created this model repo" in answer.json()["error"]


def test_of_many_who_take_a_name_at_once_one_gets_it(hub: Hub, ann: Account) -> None:
    def create(_: int) -> int:
        headers = {"Authorization": f"Bearer {ann.write}"}
        answer = httpx.post(f"{hub.url}/api/repos/create", json={"name": "race"}, headers=headers, timeout=20)
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200, *[409] * 7]
    folders = {path.name for path in hub.desk.layout.repos.iterdir()}
    rows = {f"{repo.id}.git" for kind in GIT_KINDS for repo in hub.do(lambda desk, k=kind: desk.index.listing(k))}
    assert folders <= rows


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": "a b"}, 400, "must begin and end with a letter"),
        ({"name": "x.git"}, 400, "must not end in .git"),
        ({"name": "a--b"}, 400, "-- and .. are not allowed"),
        ({"name": "x" * 97}, 400, "longer than 96"),
        ({"name": ""}, 400, "must begin"),
        ({"name": "x", "organization": "bob"}, 403, "ann may not create repos in bob"),
        ({"name": "x", "type": "dance"}, 400, "no type 'dance'"),
        ({"name": "x", "type": "space"}, 400, "sdk"),
        ({"name": "x", "type": "space", "sdk": "gradio", "hardware": "h900"}, 400, "It has cpu-basic"),
        ({"name": "x", "visibility": "protected"}, 400, "only a Space can be protected"),
        ({"name": "x", "type": "space", "sdk": "gradio", "secrets": [{"key": "1bad", "value": "x"}]}, 400, "1bad"),
    ],
)
def test_what_cannot_be_created_is_said_and_nothing_is_made(
    hub: Hub, signed: httpx.Client, body: dict[str, str], status: int, said: str
) -> None:
    answer = signed.post("/api/repos/create", json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]
    for kind in GIT_KINDS:
        assert signed.get(f"/api/{kind.plural}/ann/x").status_code == 404


def test_an_admin_cannot_take_the_names_of_our_own_pages(hub: Hub, client: httpx.Client, root: Account) -> None:
    client.headers["Authorization"] = f"Bearer {root.write}"
    answer = client.post("/api/repos/create", json={"name": "spaces/x"})
    assert answer.status_code == 400
    assert "the hub's own pages" in answer.json()["error"]


def test_a_deleted_space_is_taken_down_and_its_name_is_free(hub: Hub, signed: httpx.Client, make) -> None:
    repo = make()
    address = hub.do(lambda desk: desk.spaces.of_repo(repo.id))
    body = {"name": repo.full, "type": "space"}
    assert signed.request("DELETE", "/api/repos/delete", json=body).status_code == 200
    assert signed.get(f"/api/spaces/{repo.full}").status_code == 404
    assert not hub.desk.repos.path(repo.id).exists()
    assert hub.do(lambda desk: desk.spaces.snapshot([address.space]))[0].wish is Wish.DELETE
    assert signed.request("DELETE", "/api/repos/delete", json=body).status_code == 404
    again = signed.post("/api/repos/create", json={"name": repo.name, "type": "space", "sdk": "gradio"})
    assert again.status_code == 200, again.text
    assert signed.get(f"/api/spaces/{repo.full}").json()["subdomain"] != address.subdomain


def test_only_the_owner_deletes(client: httpx.Client, make, bob: Account) -> None:
    repo = make(Kind.MODEL)
    client.headers["Authorization"] = f"Bearer {bob.write}"
    assert client.request("DELETE", "/api/repos/delete", json={"name": repo.full}).status_code == 403
    assert client.get(f"/api/models/{repo.full}").status_code == 200


def test_listings_filter_by_what_cards_say(hub: Hub, signed: httpx.Client, make) -> None:
    card = b"---\nlicense: mit\nlanguage: [en, de]\npipeline_tag: text-classification\ntags: [odd-tag]\n---\n"
    repo = make(Kind.MODEL)
    put(hub, repo, AddFile(path="README.md", content=card))
    hub.do(rescan)
    for query in ("filter=odd-tag", "filter=license:mit&filter=en", "pipeline_tag=text-classification&filter=de"):
        found = signed.get(f"/api/models?{query}&search={repo.name}").json()
        assert [row["id"] for row in found] == [repo.full]
    assert signed.get("/api/models?filter=odd-tag&filter=license:gpl").json() == []
    row = signed.get("/api/models?filter=odd-tag&cardData=true").json()[0]
    assert row["cardData"]["language"] == ["en", "de"]
    assert {"en", "de", "license:mit"} <= set(row["tags"])


def test_listings_come_in_pages(signed: httpx.Client, make) -> None:
    names = {make(Kind.DATASET, name=f"page-{n}").full for n in range(5)}
    url, seen, pages = "/api/datasets?search=page-&limit=2", [], 0
    while url:
        answer = signed.get(url)
        seen += [row["id"] for row in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
        pages += 1
    assert (set(seen), len(seen), pages) == (names, 5, 3)


def test_private_repos_are_listed_to_their_owner_only(client: httpx.Client, make, ann: Account) -> None:
    repo = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    url = f"/api/models?search={repo.name}"
    assert client.get(url).json() == []
    assert [row["id"] for row in client.get(url, headers={"Authorization": f"Bearer {ann.read}"}).json()] == [repo.full]


def test_a_protected_space_is_listed_but_its_code_is_not(client: httpx.Client, signed: httpx.Client, make) -> None:
    repo = make()
    answer = signed.put(f"/api/spaces/{repo.full}/settings", json={"visibility": "protected"})
    assert answer.json() == {"private": False, "visibility": "protected", "gated": False}
    del client.headers["Authorization"]
    assert client.get(f"/api/spaces/{repo.full}/tree/main").status_code == 401
    assert client.get(f"/api/spaces?search={repo.name}").json()[0]["id"] == repo.full
