from __future__ import annotations

import httpx
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import RepositoryNotFoundError

from spaces_runtime.domain.repo import Kind, Visibility


@pytest.fixture
def browser(hub, ann):
    """Ann's browser, signed in, on a page of the hub."""
    session = hub.do(lambda desk: desk.people.create_session(ann.person.id))
    with httpx.Client(base_url=hub.url, cookies={"spaces-session": session}) as client:
        yield client


OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
SPACE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Origin": "http://evil-space.localhost:7800"}


def test_whoami_is_what_gradio_deploy_wants(api: HfApi, hub, ann):
    me = api.whoami()
    assert (me["type"], me["name"], me["id"]) == ("user", "ann", ann.person.id)
    assert me["auth"]["accessToken"]["role"] == "write"
    assert me["auth"]["accessToken"]["displayName"] == "laptop"
    assert all(org["type"] == "org" for org in me["orgs"])
    assert HfApi(endpoint=hub.url, token=ann.read).whoami()["auth"]["accessToken"]["role"] == "read"


def test_nobody_is_told_to_sign_in(client):
    answer = client.get("/api/whoami-v2")
    assert answer.status_code == 401
    assert "nobody is signed in" in answer.json()["error"]


def test_an_overview_counts_what_the_asker_may_see(hub, api: HfApi, client, make):
    before, strangers = api.get_user_overview("ann"), client.get("/api/users/ann/overview").json()
    make(Kind.MODEL, visibility=Visibility.PRIVATE)
    make(Kind.SPACE, visibility=Visibility.PROTECTED)
    after, later = api.get_user_overview("ANN"), client.get("/api/users/ann/overview").json()
    assert after.username == "ann"
    assert (after.num_models - before.num_models, after.num_spaces - before.num_spaces) == (1, 1)
    assert (later["numModels"] - strangers["numModels"], later["numSpaces"] - strangers["numSpaces"]) == (0, 1)
    assert client.get("/api/users/no-one/overview").status_code == 404


def test_a_person_has_a_picture(client, ann):
    url = client.get("/api/users/ann/overview").json()["avatarUrl"]
    picture = client.get(url)
    assert picture.headers["content-type"] == "image/svg+xml"
    assert ">A</text>" in picture.text


def test_tokens_are_made_in_the_browser_shown_once_and_taken_back(browser, client):
    made = browser.post("/api/settings/tokens", json={"displayName": "ci", "role": "read"}, headers=OWN).json()["token"]
    as_ci = {"Authorization": f"Bearer {made}"}
    assert client.get("/api/whoami-v2", headers=as_ci).json()["auth"]["accessToken"]["role"] == "read"
    listed = browser.get("/api/settings/tokens", headers=OWN)
    assert made not in listed.text
    token = next(each for each in listed.json() if each["displayName"] == "ci")
    assert browser.delete(f"/api/settings/tokens/{token['id']}", headers=OWN).status_code == 200
    assert client.get("/api/whoami-v2", headers=as_ci).status_code == 401
    assert browser.delete(f"/api/settings/tokens/{token['id']}", headers=OWN).status_code == 404


def test_a_token_cannot_make_itself_more_tokens(client, ann):
    headers = {"Authorization": f"Bearer {ann.write}"}
    answer = client.post("/api/settings/tokens", json={"displayName": "more", "role": "write"}, headers=headers)
    assert (answer.status_code, "not a token" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize(
    "body", [{}, {"displayName": ""}, {"displayName": "x" * 200}, {"displayName": "x", "role": "god"}]
)
def test_a_token_needs_a_name_and_a_role_there_is(browser, body):
    assert browser.post("/api/settings/tokens", json=body, headers=OWN).status_code == 400


def test_the_cookie_speaks_for_its_person_only_on_our_own_pages(browser, make):
    """A Space beside the hub is the same site: the browser sends it the cookie, and the hub must not believe it."""
    repo = make(visibility=Visibility.PRIVATE).full
    assert browser.get("/api/whoami-v2", headers=OWN).json()["auth"] == {"type": "session"}
    assert browser.get("/api/whoami-v2", headers=SPACE).status_code == 401
    assert browser.post(f"/api/spaces/{repo}/pause", headers=SPACE).status_code == 401
    assert browser.post(f"/api/spaces/{repo}/pause").status_code == 401
    assert browser.get(f"/api/spaces/{repo}/runtime", headers=OWN).json()["stage"] == "NO_APP_FILE"
    assert browser.post(f"/api/spaces/{repo}/pause", headers=OWN).json()["stage"] == "PAUSED"


def test_a_session_that_ended_is_nobody(hub, browser):
    hub.do(lambda desk: desk.people.delete_session(browser.cookies["spaces-session"]))
    assert browser.get("/api/whoami-v2", headers=OWN).status_code == 401


def test_an_alias_leads_to_the_repo_on_every_kind_of_address(hub, client, make):
    repo = make(Kind.MODEL, name="bert-base")
    hub.do(lambda desk: desk.index.set_alias(Kind.MODEL, "bert-base-uncased", repo.id))
    for path, target in (
        ("/api/models/bert-base-uncased?blobs=true", "/api/models/ann/bert-base?blobs=true"),
        ("/api/models/bert-base-uncased/tree/main", "/api/models/ann/bert-base/tree/main"),
        ("/bert-base-uncased/resolve/main/a%2Fb.txt", "/ann/bert-base/resolve/main/a%2Fb.txt"),
        (
            "/bert-base-uncased.git/info/refs?service=git-upload-pack",
            "/ann/bert-base/info/refs?service=git-upload-pack",
        ),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (307, hub.url + target)
    assert HfApi(endpoint=hub.url, token=False).model_info("bert-base-uncased").id == "ann/bert-base"


def test_a_name_of_one_word_that_is_no_alias_is_a_missing_repo_to_clients(hub, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=False).model_info("roberta-base")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("roberta-base", "config.json", endpoint=hub.url, token=False, cache_dir=tmp_path)


def test_an_alias_of_a_private_repo_is_told_to_its_owner_only(hub, client, make, ann):
    repo = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    hub.do(lambda desk: desk.index.set_alias(Kind.MODEL, "hidden-alias", repo.id))
    headers = {"Authorization": f"Bearer {ann.read}"}
    assert client.get("/api/models/hidden-alias").status_code == 404
    assert client.get("/api/models/hidden-alias", headers=headers).headers["Location"].endswith(repo.full)
