"""Downloads through the content store, by the unmodified client, and what its addresses open."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.file_download import xet_get
from huggingface_hub.utils._xet import XetFileData

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.reconstruction import CHUNK, HEADER, PART, chunk_header, part_of, reconstruction
from spaces_runtime.domain.repo import AddBlob, Kind, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_xet_api import token
from tests.store.test_xet import sent

SHA = Sha256("a" * 64)
CONTENT = os.urandom(PART + 3 * CHUNK + 17)


@pytest.fixture(scope="module")
def uploaded(hub: Hub, ann: Account) -> str:
    """A dataset with a file of two parts."""
    new = NewRepo(kind=Kind.DATASET, namespace=ann.name, name="parts")
    repo = hub.do(lambda desk: create_repo(desk, ann.person, new, time.time()))
    name = Sha256(sha256(CONTENT).hexdigest())

    async def put(desk: Desk) -> None:
        await desk.blobs.put(repo.id, name, len(CONTENT), sent(CONTENT))
        change = AddBlob(path="big.bin", sha256=name, size=len(CONTENT))
        await desk.repos.commit(repo.id, "main", [change], author="ann", message="add", parent=None)

    hub.do(put)
    return repo.full


def test_the_client_downloads_a_whole_file_by_its_chunks(hub: Hub, ann: Account, uploaded: str, tmp_path: Path) -> None:
    api = HfApi(endpoint=hub.url, token=ann.write)
    info = api.get_paths_info(uploaded, ["big.bin"], repo_type="dataset")[0]
    assert info.xet_hash is not None
    route = f"{hub.url}/api/datasets/{uploaded}/xet-read-token/main"
    file = XetFileData(file_hash=info.xet_hash, refresh_route=route)
    headers = {"authorization": f"Bearer {ann.write}"}
    xet_get(incomplete_path=tmp_path / "big.bin", xet_file_data=file, headers=headers, expected_size=info.size)
    assert (tmp_path / "big.bin").read_bytes() == CONTENT


def content_of(client: httpx.Client, shown: dict[str, object]) -> bytes:
    """What a client makes of a reconstruction: chunks unpacked, terms one after another."""
    out = b""
    for term in shown["terms"]:
        (fetch,) = [each for each in shown["fetch_info"][term["hash"]] if each["range"] == term["range"]]
        sent = fetch["url_range"]
        got = client.get(fetch["url"], headers={"Range": f"bytes={sent['start']}-{sent['end']}"})
        assert got.status_code == 206
        body, plain, chunks = got.content, b"", 0
        while body:
            length = int.from_bytes(body[1:4], "little")
            assert body[:HEADER] == chunk_header(length)
            plain, body, chunks = plain + body[HEADER : HEADER + length], body[HEADER + length :], chunks + 1
        assert chunks == term["range"]["end"] - term["range"]["start"]
        assert len(plain) == term["unpacked_length"]
        out += plain
    return out[shown["offset_into_first_range"] :]


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (CHUNK - 1, CHUNK + 1), (PART - 5, PART + 5), (PART + 7, len(CONTENT)), (5, 2 * CHUNK)]
)
def test_a_range_is_made_of_the_chunks_around_it(
    hub: Hub, ann: Account, uploaded: str, client: httpx.Client, start: int, end: int
) -> None:
    info = HfApi(endpoint=hub.url, token=ann.write).get_paths_info(uploaded, ["big.bin"], repo_type="dataset")[0]
    told = client.get(f"/api/datasets/{uploaded}/xet-read-token/main").json()
    headers = {"Authorization": f"Bearer {told['accessToken']}", "Range": f"bytes={start}-{end - 1}"}
    shown = client.get(f"{told['casUrl']}/v1/reconstructions/{info.xet_hash}", headers=headers).json()
    assert content_of(client, shown)[: end - start] == CONTENT[start:end]


def test_behind_the_end_there_is_nothing(hub: Hub, uploaded: str, client: httpx.Client) -> None:
    told = client.get(f"/api/datasets/{uploaded}/xet-read-token/main").json()
    paths = client.post(f"/api/datasets/{uploaded}/paths-info/main", json={"paths": ["big.bin"]}).json()
    headers = {"Authorization": f"Bearer {told['accessToken']}", "Range": f"bytes={len(CONTENT)}-"}
    address = f"{told['casUrl']}/v1/reconstructions/{paths[0]['xetHash']}"
    assert client.get(address, headers=headers).status_code == 416


def test_a_token_opens_no_file_of_another_repo(
    hub: Hub, ann: Account, bob: Account, uploaded: str, make, client: httpx.Client
) -> None:
    paths = client.post(f"/api/datasets/{uploaded}/paths-info/main", json={"paths": ["big.bin"]}).json()
    other = make(Kind.MODEL)
    for who, repo in ((bob, other), (ann, other), (ann, make(Kind.MODEL, visibility=Visibility.PRIVATE))):
        told = token(hub, repo, who, "read").json()
        headers = {"Authorization": f"Bearer {told['accessToken']}"}
        answer = client.get(f"{told['casUrl']}/v1/reconstructions/{paths[0]['xetHash']}", headers=headers)
        assert answer.status_code == 404


def test_the_address_of_chunks_is_signed(client: httpx.Client) -> None:
    assert client.get("/xet/parts/nonsense.xyz").status_code == 403


def test_what_is_told_of_a_small_file() -> None:
    shown = reconstruction(SHA, 10, 0, 10, lambda part: f"here/{part.number}")
    name = shown["terms"][0]["hash"]
    assert shown == {
        "offset_into_first_range": 0,
        "terms": [{"hash": name, "unpacked_length": 10, "range": {"start": 0, "end": 1}}],
        "fetch_info": {
            name: [{"range": {"start": 0, "end": 1}, "url": "here/0", "url_range": {"start": 0, "end": 17}}]
        },
    }
    assert reconstruction(SHA, 0, 0, 0, lambda _: "")["terms"] == []
    assert part_of(SHA, 10, 1) is None
    assert part_of(SHA, 10, -1) is None
