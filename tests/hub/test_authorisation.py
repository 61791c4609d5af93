"""Routes of a Space by who asks by how visible it is: one table."""

from __future__ import annotations

import httpx
import pytest

from spaces_runtime.domain.people import Role
from spaces_runtime.domain.repo import Kind, Visibility

WHO = ("nobody", "stranger", "reader", "owner", "admin")

# What each of WHO gets. `reader` is the owner with a token that may only read.
# On a public Space; on a protected one (app open, code closed); on a private one.
READ = {
    Visibility.PUBLIC: (200, 200, 200, 200, 200),
    Visibility.PROTECTED: (401, 403, 200, 200, 200),
    Visibility.PRIVATE: (401, 404, 200, 200, 200),
}
VISIT = {**READ, Visibility.PROTECTED: (200, 200, 200, 200, 200)}
NAMED = {**VISIT, Visibility.PUBLIC: (401, 200, 200, 200, 200), Visibility.PROTECTED: (401, 200, 200, 200, 200)}
WRITE = {
    Visibility.PUBLIC: (401, 403, 403, 200, 200),
    Visibility.PROTECTED: (401, 403, 403, 200, 200),
    Visibility.PRIVATE: (401, 404, 403, 200, 200),
}

ROUTES = [
    ("GET", "", None, VISIT),
    ("GET", "refs", None, READ),
    ("GET", "tree/main", None, READ),
    ("GET", "commits/main", None, READ),
    ("GET", "xet-read-token/main", None, READ),
    ("GET", "xet-write-token/main", None, WRITE),
    ("POST", "preupload/main", {"files": []}, WRITE),
    ("PUT", "settings", {}, WRITE),
    ("GET", "runtime", None, VISIT),
    ("GET", "host", None, VISIT),
    ("GET", "jwt", None, NAMED),
    ("GET", "auth-check", None, READ),
    ("GET", "auth-check/write", None, WRITE),
    ("GET", "variables", None, READ),
    ("POST", "variables", {"key": "A", "value": "1"}, WRITE),
    ("DELETE", "variables", {"key": "A"}, WRITE),
    ("GET", "secrets", None, WRITE),
    ("POST", "secrets", {"key": "S", "value": "1"}, WRITE),
    ("DELETE", "secrets", {"key": "S"}, WRITE),
    ("POST", "pause", None, WRITE),
    ("GET", "logs/run", None, WRITE),  # paused by now, so the stream ends
    ("POST", "restart", None, WRITE),
    ("POST", "hardware", {"flavor": "cpu-upgrade"}, WRITE),
    ("POST", "sleeptime", {"seconds": 600}, WRITE),
    ("PUT", "volumes", {"volumes": []}, WRITE),
]


@pytest.fixture
def tokens(ann, bob, root):
    return {"nobody": None, "stranger": bob.write, "reader": ann.read, "owner": ann.write, "admin": root.write}


@pytest.mark.parametrize("visibility", list(Visibility))
def test_each_route_opens_to_whom_it_should(client, make, tokens, visibility):
    repo = make(Kind.SPACE, visibility=visibility)
    wrong = []
    for method, path, body, table in ROUTES:
        for who, expected in zip(WHO, table[visibility], strict=True):
            _repeatable(client, repo.full, tokens["owner"], method, path)
            got = ask(client, method, f"/api/spaces/{repo.full}/{path}".rstrip("/"), tokens[who], body).status_code
            if got != expected:
                wrong.append((who, method, path, f"{got} instead of {expected}"))
    assert wrong == []


def _repeatable(client: httpx.Client, repo: str, owner: str, method: str, path: str) -> None:
    """What is deleted has to be there each time, and a log ends only while paused."""
    key = {"variables": "A", "secrets": "S"}.get(path)
    if method == "DELETE" and key:
        ask(client, "POST", f"/api/spaces/{repo}/{path}", owner, {"key": key, "value": "1"})


def ask(client: httpx.Client, method: str, url: str, token: str | None, body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.request(method, url, headers=headers, json=body)


@pytest.mark.parametrize("path", ["runtime", "host", "jwt", "variables", "secrets", "logs/run"])
@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_a_private_space_looks_exactly_like_a_missing_one(client, make, tokens, path, who):
    repo = make(Kind.SPACE, visibility=Visibility.PRIVATE)
    hidden = ask(client, "GET", f"/api/spaces/{repo.full}/{path}", tokens[who], None)
    missing = ask(client, "GET", f"/api/spaces/ann/no-such-thing/{path}", tokens[who], None)
    shown = ("x-error-code", "x-error-message", "content-type", "www-authenticate", "content-length")
    assert hidden.headers["x-error-code"] == "RepoNotFound"
    assert (hidden.status_code, hidden.text) == (missing.status_code, missing.text)
    assert [hidden.headers.get(name) for name in shown] == [missing.headers.get(name) for name in shown]


def test_a_space_that_may_be_used_but_not_read_says_so(client, make, tokens):
    repo = make(Kind.SPACE, visibility=Visibility.PROTECTED)
    answer = ask(client, "GET", f"/api/spaces/{repo.full}/variables", tokens["stranger"], None)
    assert "bob is not its owner" in answer.json()["error"]


def test_a_token_that_may_only_read_is_told_what_it_lacks(client, make, tokens):
    repo = make(Kind.SPACE)
    answer = ask(client, "POST", f"/api/spaces/{repo.full}/pause", tokens["reader"], None)
    assert "this access token may only read" in answer.headers["X-Error-Message"]


@pytest.mark.parametrize("header", ["Bearer hf_wrong", "Bearer", "Basic Zm9vOmJhcg==", "Nonsense"])
@pytest.mark.parametrize("path", ["/api/whoami-v2", "/api/spaces/ann/any/runtime", "/api/users/ann/overview"])
def test_a_wrong_token_is_refused_even_where_none_is_needed(client, ann, header, path):
    answer = client.get(path, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["X-Error-Message"] == "Invalid credentials in Authorization header"


def test_git_sends_the_token_as_the_password_of_any_user(client, ann):
    assert client.get("/api/whoami-v2", auth=("whoever", ann.write)).json()["name"] == "ann"


def test_a_deleted_token_is_good_for_nothing(client, hub, ann):
    token = hub.do(lambda desk: desk.people.create_token(ann.person.id, "short-lived", Role.READ))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/whoami-v2", headers=headers).status_code == 200
    shown = [each for each in hub.do(lambda desk: desk.people.tokens(ann.person.id)) if each.name == "short-lived"]
    hub.do(lambda desk: desk.people.delete_token(ann.person.id, shown[0].id))
    assert client.get("/api/whoami-v2", headers=headers).status_code == 401
