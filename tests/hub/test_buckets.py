"""Buckets over plain HTTP: what clients do not show, and what they would never send."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub

HELLO = b"hello"


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> httpx.Client:
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


@pytest.fixture
def pail(make: Callable[..., Repo]) -> Repo:
    return make(Kind.BUCKET)


@pytest.fixture
def filled(pail: Repo, api: HfApi) -> Repo:
    api.batch_bucket_files(pail.full, add=[(HELLO, "a/ü b.txt"), (b"", "empty"), (b"<b>", "page.html")])
    return pail


def send(client: httpx.Client, bucket: Repo, *changes: dict[str, Any]) -> httpx.Response:
    lines = "".join(json.dumps(change) + "\n" for change in changes)
    return client.post(f"/api/buckets/{bucket.full}/batch", content=lines.encode())


@pytest.mark.parametrize("path", ["a%2F%C3%BC%20b.txt", "a/%C3%BC%20b.txt"])
def test_a_file_is_served_with_all_that_clients_go_by(signed: httpx.Client, filled: Repo, path: str) -> None:
    url = f"/buckets/{filled.full}/resolve/{path}"
    for answer in (signed.head(url), signed.get(url)):
        assert answer.status_code == 200
        assert answer.headers["content-length"] == answer.headers["x-linked-size"] == "5"
        assert answer.headers["etag"] == f'"{sha256(HELLO).hexdigest()}"'
        assert len(answer.headers["x-xet-hash"]) == 64
        token = f"{signed.base_url}/api/buckets/{filled.full}/xet-read-token".replace("//api", "/api")
        assert answer.headers["link"] == f'<{token}>; rel="xet-auth"'
    assert answer.content == HELLO
    part = signed.get(url, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"el", "bytes 1-2/5")


def test_an_empty_file_and_a_page_are_served_safely(signed: httpx.Client, filled: Repo) -> None:
    assert signed.get(f"/buckets/{filled.full}/resolve/empty").content == b""
    page = signed.get(f"/buckets/{filled.full}/resolve/page.html")
    assert page.headers["content-type"].startswith("text/plain")
    assert "sandbox" in page.headers["content-security-policy"]


def test_what_is_not_there_is_said_with_the_code_that_clients_know(signed: httpx.Client, filled: Repo) -> None:
    for path, code in ((f"{filled.full}/resolve/nope", "EntryNotFound"), ("ann/none/resolve/x", "RepoNotFound")):
        answer = signed.get(f"/buckets/{path}")
        assert (answer.status_code, answer.headers["x-error-code"]) == (404, code)


def test_a_name_in_another_case_is_the_same_bucket(signed: httpx.Client, pail: Repo) -> None:
    assert signed.get(f"/api/buckets/{pail.full.upper()}").json()["id"] == pail.full
    again = signed.post(f"/api/buckets/{pail.full.upper()}", json={})
    assert again.status_code == 409
    assert again.json()["url"].endswith(f"/buckets/{pail.full.upper()}")


@pytest.mark.parametrize("visibility", ["protected", "dance", 7])
def test_a_bucket_is_public_or_private(signed: httpx.Client, visibility: object) -> None:
    answer = signed.post("/api/buckets/ann/odd", json={"visibility": visibility})
    assert (answer.status_code, "public or private" in answer.text) == (400, True)


def test_a_bucket_is_not_in_git(signed: httpx.Client, pail: Repo, hub: Hub) -> None:
    assert not hub.desk.layout.repos.joinpath(f"{pail.id}.git").exists()
    for path in ("refs", "commits/main", "revision/main", "auth-check", "xet-read-token/main"):
        assert signed.get(f"/api/buckets/{pail.full}/{path}").status_code == 404, path
    for path in (f"{pail.full}.git/info/refs?service=git-upload-pack", f"{pail.full}/resolve/main/x"):
        assert signed.get(f"/{path}").status_code == 404, path
    made = signed.post("/api/repos/create", json={"name": "via-repos", "type": "bucket"})
    assert made.status_code == 400


def test_pages_follow_one_another(signed: httpx.Client, pail: Repo, api: HfApi) -> None:
    api.batch_bucket_files(pail.full, add=[(HELLO, f"f{n}/{m}.txt") for n in range(3) for m in range(2)])
    for recursive, count in (("true", 6), ("false", 3)):
        found, url = [], f"/api/buckets/{pail.full}/tree?recursive={recursive}&limit=2"
        while url:
            page = signed.get(url)
            assert len(page.json()) <= 2
            found += [entry["path"] for entry in page.json()]
            url = page.links.get("next", {}).get("url", "")
        assert len(set(found)) == len(found) == count


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/../b", "a\\b", "nul\0", "x" * 256, ".git/config", ""])
def test_a_path_that_could_leave_its_folder_is_refused(
    signed: httpx.Client, filled: Repo, path: str
) -> None:  # fmt: skip
    xet = signed.get(f"/api/buckets/{filled.full}/tree/a").json()[0]["xetHash"]
    answer = send(signed, filled, {"type": "addFile", "path": path, "xetHash": xet, "mtime": 1})
    if "\0" in path:  # refused before anybody asks what it would mean
        assert answer.status_code == 400
        return
    assert answer.status_code == 422
    assert answer.json()["failed"][0]["path"] == path


@pytest.mark.parametrize("path", ["nul\0", "half \ud83d of a pair"])
def test_what_no_file_can_be_called_is_answered_in_words_everywhere(
    signed: httpx.Client, filled: Repo, path: str
) -> None:  # fmt: skip
    url = f"/api/buckets/{filled.full}"
    xet = signed.get(f"{url}/tree/a").json()[0]["xetHash"]
    put = {"type": "addFile", "path": path, "xetHash": xet}
    for change in (put, {"type": "deleteFile", "path": path}, {**put, "path": "x", "xetHash": path}):
        assert send(signed, filled, change).status_code in (400, 422), change
    copy = {**put, "type": "copyFile", "path": "x", "sourceRepoType": "bucket", "sourceRepoId": f"ann/{path}"}
    assert send(signed, filled, copy).status_code == 400
    asked = json.dumps({"paths": [path, "empty"]})
    answer = signed.post(f"{url}/paths-info", content=asked)
    assert answer.status_code == 400 or [each["path"] for each in answer.json()] == ["empty"]
    assert signed.get(f"{url}/tree?cursor=%00&recursive=true").status_code == 400


def test_content_nobody_sent_is_not_taken_on_trust(signed: httpx.Client, pail: Repo) -> None:
    for xet in (sha256(HELLO).hexdigest(), "nonsense"):
        answer = send(signed, pail, {"type": "addFile", "path": "x", "xetHash": xet, "mtime": 1})
        assert (answer.status_code, "was not uploaded" in answer.text) == (422, True)


def test_content_is_copied_only_from_where_one_may_read(
    hub: Hub, client: httpx.Client, make: Callable[..., Repo], api: HfApi, bob: Account
) -> None:
    secret = make(Kind.BUCKET, visibility=Visibility.PRIVATE)
    api.batch_bucket_files(secret.full, add=[(HELLO, "x")])
    xet = next(iter(api.get_bucket_paths_info(secret.full, ["x"]))).xet_hash
    client.headers["Authorization"] = f"Bearer {bob.write}"
    client.post("/api/buckets/bob/mine", json={})
    copy = {"type": "copyFile", "path": "x", "xetHash": xet, "mtime": 1, "sourceRepoType": "bucket"}
    for source in (secret.full, "ann/no-such-bucket"):
        answer = client.post("/api/buckets/bob/mine/batch", content=json.dumps({**copy, "sourceRepoId": source}))
        assert answer.json()["failed"] == [{"path": "x", "error": "Repository not found"}]
    assert client.get("/api/buckets/bob/mine").json()["totalFiles"] == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b'{"type":"dance","path":"x"}', b'{"type":"addFile","path":"x"}', b'{"type":"deleteFile"}',
     b'{"type":"copyFile","path":"x","xetHash":"0","sourceRepoType":"paper","sourceRepoId":"a/b"}'],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_changes_nothing(signed: httpx.Client, filled: Repo, body: bytes) -> None:
    first = b'{"type":"deleteFile","path":"empty"}\n' if body else b""
    answer = signed.post(f"/api/buckets/{filled.full}/batch", content=first + body)
    assert answer.status_code == 400, answer.text
    assert signed.get(f"/api/buckets/{filled.full}").json()["totalFiles"] == 3


def test_a_token_of_a_bucket_reads_what_that_bucket_has_and_no_more(
    signed: httpx.Client, filled: Repo, make: Callable[..., Repo]
) -> None:
    xet = signed.get(f"/api/buckets/{filled.full}/tree/a").json()[0]["xetHash"]
    for bucket, status in ((filled, 200), (make(Kind.BUCKET), 404)):
        told = signed.get(f"/api/buckets/{bucket.full}/xet-read-token").json()
        headers = {"Authorization": f"Bearer {told['accessToken']}"}
        assert httpx.get(f"{told['casUrl']}/v1/reconstructions/{xet}", headers=headers).status_code == status


def test_what_was_removed_is_no_longer_held(signed: httpx.Client, filled: Repo, hub: Hub) -> None:
    held = sha256(HELLO).hexdigest()
    assert hub.do(lambda desk: desk.index.holds(filled.id, held)) == 5
    assert send(signed, filled, {"type": "deleteFile", "path": "a/ü b.txt"}).json()["failed"] == []
    assert hub.do(lambda desk: desk.index.holds(filled.id, held)) is None


WHO = ("nobody", "stranger", "reader", "owner", "admin")
READ = {Visibility.PUBLIC: (200,) * 5, Visibility.PRIVATE: (401, 404, 200, 200, 200)}
WRITE = {Visibility.PUBLIC: (401, 403, 403, 200, 200), Visibility.PRIVATE: (401, 404, 403, 200, 200)}
DROP = b'{"type":"deleteFile","path":"nope"}\n'
ROUTES = [
    ("GET", "/api/buckets/{}", None, READ),
    ("GET", "/api/buckets/{}/tree", None, READ),
    ("GET", "/api/buckets/{}/tree/x", None, READ),
    ("POST", "/api/buckets/{}/paths-info", b"{}", READ),
    ("GET", "/api/buckets/{}/xet-read-token", None, READ),
    ("GET", "/buckets/{}/resolve/x", None, READ),
    ("GET", "/api/buckets/{}/xet-write-token", None, WRITE),
    ("PUT", "/api/buckets/{}/settings", b"{}", WRITE),
    ("POST", "/api/buckets/{}/batch", DROP, WRITE),
]


@pytest.mark.parametrize("visibility", [Visibility.PUBLIC, Visibility.PRIVATE])
def test_each_route_opens_to_whom_it_should(
    client: httpx.Client, make: Callable[..., Repo], api: HfApi, ann: Account, bob: Account, root: Account,
    visibility: Visibility,
) -> None:  # fmt: skip
    bucket = make(Kind.BUCKET, visibility=visibility)
    api.batch_bucket_files(bucket.full, add=[(HELLO, "x")])
    tokens = {"nobody": None, "stranger": bob.write, "reader": ann.read, "owner": ann.write, "admin": root.write}
    wrong = []
    for method, path, content, table in [*ROUTES, ("DELETE", "/api/buckets/{}", None, WRITE)]:
        for who, expected in zip(WHO, table[visibility], strict=True):
            if method == "DELETE" and expected == 200:
                continue
            headers = {"Authorization": f"Bearer {tokens[who]}"} if tokens[who] else {}
            got = client.request(method, path.format(bucket.full), content=content, headers=headers)
            status = 200 if "nope" in got.text and got.status_code == 422 else got.status_code
            if status != expected:
                wrong.append((who, method, path, f"{got.status_code} instead of {expected}"))
            elif visibility is Visibility.PRIVATE and who in {"nobody", "stranger"}:
                missing = client.request(method, path.format("ann/none"), content=content, headers=headers)
                assert (got.text, got.headers["x-error-code"]) == (missing.text, missing.headers["x-error-code"])
    assert wrong == []


def test_a_listing_shows_private_buckets_to_those_who_may_see_them(
    client: httpx.Client, make: Callable[..., Repo], ann: Account, bob: Account
) -> None:
    secret = make(Kind.BUCKET, visibility=Visibility.PRIVATE)
    for token, seen in ((ann.write, True), (bob.write, False)):
        rows = client.get("/api/buckets/ann", headers={"Authorization": f"Bearer {token}"}).json()
        assert (secret.full in [row["id"] for row in rows]) is seen
    assert client.get("/api/buckets/me").status_code == 401


def told(client: httpx.Client, url: str) -> list[str]:
    """The first events of a feed."""
    with client.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        names = (line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: "))
        return [next(names)]


def test_a_feed_says_at_once_what_was_missed(signed: httpx.Client, filled: Repo, api: HfApi) -> None:
    url = f"/api/buckets/{filled.full}"
    before = signed.get(url).json()["updatedAt"]
    assert told(signed, f"{url}/events") == ["ready"]
    assert told(signed, f"{url}/events?since={before}") == ["ready"]
    api.batch_bucket_files(filled.full, delete=["empty"])
    assert told(signed, f"{url}/events?since={before}") == ["reset"]
    assert told(signed, f"{url}/events?cursor=nonsense") == ["reset"]
