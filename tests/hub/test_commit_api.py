"""Commits over the API, as they should not be sent; what the clients do right is in tests/clients."""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha1, sha256
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from spaces_runtime.domain.repo import Kind, Repo
from tests.hub.conftest import Account
from tests.hub.serving import Hub

Line = tuple[str, dict[str, Any]]
HEADER: Line = ("header", {"summary": "work", "description": "and why"})


def added(path: str, content: bytes = b"x") -> Line:
    return "file", {"path": path, "content": b64encode(content).decode(), "encoding": "base64"}


def ndjson(lines: Sequence[Line]) -> bytes:
    return "\n".join(json.dumps({"key": key, "value": value}) for key, value in lines).encode()


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> httpx.Client:
    """As ann."""
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


def commit(client: httpx.Client, repo: Repo, *lines: Line, rev: str = "main") -> httpx.Response:
    return client.post(f"/api/{repo.kind.plural}/{repo.full}/commit/{rev}", content=ndjson(lines))


def test_a_commit_is_answered_with_its_id_and_address(hub: Hub, signed: httpx.Client, make) -> None:
    repo = make(Kind.DATASET)
    answer = commit(signed, repo, HEADER, added("a.txt", b"hello"))
    assert answer.status_code == 200, answer.text
    oid = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    assert answer.json() == {
        "success": True,
        "commitOid": oid,
        "commitUrl": f"{hub.url}/datasets/{repo.full}/commit/{oid}",
        "hookOutput": "",
    }
    assert hub.do(lambda desk: desk.index.by_id(repo.id)).head == oid


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ([added("a.txt")], 400, "header is missing"),
        ([HEADER, ("file", {"path": "a", "content": "***", "encoding": "base64"})], 400, "not base64"),
        ([HEADER, ("file", {"content": ""})], 400, "no path"),
        ([HEADER, ("dance", {"path": "a"})], 400, "no change of the kind 'dance'"),
        ([HEADER, added("ok.txt"), added("../up.txt")], 422, "the path has . or .. in it"),
        ([HEADER, added("ok.txt"), ("deletedFile", {"path": "gone.txt"})], 404, "doesn't exist"),
        ([HEADER, added("big.txt", b"x" * (2**20 + 1))], 413, "big.txt"),
        ([HEADER, ("lfsFile", {"path": "m.bin", "algo": "sha256", "oid": "a" * 64})], 400, "m.bin"),
        ([HEADER, ("copyFile", {"path": "b", "srcPath": "nope", "srcRev": "main"})], 404, "Entry not found"),
        ([HEADER, added("README.md", b"---\nsdk: dance\n---\n")], 400, 'sdk is "dance"'),
    ],
)
def test_one_wrong_line_and_nothing_is_committed(
    hub: Hub, signed: httpx.Client, make, lines: list[Line], status: int, said: str
) -> None:
    repo = make(Kind.SPACE)
    before = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    answer = commit(signed, repo, *lines)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]
    assert hub.do(lambda desk: desk.repos.resolve(repo.id, "main")) == before


@pytest.mark.parametrize(
    "body",
    [
        *(b"not json", b"[]", b'{"key": "header"}', b"\xff\xfe", b"[" * 100_000),
        b'{"key": "header", "value": {"summary": "\\ud800"}}',
    ],
)
def test_what_is_no_commit_is_refused(signed: httpx.Client, make, body: bytes) -> None:
    answer = signed.post(f"/api/models/{make(Kind.MODEL).full}/commit/main", content=body)
    assert answer.status_code == 400


def test_a_stale_parent_is_412_and_not_an_error_of_ours(hub: Hub, signed: httpx.Client, make) -> None:
    repo = make(Kind.MODEL)
    old = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    assert commit(signed, repo, HEADER, added("a.txt")).status_code == 200
    stale: Line = ("header", {"summary": "late", "description": "", "parentCommit": old})
    answer = commit(signed, repo, stale, added("b.txt"))
    assert answer.status_code == 412
    assert "The branch was updated since you opened this page. Please refresh and try again" in answer.json()["error"]


def test_commits_at_once_all_arrive(hub: Hub, make, ann: Account) -> None:
    repo = make(Kind.MODEL)

    def send(number: int) -> int:
        with httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {ann.write}"}, timeout=30) as client:
            return commit(client, repo, HEADER, added(f"{number}.txt")).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(send, range(50))) == {200}
    entries = hub.do(lambda desk: desk.repos.tree(repo.id, "main", "", recursive=True))
    assert len(entries) == 51


def test_of_fifty_that_saw_the_same_head_one_wins_and_the_others_are_told(hub: Hub, make, ann: Account) -> None:
    repo = make(Kind.MODEL)
    head = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    header: Line = ("header", {"summary": "race", "description": "", "parentCommit": head})

    def send(number: int) -> int:
        with httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {ann.write}"}, timeout=30) as client:
            return commit(client, repo, header, added(f"{number}.txt")).status_code

    with ThreadPoolExecutor(50) as pool:
        answers = sorted(pool.map(send, range(50)))
    assert answers == [200] + [412] * 49
    assert len(hub.do(lambda desk: desk.repos.history(repo.id, "main", skip=0, limit=9))) == 2


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/a",
            "a/",
            "a//b",
            "./a",
            "a/../b",
            "..",
            "a\\b",
            "a\0b",
            "a\nb",
            "x" * 256,
            "é" * 128,
            "d/" * 2100 + "f",
        ),
        *(".git/config", "a/.GIT/x", "a/.g\u200cit/x", "git~1/x", ".git./x", ".git::$INDEX_ALLOCATION/x"),
    ],
)
def test_a_path_that_could_not_be_checked_out_everywhere_is_refused(signed: httpx.Client, make, path: str) -> None:
    repo = make(Kind.MODEL)
    for line in (added(path), ("copyFile", {"path": path, "srcPath": ".gitattributes"})):
        answer = commit(signed, repo, HEADER, line)
        assert answer.status_code == 422, answer.text


def test_names_that_differ_by_case_or_unicode_form_are_two_files(signed: httpx.Client, make) -> None:
    repo = make(Kind.DATASET)
    names = [
        "a.txt",
        "A.txt",
        "caf\u00e9.txt",
        "cafe\u0301.txt",
        "数据/файл 1.txt",
        "x" * 255,
        "%2e%2e",
        "a b+c&d#e?.txt",
    ]
    answer = commit(signed, repo, HEADER, *(added(name, name.encode()) for name in names))
    assert answer.status_code == 200, answer.text
    for name in names:
        got = signed.get(f"/datasets/{repo.full}/resolve/main/{quote(name)}")
        assert got.content == name.encode()
        assert quote(name.rpartition("/")[2], safe="") in got.headers["content-disposition"]
    listed = signed.get(f"/api/datasets/{repo.full}/tree/main?recursive=true").json()
    assert {*names, "数据", ".gitattributes"} == {entry["path"] for entry in listed}


def test_a_file_never_takes_the_place_of_a_folder_unasked(hub: Hub, signed: httpx.Client, make) -> None:
    repo = make(Kind.MODEL)
    assert commit(signed, repo, HEADER, added("data/one"), added("data/two")).status_code == 200
    answer = commit(signed, repo, HEADER, added("data"))
    assert (answer.status_code, "there is a folder of this name" in answer.text) == (422, True)
    answer = commit(signed, repo, HEADER, added("data/one/deeper"))
    assert (answer.status_code, "data/one is a file" in answer.text) == (422, True)
    assert commit(signed, repo, HEADER, added("new/x"), added("new")).status_code == 422
    asked_for = ("deletedFolder", {"path": "data/"})
    assert commit(signed, repo, HEADER, asked_for, added("data", b"now a file")).status_code == 200
    assert signed.get(f"/{repo.full}/resolve/main/data").content == b"now a file"
    assert commit(signed, repo, HEADER, ("deletedFile", {"path": "data/one"})).status_code == 404
    assert commit(signed, repo, HEADER, ("deletedFolder", {"path": "nope"})).status_code == 404


def test_a_copy_of_a_large_file_needs_no_upload(hub: Hub, signed: httpx.Client, make) -> None:
    repo = make(Kind.MODEL)
    content = b"\0" * 5000
    oid = sha256(content).hexdigest()
    hub.do(lambda desk: desk.blobs.put(repo.id, oid, 5000, _once(content)))
    assert commit(signed, repo, HEADER, ("lfsFile", {"path": "a.bin", "oid": oid, "algo": "sha256"})).status_code == 200
    copied = ("copyFile", {"path": "deep/b.bin", "srcPath": "a.bin", "srcRev": "main"})
    assert commit(signed, repo, HEADER, copied, ("deletedFile", {"path": "a.bin"})).status_code == 200
    assert signed.get(f"/{repo.full}/resolve/main/deep/b.bin").content == content


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_half_a_body_commits_nothing(hub: Hub, make, ann: Account) -> None:
    repo = make(Kind.MODEL)
    before = hub.do(lambda desk: desk.repos.resolve(repo.id, "main"))
    body = ndjson([HEADER, added("a.txt")])
    head = (
        f"POST /api/models/{repo.full}/commit/main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.write}\r\n"
        f"Content-Length: {len(body) + 10}\r\n\r\n"
    )
    host, port = hub.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert hub.do(lambda desk: desk.repos.resolve(repo.id, "main")) == before


def test_strangers_and_readers_may_not_commit(client: httpx.Client, make, ann: Account, bob: Account) -> None:
    repo = make(Kind.MODEL)
    assert commit(client, repo, HEADER, added("a")).status_code == 401
    client.headers["Authorization"] = f"Bearer {bob.write}"
    assert commit(client, repo, HEADER, added("a")).status_code == 403
    client.headers["Authorization"] = f"Bearer {ann.read}"
    answer = commit(client, repo, HEADER, added("a"))
    assert answer.status_code == 403
    assert "may only read" in answer.json()["error"]


def test_preupload_says_where_each_file_goes(signed: httpx.Client, make) -> None:
    repo = make(Kind.MODEL)
    commit(signed, repo, HEADER, added("same.txt", b"same"))

    def file(path: str, size: int, sample: bytes) -> dict[str, Any]:
        return {"path": path, "size": size, "sample": b64encode(sample).decode()}

    wanted = [
        file("a.txt", 5, b"hello"),
        file("w.safetensors", 5, b"hello"),
        file("deep/x.bin", 5, b"hello"),
        file("image.dat", 4, b"\x89PNG\0"),
        file("big.txt", 2**20 + 1, b"text"),
        file("umlaut.txt", 600, ("ä" * 256).encode()[:511]),
        file("cut.dat", 3, b"\xc3(\xff"),
        file("same.txt", 4, b"same"),
        file("secrets.log", 4, b"logs"),
    ]
    body = {"files": wanted, "gitIgnore": "*.log\n"}
    answer = signed.post(f"/api/models/{repo.full}/preupload/main", json=body).json()["files"]
    modes = {each["path"]: each["uploadMode"] for each in answer}
    assert [path for path, mode in modes.items() if mode == "regular"] == [
        "a.txt",
        "umlaut.txt",
        "same.txt",
        "secrets.log",
    ]
    by_path = {each["path"]: each for each in answer}
    assert [path for path, each in by_path.items() if each["shouldIgnore"]] == ["secrets.log"]
    assert by_path["same.txt"]["oid"] == sha1(b"blob 4\0same").hexdigest()
    assert by_path["a.txt"]["oid"] is None


def batch(client: httpx.Client, repo: Repo, oid: str, size: int, operation: str = "upload") -> dict[str, Any]:
    body = {"operation": operation, "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]}
    answer = client.post(f"/{repo.kind.prefix}{repo.full}.git/info/lfs/objects/batch", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["objects"][0]
    return found


def test_an_upload_address_takes_that_one_object_only(signed: httpx.Client, make) -> None:
    repo, content = make(Kind.MODEL), b"content" * 1000
    oid = sha256(content).hexdigest()
    actions = batch(signed, repo, oid, len(content))["actions"]
    assert httpx.post(actions["verify"]["href"]).status_code == 404
    assert httpx.put(actions["upload"]["href"], content=b"other").status_code == 422
    assert httpx.put(actions["upload"]["href"][:-1] + "x", content=content).status_code == 403
    assert httpx.put(actions["upload"]["href"], content=content).status_code == 200
    assert httpx.post(actions["verify"]["href"]).status_code == 200
    assert "actions" not in batch(signed, repo, oid, len(content))
    down = batch(signed, repo, oid, len(content), "download")["actions"]["download"]["href"]
    assert httpx.get(down).content == content
    assert httpx.get(down, headers={"Range": "bytes=7-13"}).content == b"content"
    assert httpx.put(down, content=content).status_code == 403
    assert batch(signed, make(Kind.MODEL), oid, len(content), "download")["error"]["code"] == 404
