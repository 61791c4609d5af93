"""Content is kept only whole and right, and each repo proves what it holds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import Full, Invalid, Missing
from spaces_runtime.domain.ids import Sha256
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.index import SqlIndex
from tests.store.holdings import A, B

pytestmark = pytest.mark.anyio
CONTENT = os.urandom(3_000_000)
NAME = Sha256(sha256(CONTENT).hexdigest())


async def sent(content: bytes, *, breaks_at: int | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 65_536):
        if breaks_at is not None and start >= breaks_at:
            raise ConnectionResetError
        yield content[start : start + 65_536]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_was_sent_is_held_and_readable(blobs: FileBlobs) -> None:
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    assert await blobs.holds(A, NAME)
    assert blobs.path(NAME).read_bytes() == CONTENT
    assert await blobs.size(NAME) == len(CONTENT)


async def test_another_repo_does_not_hold_it_until_it_has_sent_it_too(blobs: FileBlobs) -> None:
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    assert not await blobs.holds(B, NAME)
    with pytest.raises(Invalid):
        await blobs.put(B, NAME, len(CONTENT), sent(b"x" * len(CONTENT)))
    assert not await blobs.holds(B, NAME)
    assert blobs.path(NAME).read_bytes() == CONTENT
    await blobs.put(B, NAME, len(CONTENT), sent(CONTENT))
    assert await blobs.holds(B, NAME)


@pytest.mark.parametrize(
    ("content", "size"),
    [(CONTENT[:-1], len(CONTENT)), (CONTENT + b"x", len(CONTENT)), (b"y" + CONTENT[1:], len(CONTENT))],
)
async def test_other_content_or_size_leaves_nothing_behind(blobs: FileBlobs, tmp_path: Path, content, size) -> None:
    with pytest.raises(Invalid):
        await blobs.put(A, NAME, size, sent(content))
    assert files(tmp_path / "blobs") == []
    assert not await blobs.holds(A, NAME)


async def test_a_sender_who_stops_half_way_leaves_nothing_behind(blobs: FileBlobs, tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await blobs.put(A, NAME, len(CONTENT), sent(CONTENT, breaks_at=2_000_000))
    assert files(tmp_path / "blobs") == []


async def test_only_what_nobody_holds_is_swept_and_only_when_it_is_old(
    blobs: FileBlobs, index: SqlIndex, tmp_path: Path
) -> None:
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    await blobs.put(B, Sha256(sha256(b"gone").hexdigest()), 4, sent(b"gone"))
    await index.delete(B)
    (tmp_path / "blobs" / "incoming" / "half").write_bytes(b"half")
    assert (await blobs.sweep(index.held, before=0)).count == 1, "the other blob"
    removed = await blobs.sweep(index.held, before=2**40)
    assert (removed.count, removed.size) == (1, 4), "half of one"
    assert files(tmp_path / "blobs") == [blobs.path(NAME)]


async def test_the_size_of_what_is_not_there_is_missing(blobs: FileBlobs) -> None:
    with pytest.raises(Missing):
        await blobs.size(NAME)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_is_said_and_leaves_nothing_behind(small_disk: Path, index: SqlIndex) -> None:
    with pytest.raises(Full, match="disk of this hub is full"):
        await FileBlobs(small_disk, index).put(A, NAME, len(CONTENT), sent(CONTENT))
    assert files(small_disk) == []
