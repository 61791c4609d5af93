"""Limits around an engine's builds, on a tree of control groups in a folder."""

from __future__ import annotations

from pathlib import Path

from builder.image.ceiling import BUILDS, Ceiling, Limits

LIMITS = Limits(memory=2**30, cpus=1.5, disk=2**40)


def test_version_1_of_control_groups_is_written_as_it_is_read(tmp_path: Path) -> None:
    for controller in ("memory", "cpu", "pids"):
        (tmp_path / controller).mkdir()
    ceiling = Ceiling(LIMITS, str(tmp_path), groups=tmp_path)
    ceiling.begin()
    assert ceiling.lacks == []
    assert (tmp_path / "memory" / BUILDS / "memory.limit_in_bytes").read_text() == str(2**30)
    assert (tmp_path / "cpu" / BUILDS / "cpu.cfs_quota_us").read_text() == "150000"
    (tmp_path / "memory" / BUILDS / "memory.failcnt").write_text("3\n")
    assert ceiling.starved


def test_version_2_has_other_names(tmp_path: Path) -> None:
    ceiling = Ceiling(LIMITS, str(tmp_path), groups=tmp_path)
    ceiling.begin()
    folder = tmp_path / BUILDS
    assert (folder / "memory.max").read_text() == str(2**30)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert not ceiling.starved
    (folder / "memory.events").write_text("low 0\nmax 9\noom 1\noom_kill 1\n")
    assert ceiling.starved


def test_what_cannot_be_limited_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("in the way")
    ceiling = Ceiling(LIMITS, "/nowhere", groups=tmp_path)
    ceiling.begin()
    assert ceiling.lacks == ["disk", "memory", "processors"]
    assert ceiling.crossed() == ""


def test_a_build_that_fills_the_disk_is_ended_with_the_reason(tmp_path: Path) -> None:
    ceiling = Ceiling(Limits(disk=2**30), str(tmp_path), groups=tmp_path)
    ceiling.begin()
    assert ceiling.crossed() == ""
    ceiling._free += 2**31  # as if there had been more
    ceiling._looked = 0.0
    assert ceiling.crossed() == "it wrote more than 1 GiB to the disk"
