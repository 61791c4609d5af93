"""Branches, tags and pages of listings: each wrong request with its code, and pages that hold still."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from spaces_runtime.domain.repo import AddFile, Kind, Repo
from tests.hub.conftest import Account
from tests.hub.serving import Hub


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> httpx.Client:
    """As ann."""
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


@pytest.fixture
def repo(make) -> Repo:
    made: Repo = make(Kind.MODEL)
    return made


def ask(client: httpx.Client, repo: Repo, method: str, what: str, name: str, body: object = None) -> httpx.Response:
    return client.request(method, f"/api/models/{repo.full}/{what}/{quote(name, safe='')}", json=body)


@pytest.mark.parametrize(
    ("method", "what", "name", "body", "status", "code"),
    [
        ("POST", "branch", "main", {}, 409, ""),
        ("POST", "branch", "x", {"startingPoint": "nope"}, 404, "RevisionNotFound"),
        ("POST", "branch", "a..b", {}, 400, ""),
        ("POST", "branch", "-x", {}, 400, ""),
        ("POST", "branch", "a b", {}, 400, ""),
        ("POST", "branch", "refs/heads/x", {}, 400, ""),
        ("POST", "branch", "refs/tags/x", {}, 400, ""),
        ("POST", "branch", "a" * 40, {}, 400, ""),
        ("POST", "branch", "main/below", {}, 422, ""),
        ("POST", "branch", "x" * 300, {}, 400, ""),
        ("DELETE", "branch", "main", None, 403, ""),
        ("DELETE", "branch", "refs/heads/main", None, 404, "RevisionNotFound"),
        ("DELETE", "branch", "refs/tags/v1", None, 404, "RevisionNotFound"),
        ("DELETE", "branch", "v1", None, 404, "RevisionNotFound"),
        ("DELETE", "branch", "nope", None, 404, "RevisionNotFound"),
        ("POST", "tag", "nope", {"tag": "a..b"}, 404, "RevisionNotFound"),
        ("POST", "tag", "main", {"tag": "v1"}, 409, ""),
        ("POST", "tag", "main", {"tag": "a..b"}, 400, ""),
        ("POST", "tag", "main", {"tag": "a..b", "message": "x"}, 400, ""),
        ("POST", "tag", "main", {}, 400, ""),
        ("DELETE", "tag", "nope", None, 404, "RevisionNotFound"),
        ("DELETE", "tag", "main", None, 404, "RevisionNotFound"),
        ("POST", "super-squash", "nope", {}, 404, "RevisionNotFound"),
        ("POST", "super-squash", "v1", {}, 404, "RevisionNotFound"),
    ],
)
def test_what_cannot_be_is_said_with_its_code(
    signed: httpx.Client, repo: Repo, method: str, what: str, name: str, body: object, status: int, code: str
) -> None:
    assert ask(signed, repo, "POST", "tag", "main", {"tag": "v1"}).status_code == 200
    answer = ask(signed, repo, method, what, name, body)
    assert (answer.status_code, answer.headers.get("x-error-code", "")) == (status, code), answer.text
    refs = signed.get(f"/api/models/{repo.full}/refs").json()
    assert ([ref["name"] for ref in refs["branches"]], [ref["name"] for ref in refs["tags"]]) == (["main"], ["v1"])


def test_a_branch_may_be_called_as_a_tag_is(signed: httpx.Client, repo: Repo) -> None:
    assert ask(signed, repo, "POST", "tag", "main", {"tag": "both", "message": "annotated"}).status_code == 200
    assert ask(signed, repo, "POST", "branch", "both", {}).status_code == 200
    assert ask(signed, repo, "DELETE", "branch", "both").status_code == 200
    assert ask(signed, repo, "DELETE", "tag", "both").status_code == 200


def grow(hub: Hub, repo: Repo, *names: str) -> None:
    changes = [AddFile(path=name, content=b"x") for name in names]
    hub.do(lambda desk: desk.repos.commit(repo.id, "main", changes, author="ann", message=names[0], parent=None))


@pytest.mark.parametrize("what", ["tree/main?recursive=true&limit=2", "commits/main?limit=2"])
def test_pages_are_of_one_commit_whatever_is_committed_meanwhile(
    hub: Hub, signed: httpx.Client, repo: Repo, what: str
) -> None:
    for name in ("b", "c", "d", "e"):
        grow(hub, repo, name)
    whole = signed.get(f"/api/models/{repo.full}/{what.replace('limit=2', 'limit=50')}").json()
    url, rows = f"/api/models/{repo.full}/{what}", []
    for number in range(10):
        answer = signed.get(url)
        rows += answer.json()
        grow(hub, repo, f"a{number}")
        if "next" not in answer.links:
            break
        url = answer.links["next"]["url"]
    assert rows == whole
    assert len(rows) == 5


def test_a_cursor_of_nobody_is_refused(signed: httpx.Client, repo: Repo) -> None:
    for what in ("tree/main", "commits/main"):
        for cursor, status in (("x", 400), ("nope.1", 404), ("main.x", 400), ("." * 50, 404), ("main.-1", 400)):
            answer = signed.get(f"/api/models/{repo.full}/{what}", params={"cursor": cursor})
            assert answer.status_code == status, (what, cursor, answer.text)


def test_paths_info_takes_a_form_and_json_and_never_fails_for_a_path(
    hub: Hub, signed: httpx.Client, repo: Repo
) -> None:
    grow(hub, repo, "deep/a.txt", "b.txt")
    url = f"/api/models/{repo.full}/paths-info/main"
    wanted = ["deep", "b.txt", "nope", "", "/", "..", "a\0b", "x" * 5000]
    for answer in (
        signed.post(url, data={"paths": wanted, "expand": "True"}),
        signed.post(url, json={"paths": wanted, "expand": True}),
    ):
        assert answer.status_code == 200, answer.text
        assert [row["path"] for row in answer.json()] == ["deep", "b.txt"]
        assert answer.json()[0]["lastCommit"]["title"] == "deep/a.txt"
    for wrong in ('{"paths": [1]}', '{"paths": ["\\ud800"]}', '{"paths": {}}'):
        assert signed.post(url, content=wrong, headers={"Content-Type": "application/json"}).status_code == 400
