"""Xet tokens: each opens one thing, for one user, for a while."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.store.test_xet import NONE, chunk

XORB = "a" * 64
BODY = chunk(b"hello", NONE)


def token(hub: Hub, repo: Repo, who: Account, kind: str = "write", rev: str = "main") -> httpx.Response:
    url = f"{hub.url}/api/models/{repo.full}/xet-{kind}-token/{rev}"
    return httpx.get(url, headers={"Authorization": f"Bearer {who.write}"})


def send(told: dict[str, Any], call: str, content: bytes) -> httpx.Response:
    return httpx.post(
        told["casUrl"] + call, content=content, headers={"Authorization": f"Bearer {told['accessToken']}"}
    )


@pytest.fixture
def repo(make) -> Repo:
    made: Repo = make(Kind.MODEL)
    return made


def test_headers_and_body_say_the_same(hub: Hub, repo: Repo, ann: Account) -> None:
    answer = token(hub, repo, ann)
    told = answer.json()
    assert answer.headers["x-xet-cas-url"] == told["casUrl"]
    assert answer.headers["x-xet-access-token"] == told["accessToken"]
    assert answer.headers["x-xet-token-expiration"] == str(told["exp"])
    assert told["casUrl"].startswith(f"{hub.url}/xet/{hub.desk.xorbs.installation}/")


def test_each_user_has_an_address_of_their_own(hub: Hub, make, ann: Account, root: Account) -> None:
    repo = make(Kind.MODEL)
    assert token(hub, repo, ann).json()["casUrl"] != token(hub, repo, root).json()["casUrl"]


def test_chunks_are_taken_once(hub: Hub, repo: Repo, ann: Account) -> None:
    told = token(hub, repo, ann).json()
    assert send(told, f"/v1/xorbs/default/{XORB}", BODY).json() == {"was_inserted": True}
    assert send(told, f"/v1/xorbs/default/{XORB}", BODY).json() == {"was_inserted": False}


@pytest.mark.parametrize("call", ["/v1/xorb-grants/default/x", "/v2/shards", "/v2/reconstructions/x"])
def test_what_is_optional_is_404_so_that_clients_go_on(hub: Hub, repo: Repo, ann: Account, call: str) -> None:
    assert send(token(hub, repo, ann).json(), call, b"").status_code == 404


def test_a_token_to_read_writes_nothing(hub: Hub, repo: Repo, ann: Account, bob: Account) -> None:
    told = token(hub, repo, bob, "read").json()
    assert send(told, f"/v1/xorbs/default/{XORB}", BODY).status_code == 403
    assert token(hub, repo, bob).status_code == 403


def test_a_token_counts_at_its_own_address_only(hub: Hub, repo: Repo, ann: Account, root: Account) -> None:
    mine, other = token(hub, repo, ann).json(), token(hub, repo, root).json()
    assert send({**mine, "casUrl": other["casUrl"]}, f"/v1/xorbs/default/{XORB}", BODY).status_code == 404
    elsewhere = mine["casUrl"].replace(f"/{hub.desk.xorbs.installation}/", "/another/")
    assert send({**mine, "casUrl": elsewhere}, f"/v1/xorbs/default/{XORB}", BODY).status_code == 404
    assert send({**mine, "accessToken": ann.write}, f"/v1/xorbs/default/{XORB}", BODY).status_code == 401


def test_what_is_not_there_or_hidden_has_no_token(hub: Hub, repo: Repo, make, ann: Account, bob: Account) -> None:
    assert token(hub, repo, ann, rev="nope").headers["x-error-code"] == "RevisionNotFound"
    secret = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    assert token(hub, secret, bob, "read").headers["x-error-code"] == "RepoNotFound"
    assert token(hub, secret, bob).headers["x-error-code"] == "RepoNotFound"


def test_a_shard_that_is_none_is_refused(hub: Hub, repo: Repo, ann: Account) -> None:
    assert send(token(hub, repo, ann).json(), "/v1/shards", b"nonsense").status_code == 422
