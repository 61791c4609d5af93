"""packages.txt: its lines, and the folder made of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from builder import packages
from builder.debian import Apt, explain
from builder.faults import BuildFailed
from builder.packages import link_alternatives, parse


def test_comments_and_empty_lines_are_nothing() -> None:
    assert parse("# tools\n\nffmpeg  # video\nlibsm6 libxext6\r\n").names == ("ffmpeg", "libsm6", "libxext6")


@pytest.mark.parametrize("line", ["-o Foo=bar", "--help", "a;b", "../x", "Foo", "x"])
def test_only_names_of_packages_reach_apt(line: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        parse(f"ffmpeg\n{line}\n")
    assert (caught.value.file, caught.value.line) == ("packages.txt", 2)
    assert caught.value.why.startswith("packages.txt line 2: ")


def test_the_same_list_in_another_order_is_the_same_folder(tmp_path: Path) -> None:
    assert packages.path(tmp_path, parse("a1\nb1\n")) == packages.path(tmp_path, parse("b1 a1 # both\n"))
    assert packages.path(tmp_path, parse("a1\n")) != packages.path(tmp_path, parse("b1\n"))


def test_an_empty_list_is_no_folder(tmp_path: Path) -> None:
    assert packages.path(tmp_path, parse("# nothing\n")) is None


@pytest.mark.parametrize(
    "said",
    [
        "E: Unable to locate package nope-1\n",
        "E: Package 'nope-1' has no installation candidate\n",
        "E: Version '9' for 'nope-1' was not found\n",
    ],
)
def test_an_unknown_package_is_named_with_its_line(said: str) -> None:
    error = explain(said, parse("ffmpeg\nnope-1=9\n") if "Version" in said else parse("ffmpeg\nnope-1\n"))
    assert (error.file, error.line) == ("packages.txt", 2)
    assert error.why.startswith("packages.txt line 2 asks for nope-1")


def test_another_fault_of_apt_is_told_in_its_words() -> None:
    error = explain("W: old\nE: Could not get lock\nE: more\n", parse("ffmpeg\n"))
    assert error.why == "packages.txt cannot be installed: Could not get lock."


def test_a_mirror_that_does_not_answer_is_no_fault_of_the_list() -> None:
    said = "E: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Connection timed out\n"
    said += "E: Unable to locate package hello\n"
    error = explain(said, parse("hello\n"))
    assert (error.file, error.line) == ("packages.txt", 0)
    assert error.why.startswith("packages.txt cannot be installed: deb.debian.org does not answer")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
def test_unpacking_runs_no_script_of_the_package(tmp_path: Path) -> None:
    mark, tree = tmp_path / "mark", tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "tool").write_text("#!/bin/sh\n")
    control = "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    (tree / "DEBIAN" / "control").write_text(control)
    for script in ("preinst", "postinst"):
        (tree / "DEBIAN" / script).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (tree / "DEBIAN" / script).chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", tree, tmp_path / "tool.deb"], check=True, capture_output=True)
    into = tmp_path / "base"
    into.mkdir()
    Apt(tmp_path / "cache").unpack(tmp_path / "tool.deb", into)
    assert (into / "usr" / "bin" / "tool").exists()
    assert not mark.exists()


def test_blas_is_found_where_programs_look(tmp_path: Path) -> None:
    home = tmp_path / "usr" / "lib" / "x86_64-linux-gnu"
    (home / "blas").mkdir(parents=True)
    (home / "blas" / "libblas.so.3").write_text("it")
    (home / "other").mkdir()
    (home / "other" / "libother.so.1").write_text("")
    link_alternatives(tmp_path)
    assert (home / "libblas.so.3").read_text() == "it"
    assert not (home / "libother.so.1").exists()
