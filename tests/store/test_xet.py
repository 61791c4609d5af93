"""Xorbs and shards: every scheme unpacks, nothing is taken on trust, and no user reaches another's."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path

import lz4.frame
import pytest

from spaces_runtime.domain.errors import Fault, Invalid
from spaces_runtime.domain.ids import Sha256, UserId
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_format import GROUPED, LZ4, NONE, files_of
from tests.store.holdings import A, B
from tests.store.test_blobs import files

pytestmark = pytest.mark.anyio
ANN, BOB = UserId("ann-id"), UserId("bob-id")
XORB = "1" * 64
PARTS = (os.urandom(100_000), b"abcd" * 20_001, b"the end")


def grouped(data: bytes) -> bytes:
    return b"".join(data[lane::4] for lane in range(4))


def chunk(data: bytes, scheme: int, *, length: int | None = None) -> bytes:
    """A chunk as clients send it."""
    packed = {NONE: data, LZ4: lz4.frame.compress(data), GROUPED: lz4.frame.compress(grouped(data))}[scheme]
    said = len(data) if length is None else length
    return b"\0" + len(packed).to_bytes(3, "little") + bytes([scheme]) + said.to_bytes(3, "little") + packed


def digits(value: str) -> bytes:
    """A printed hash as it stands in a shard."""
    return b"".join(struct.pack("<Q", int(value[at : at + 16], 16)) for at in range(0, 64, 16))


def shard(segments: Sequence[tuple[str, int, int, int]], name: str | None) -> bytes:
    """One file: (xorb, first chunk, end, bytes) each. name: its sha256."""
    flags = (1 << 31) | ((1 << 30) if name else 0)
    out = b"tag".ljust(32, b"\0") + struct.pack("<QQ", 2, 0)
    out += digits("2" * 64) + struct.pack("<II", flags, len(segments)) + bytes(8)
    for xorb, start, end, length in segments:
        out += digits(xorb) + struct.pack("<IIII", 0, length, start, end)
    out += bytes(48) * len(segments)
    if name:
        out += digits(name) + bytes(16)
    return out + b"\xff" * 32 + bytes(16) + b"\xff" * 32 + bytes(16)


async def sent(content: bytes) -> AsyncIterator[bytes]:
    yield content


def whole() -> tuple[bytes, str]:
    content = b"".join(PARTS)
    return content, sha256(content).hexdigest()


SEGMENTS = [(XORB, 0, 3, sum(map(len, PARTS)))]


@pytest.mark.parametrize("scheme", [NONE, LZ4, GROUPED])
async def test_a_file_is_made_of_chunks_of_every_scheme(xorbs: FileXorbs, blobs: FileBlobs, scheme: int) -> None:
    content, name = whole()
    assert await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, scheme) for part in PARTS)))
    await xorbs.register(ANN, A, shard(SEGMENTS, name))
    assert blobs.path(Sha256(name)).read_bytes() == content
    assert await blobs.holds(A, Sha256(name))
    assert not await blobs.holds(B, Sha256(name))


async def test_a_file_may_use_chunks_of_several_xorbs_twice_and_in_any_order(
    xorbs: FileXorbs, blobs: FileBlobs
) -> None:
    other = "3" * 64
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    await xorbs.put(ANN, other, sent(chunk(b"more", NONE)))
    content = PARTS[2] + b"more" + PARTS[0] + PARTS[1] + b"more"
    name = sha256(content).hexdigest()
    segments = [(XORB, 2, 3, 7), (other, 0, 1, 4), (XORB, 0, 2, 180_004), (other, 0, 1, 4)]
    await xorbs.register(ANN, A, shard(segments, name))
    assert blobs.path(Sha256(name)).read_bytes() == content


async def test_a_sha256_that_is_not_true_is_refused(xorbs: FileXorbs, blobs: FileBlobs, tmp_path: Path) -> None:
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    kept = files(tmp_path / "blobs")
    with pytest.raises(Invalid, match="its sha256 is"):
        await xorbs.register(ANN, A, shard(SEGMENTS, "4" * 64))
    assert not await blobs.holds(A, Sha256("4" * 64))
    assert files(tmp_path / "blobs") == kept


async def test_a_file_of_a_bucket_does_not_say_its_sha256_and_is_found_by_its_xet_hash(
    xorbs: FileXorbs, blobs: FileBlobs
) -> None:
    content, name = whole()
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    await xorbs.register(ANN, A, shard(SEGMENTS, None))
    assert await xorbs.find(A, "2" * 64) == name
    assert await xorbs.find(A, name) == name
    assert await xorbs.find(B, "2" * 64) is None
    assert await xorbs.find(B, name) is None
    assert blobs.path(Sha256(name)).read_bytes() == content


async def test_the_last_upload_of_a_name_counts(xorbs: FileXorbs) -> None:
    await xorbs.put(ANN, XORB, sent(chunk(b"one", NONE) + chunk(b"two", NONE)))
    for start in (0, 1):
        await xorbs.register(ANN, A, shard([(XORB, start, start + 1, 3)], None))
    assert await xorbs.find(A, "2" * 64) == sha256(b"two").hexdigest()


async def test_nobody_builds_files_of_another_users_chunks(xorbs: FileXorbs) -> None:
    _, name = whole()
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    with pytest.raises(Fault, match="was not uploaded here by this user"):
        await xorbs.register(BOB, B, shard(SEGMENTS, name))


async def test_a_xorb_that_is_known_is_not_stored_again(xorbs: FileXorbs) -> None:
    body = chunk(b"x", NONE)
    assert await xorbs.put(ANN, XORB, sent(body))
    assert not await xorbs.put(ANN, XORB, sent(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 7,
        chunk(b"x" * 100, NONE)[:-1],
        chunk(b"x", NONE) + b"rest",
        b"\1" + chunk(b"x", NONE)[1:],
        chunk(b"x" * 140_000, NONE),
    ],
)
async def test_a_xorb_that_is_none_leaves_nothing_behind(xorbs: FileXorbs, tmp_path: Path, body: bytes) -> None:
    with pytest.raises(Invalid):
        await xorbs.put(ANN, XORB, sent(body))
    assert files(tmp_path / "blobs") == []


@pytest.mark.parametrize("lie", [chunk(b"x" * 100, LZ4, length=99), chunk(b"x" * 100, LZ4, length=101)])
async def test_a_chunk_that_unpacks_to_another_length_is_refused(xorbs: FileXorbs, lie: bytes) -> None:
    await xorbs.put(ANN, XORB, sent(lie))
    with pytest.raises(Invalid, match="unpacks to"):
        await xorbs.register(ANN, A, shard([(XORB, 0, 1, 100)], "5" * 64))


@pytest.mark.parametrize(("start", "end"), [(0, 4), (3, 3), (2, 1), (7, 9)])
async def test_chunks_that_are_not_there_are_refused(xorbs: FileXorbs, start: int, end: int) -> None:
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    with pytest.raises(Invalid):
        await xorbs.register(ANN, A, shard([(XORB, start, end, 1)], "5" * 64))


@pytest.mark.parametrize("cut", [0, 47, 48, 95, 100, 150, 200])
def test_half_a_shard_is_refused(cut: int) -> None:
    with pytest.raises(Invalid):
        files_of(shard(SEGMENTS, "5" * 64)[:cut])


def test_a_shard_that_claims_billions_of_segments_is_refused() -> None:
    bad = bytearray(shard(SEGMENTS, "5" * 64))
    bad[48 + 36 : 48 + 40] = b"\xff\xff\xff\xff"
    with pytest.raises(Invalid):
        files_of(bytes(bad))


async def test_one_that_asks_twice_waits_for_the_same_work(xorbs: FileXorbs, blobs: FileBlobs) -> None:
    _, name = whole()
    await xorbs.put(ANN, XORB, sent(b"".join(chunk(part, LZ4) for part in PARTS)))
    await asyncio.gather(*(xorbs.register(ANN, A, shard(SEGMENTS, name)) for _ in range(5)))
    assert await blobs.holds(A, Sha256(name))


async def test_xorbs_that_nobody_can_remember_are_removed(xorbs: FileXorbs, tmp_path: Path) -> None:
    await xorbs.put(ANN, XORB, sent(chunk(b"x", NONE)))
    (kept,) = files(tmp_path / "blobs")
    assert xorbs.sweep(before=kept.stat().st_mtime - 1).count == 0
    assert kept.exists()
    assert xorbs.sweep(before=kept.stat().st_mtime + 1).size > 0
    assert not kept.exists()


async def test_a_name_that_is_no_hash_reaches_no_file(xorbs: FileXorbs) -> None:
    for name in ("../../x", "1" * 63, "g" * 64, ""):
        with pytest.raises(Invalid):
            await xorbs.put(ANN, name, sent(chunk(b"x", NONE)))
