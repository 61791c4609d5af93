from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.store.seal import Seal, master_key


def test_what_was_sealed_is_opened_by_the_same_key_only() -> None:
    mine, other = Seal(b"m" * 32), Seal(b"o" * 32)
    sealed = mine.close("sesame ✓", "s1/TOKEN")
    assert mine.open(sealed, "s1/TOKEN") == "sesame ✓"
    assert b"sesame" not in sealed.key + sealed.value
    with pytest.raises(Unavailable, match="another master key"):
        other.open(sealed, "s1/TOKEN")


def test_a_sealed_secret_cannot_be_moved_to_another_space() -> None:
    seal = Seal(b"m" * 32)
    with pytest.raises(Unavailable):
        seal.open(seal.close("sesame", "s1/TOKEN"), "s2/TOKEN")


def test_the_same_value_is_never_sealed_alike() -> None:
    seal = Seal(b"m" * 32)
    assert seal.close("v", "a").value != seal.close("v", "a").value


def test_the_key_is_not_shown() -> None:
    assert "mmm" not in repr(Seal(b"m" * 32))


def test_two_processes_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        keys = pool.map(master_key, [path] * 16)
    assert len({seal.master for seal in keys}) == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["master"]


def test_only_the_owner_reads_the_key_or_the_group_that_shares_the_folder(tmp_path: Path) -> None:
    master_key(tmp_path / "own")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    master_key(shared / "master")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600
    assert stat.S_IMODE((shared / "master").stat().st_mode) == 0o640


def test_a_file_that_is_no_key_is_a_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "master").write_bytes(b"short")
    with pytest.raises(Unavailable, match="not a key of 32 bytes"):
        master_key(tmp_path / "master")
