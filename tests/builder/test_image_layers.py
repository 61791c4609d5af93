"""Layers and archives: equal trees are equal bytes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from builder.image import parts
from builder.image.archive import Plan, archive
from builder.image.layer import Entry, Layer, packed
from builder.image.writable import top, writable
from builder.python import ours


def unpacked(layer: Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer.pieces()))) as tar:
        return {member.name: member for member in tar}


def repo(at: Path, order: tuple[str, ...]) -> Path:
    (at / "sub").mkdir(parents=True)
    (at / ".git").mkdir()
    (at / ".git" / "config").write_text("secret")
    for name in order:
        (at / name).write_text(name)
    (at / "run.sh").write_text("#!/bin/sh\n")
    (at / "run.sh").chmod(0o700)
    (at / "link").symlink_to("sub/b")
    return at


def test_equal_trees_are_equal_layers_whenever_and_wherever_they_are_packed(tmp_path: Path) -> None:
    first = parts.code(repo(tmp_path / "one", ("a", "sub/b", "ü")))
    second = repo(tmp_path / "two", ("ü", "sub/b", "a"))
    os.utime(second / "a", (1, 1))
    os.chmod(second / "a", 0o600)
    assert parts.code(second).digest == first.digest
    (second / "a").write_text("b")
    assert parts.code(second).digest != first.digest


def test_code_belongs_to_user_1000_without_git(tmp_path: Path) -> None:
    found = unpacked(parts.code(repo(tmp_path / "one", ("a", "sub/b"))))
    assert set(found) == {"app", "app/a", "app/link", "app/run.sh", "app/sub", "app/sub/b", "home/user/app"}
    assert {(told.uid, told.gid) for told in found.values()} == {(1000, 1000)}
    assert (found["app/run.sh"].mode, found["app/a"].mode) == (0o755, 0o644)
    assert (found["app/link"].linkname, found["home/user/app"].linkname) == ("sub/b", "/app")


def test_an_environment_tells_nothing_of_the_machine_that_made_it(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        info = tmp_path / name / "lib" / "thing-1.dist-info"
        info.mkdir(parents=True)
        (info / "uv_cache.json").write_text(name)
        (info / "RECORD").write_text(f"thing/__init__.py,,\nthing-1.dist-info/uv_cache.json,sha256={name},9\n")
        layer = parts.environment(tmp_path / name, tmp_path / f"kept-{name}")
        digests.append(layer.digest)
        assert set(unpacked(layer)) == {
            "env",
            "env/lib",
            "env/lib/thing-1.dist-info",
            "env/lib/thing-1.dist-info/RECORD",
        }
    assert digests[0] == digests[1]


def test_the_digest_of_an_environment_is_taken_once(tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.mkdir()
    (env / "file").write_text("x")
    first = parts.environment(env, tmp_path / "kept").digest
    (env / "file").write_text("y")  # which nobody does
    assert parts.environment(env, tmp_path / "kept").digest == first
    (env / "uncompiled.json").write_text("{}")
    assert parts.environment(env, tmp_path / "other").digest != first
    assert not (tmp_path / "other").exists(), "an environment that still changes has no digest to keep"


def test_the_python_below_an_environment_stands_at_its_own_path(tmp_path: Path) -> None:
    python = ours()
    found = unpacked(parts.interpreter(python, tmp_path))
    prefix = python.prefix.strip("/")
    assert f"{prefix}/bin/python{python.minor}" in found
    assert f"{prefix}/lib/python{python.minor}/json/__init__.py" in found
    assert not any("/test/" in name or "/site-packages" in name for name in found)
    assert all(told.mode & 0o005 for told in found.values()), "user 1000 must find it"


def test_a_pythons_own_bytecode_holds_in_the_layer(tmp_path: Path) -> None:
    python = ours()
    layer = parts.interpreter(python, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer.pieces()))) as tar:
        tar.extractall(tmp_path / "root", filter="fully_trusted")
    library = tmp_path / "root" / python.prefix.strip("/") / "lib" / f"python{python.minor}"
    run = [sys.executable, "-v", "-S", "-c", f"import sys; sys.path.insert(0, {str(library)!r}); import colorsys, this"]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stderr
    assert f"matches {library}/colorsys.py" in said


def test_a_file_that_changes_while_it_is_packed_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("long enough")
    layer = Layer(entries=lambda: iter((Entry(path="file", source=file),)), told="x")
    pieces = layer.pieces()
    entry = Entry(path="file", source=file).header
    assert entry.size == 11
    file.write_text("short")
    short = Layer(entries=lambda: iter((Grown(path="file", source=file),)), told="x")
    with pytest.raises(RuntimeError, match="changed while it was packed"):
        list(short.pieces())
    assert b"".join(pieces)


class Grown(Entry):
    """Its header says more than there is."""

    @property
    def header(self) -> tarfile.TarInfo:
        told = tarfile.TarInfo(self.path)
        told.size = 11
        return told


def test_an_archive_has_the_layers_that_are_sent_and_names_all_others(tmp_path: Path) -> None:
    first = Layer(entries=lambda: iter((Entry(path="one", source=b"1"),)), told="one")
    tar = tmp_path / "tar"
    tar.write_bytes(b"".join(Layer(entries=lambda: iter((Entry(path="two"),)), told="").pieces()))
    second = packed(tar, "two")
    plan = Plan(below=("sha256:" + "0" * 64,), layers=(first, second), config={"User": "1000:1000"})
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive(plan, ("a:b",), (second,))))) as whole:
        names = whole.getnames()
        [manifest] = json.load(whole.extractfile("manifest.json") or io.BytesIO())
        config = json.load(whole.extractfile(manifest["Config"]) or io.BytesIO())
    assert names == ["manifest.json", manifest["Config"], f"{second.digest[7:]}.tar"]
    assert manifest["Layers"] == [f"{digest[7:]}.tar" for digest in plan.digests]
    assert config["rootfs"]["diff_ids"] == list(plan.digests)
    assert len(config["history"]) == 3
    assert plan.id == f"sha256:{manifest['Config'][:-5]}"


def test_where_an_app_may_write_is_what_is_its_own_or_everybodys() -> None:
    def entry(path: str, mode: int = 0o755, uid: int = 0, kind: bytes = tarfile.DIRTYPE) -> tarfile.TarInfo:
        told = tarfile.TarInfo(path)
        told.mode, told.uid, told.type, told.mtime = mode, uid, kind, int(time.time())
        return told

    listed = [
        *(entry("./"), entry("app/", uid=1000), entry("app/sub/", uid=1000), entry("apple", uid=1000)),
        *(entry("var/"), entry("var/tmp", 0o1777), entry("tmp", 0o1777), entry("dev/shm", 0o1777)),
        *(entry("home"), entry("home/user", uid=1000), entry("srv", 0o750, 1001), entry("srv/open", 0o777)),
        *(entry("etc/file", 0o666, kind=tarfile.REGTYPE), entry("etc/link", 0o777, kind=tarfile.SYMTYPE)),
    ]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for told in listed:
            tar.addfile(told)
    whole = content.getvalue()
    pieces = (whole[at : at + 700] for at in range(0, len(whole), 700))
    assert writable(pieces) == ("/app", "/apple", "/home/user", "/srv/open", "/var/tmp")


def test_what_lies_in_another_is_not_named() -> None:
    assert top(("a/b/c", "a/b", "a/bc", "a-b", "a/b-c/d")) == ("/a/b", "/a/b-c/d", "/a/bc", "/a-b")
