"""Downloads: the headers that clients live by, ranges, and what a file of a user may not do to our pages."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.repo import AddBlob, AddFile, Kind, Repo, Visibility
from spaces_runtime.hub.serve_file import BadRange, wanted
from tests.hub.conftest import Account
from tests.hub.serving import Hub

TEXT, LARGE = b"0123456789", bytes(range(256)) * 5000
NAME = Sha256(sha256(LARGE).hexdigest())


@pytest.fixture
def repo(hub: Hub, make) -> Repo:
    """A model with a plain and a large file."""
    made = make(Kind.MODEL)

    async def sent() -> AsyncIterator[bytes]:
        yield LARGE

    changes = [
        AddFile(path="deep/a b.txt", content=TEXT),
        AddFile(path="page.html", content=b"<script>alert(1)</script>"),
        AddFile(path="empty", content=b""),
        AddBlob(path="x.safetensors", sha256=NAME, size=len(LARGE)),
    ]
    hub.do(lambda desk: desk.blobs.put(made.id, NAME, len(LARGE), sent()))
    hub.do(lambda desk: desk.repos.commit(made.id, "main", changes, author="ann", message="files", parent=None))
    return made


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_plain_file_has_all_its_headers(hub: Hub, client: httpx.Client, repo: Repo, method: str) -> None:
    answer = client.request(method, f"/{repo.full}/resolve/main/deep/a%20b.txt")
    revision = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    entry = hub.do(lambda desk: desk.repos.entry(repo.id, revision, "deep/a b.txt"))
    assert answer.status_code == 200
    assert answer.headers["x-repo-commit"] == revision
    assert answer.headers["etag"] == f'"{entry.oid}"'
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''a%20b.txt; filename=\"a b.txt\""
    assert "content-encoding" not in answer.headers
    assert "x-linked-etag" not in answer.headers
    assert answer.content == (TEXT if method == "GET" else b"")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_large_file_names_its_content(client: httpx.Client, repo: Repo, method: str) -> None:
    answer = client.request(method, f"/{repo.full}/resolve/main/x.safetensors")
    assert answer.headers["etag"] == answer.headers["x-linked-etag"] == f'"{NAME}"'
    assert answer.headers["content-length"] == answer.headers["x-linked-size"] == str(len(LARGE))
    assert answer.content == (LARGE if method == "GET" else b"")


def test_raw_is_what_git_has(client: httpx.Client, repo: Repo) -> None:
    answer = client.get(f"/{repo.full}/raw/main/x.safetensors")
    assert NAME.encode() in answer.content
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_gateway_that_can_is_left_to_send_large_content(client: httpx.Client, repo: Repo) -> None:
    url, takes = f"/{repo.full}/resolve/main/x.safetensors", {"X-Spaces-Takes": "blobs"}
    answer = client.get(url, headers=takes | {"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["x-spaces-blob"] == f"{NAME} 2 3"
    assert answer.headers["content-range"] == f"bytes 2-4/{len(LARGE)}"
    assert "x-spaces-blob" not in client.head(url, headers=takes).headers
    assert client.get(f"/{repo.full}/resolve/main/deep/a%20b.txt", headers=takes).content == TEXT


@pytest.mark.parametrize("path", ["x.safetensors", "deep/a%20b.txt"])
@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=2-4", 2, 5), ("bytes=3-", 3, None), ("bytes=-4", -4, None), ("bytes=0-0", 0, 1)]
)
def test_ranges(client: httpx.Client, repo: Repo, path: str, asked: str, start: int, end: int | None) -> None:
    whole = LARGE if path.startswith("x") else TEXT
    answer = client.get(f"/{repo.full}/resolve/main/{path}", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = range(len(whole))[start]
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_range_behind_the_end_is_416(client: httpx.Client, repo: Repo) -> None:
    answer = client.get(f"/{repo.full}/resolve/main/x.safetensors", headers={"Range": f"bytes={len(LARGE)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(LARGE)}"


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", None),
        ("bytes=0-4,6-8", None),
        ("lines=1-2", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-99", (0, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=9-9", (9, 10)),
    ],
)
def test_what_a_range_header_asks_for(header: str, part: tuple[int, int] | None) -> None:
    assert wanted(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_what_cannot_be_had(header: str) -> None:
    with pytest.raises(BadRange):
        wanted(header, 10)


def test_a_file_that_changed_is_sent_whole_to_one_who_resumes(client: httpx.Client, repo: Repo) -> None:
    headers = {"Range": "bytes=5-", "If-Range": '"old"'}
    answer = client.get(f"/{repo.full}/resolve/main/deep/a%20b.txt", headers=headers)
    assert (answer.status_code, answer.content) == (200, TEXT)


def test_what_a_client_has_is_not_sent_again(client: httpx.Client, repo: Repo) -> None:
    url = f"/{repo.full}/resolve/main/x.safetensors"
    for known in (f'"{NAME}"', f'W/"{NAME}"', f'"other", "{NAME}"', "*"):
        answer = client.get(url, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == f'"{NAME}"'
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_an_absent_file_says_at_which_commit(hub: Hub, client: httpx.Client, repo: Repo) -> None:
    answer = client.head(f"/{repo.full}/resolve/main/nope.json")
    assert answer.status_code == 404
    assert answer.headers["x-error-code"] == "EntryNotFound"
    assert answer.headers["x-repo-commit"] == hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    assert client.get(f"/{repo.full}/resolve/main/deep").headers["x-error-code"] == "EntryNotFound"
    assert client.get(f"/{repo.full}/resolve/nope/a").headers["x-error-code"] == "RevisionNotFound"
    assert client.get("/ann/nope/resolve/main/a").headers["x-error-code"] == "RepoNotFound"


def test_a_branch_with_a_slash_is_one_segment(hub: Hub, client: httpx.Client, repo: Repo) -> None:
    head = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    hub.do(lambda desk: desk.repos.set_branch(repo.id, "feature/x", head))
    assert client.get(f"/{repo.full}/resolve/feature%2Fx/deep/a%20b.txt").content == TEXT
    assert client.get(f"/api/models/{repo.full}/tree/feature%2Fx/deep").json()[0]["path"] == "deep/a b.txt"


def test_a_page_of_a_user_is_shown_as_text(client: httpx.Client, repo: Repo) -> None:
    answer = client.get(f"/{repo.full}/resolve/main/page.html")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_private_files_need_a_right(client: httpx.Client, hub: Hub, make, ann: Account, bob: Account) -> None:
    secret = make(Kind.MODEL, visibility=Visibility.PRIVATE)
    url = f"/{secret.full}/resolve/main/.gitattributes"
    assert client.get(url).status_code == 401
    assert client.get(url, headers={"Authorization": f"Bearer {bob.write}"}).status_code == 404
    assert client.get(url, headers={"Authorization": f"Bearer {ann.read}"}).status_code == 200


def test_the_code_of_a_protected_space_is_not_for_everybody(client: httpx.Client, make) -> None:
    space = make(Kind.SPACE, visibility=Visibility.PROTECTED)
    assert client.get(f"/spaces/{space.full}/resolve/main/README.md").status_code == 401
    info = client.get(f"/api/spaces/{space.full}").json()
    assert info["id"] == space.full
    assert "siblings" not in info


def test_absent_files_and_repo_info_take_a_few_milliseconds(client: httpx.Client, repo: Repo) -> None:
    """Every load of a model asks for half a dozen files that are not there. Generous: other work shares the machine."""
    for url in (f"/{repo.full}/resolve/main/nope.json", f"/api/models/{repo.full}"):
        taken = []
        for _ in range(30):
            begun = time.perf_counter()
            client.get(url)
            taken.append(time.perf_counter() - begun)
        assert sorted(taken)[len(taken) // 4] < 0.05, url
