"""Checkpoints as one file, and what CRIU's log says."""

import os

import pytest

from spaces_runtime.node.criu import within, words
from spaces_runtime.node.packing import pack, unpack

LOG = """(00.000001) Error (criu/tun.c:85): tun: Unable to create tun: No such file or directory
Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
Error (criu/files-ext.c:98): Can't dump file 3 of that type [600] (anon anon_inode:[landlock-ruleset])
Error (criu/cr-dump.c:1677): Dump files (pid: 2) failed with -1
Error (criu/cr-dump.c:2128): Dumping FAILED.
"""


def test_what_is_packed_comes_back_as_it_was(tmp_path):
    image = tmp_path / "image"
    image.mkdir()
    (image / "pages-1.img").write_bytes(os.urandom(1000) + bytes(3_000_000))
    (image / "empty.img").touch()
    before = {path.name: path.read_bytes() for path in image.iterdir()}
    pack(image, tmp_path / "packed")
    assert (tmp_path / "packed").stat().st_size < 10_000
    unpack(tmp_path / "packed", tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == before


@pytest.mark.parametrize("kept", [0, 1, 0.5, 0.99])
def test_a_damaged_file_is_refused_and_nothing_of_it_is_left(tmp_path, kept):
    image, packed = tmp_path / "image", tmp_path / "packed"
    image.mkdir()
    (image / "pages-1.img").write_bytes(os.urandom(100_000))
    pack(image, packed)
    os.truncate(packed, int(packed.stat().st_size * kept) if kept != 1 else 1)
    with pytest.raises(OSError, match="damaged"):
        unpack(packed, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "packed"]


def test_the_first_fault_that_criu_does_not_outlive_is_the_reason(tmp_path):
    (tmp_path / "dump.log").write_text(LOG)
    assert words(tmp_path, "dump").startswith("Can't dump file 3 of that type")


def test_what_ended_before_criu_began_says_so_itself(tmp_path):
    (tmp_path / "restore.said").write_text("nsenter: cannot open /proc/1/ns/net: Permission denied\n\n")
    assert words(tmp_path, "restore") == "nsenter: cannot open /proc/1/ns/net: Permission denied"
    assert not words(tmp_path, "dump")


def test_more_memory_is_given_more_time():
    assert within(0) < within(10**9) < within(10**10)
