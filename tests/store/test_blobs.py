"""Content is kept only whole and right, and each repo proves what it holds."""

from __future__ import annotations

import asyncio
import os
import stat
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


UPLOAD = "f" * 32
HALF = len(CONTENT) // 2


async def test_parts_in_any_order_become_one_file(blobs: FileBlobs, tmp_path: Path) -> None:
    assert await blobs.part(UPLOAD, HALF, HALF, sent(CONTENT[HALF:])) == sha256(CONTENT[HALF:]).hexdigest()
    with pytest.raises(Invalid, match="its parts together"):
        await blobs.join(A, NAME, len(CONTENT), UPLOAD)
    await blobs.part(UPLOAD, 0, HALF, sent(CONTENT[:HALF]))
    await blobs.join(A, NAME, len(CONTENT), UPLOAD)
    assert blobs.path(NAME).read_bytes() == CONTENT
    assert files(tmp_path / "blobs") == [blobs.path(NAME)]
    assert not await blobs.holds(B, NAME)


async def test_nobody_writes_to_a_file_any_more_that_was_proven(blobs: FileBlobs) -> None:
    """A slow sender of a part could otherwise change content that other repos share."""
    may_go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x" * 2**21
        await may_go_on.wait()
        yield b"x" * 2**21

    writing = asyncio.create_task(blobs.part(UPLOAD, 0, 2**22, slowly()))
    while not any(path.stat().st_size for path in files(blobs.path(NAME).parents[2])):
        await asyncio.sleep(0.005)
    await blobs.part(UPLOAD, 0, len(CONTENT), sent(CONTENT))
    with pytest.raises(Invalid, match="still being sent"):
        await blobs.join(A, NAME, len(CONTENT), UPLOAD)
    may_go_on.set()
    await writing
    with pytest.raises(Invalid, match="its parts together"):
        await blobs.join(A, NAME, len(CONTENT), UPLOAD)


async def test_who_knows_a_blobs_name_may_read_it_and_nobody_but_the_hub_may_write(blobs: FileBlobs) -> None:
    await blobs.put(A, NAME, len(CONTENT), sent(CONTENT))
    path = blobs.path(NAME)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o440, 0o710, 0o710]
