"""`spaces up` on a real PostgreSQL, from the first user to a backup; and a disk that is full from the start."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from huggingface_hub import HfApi

from bench.platform import HELLO, Platform, git, platform, spaces, working_copy
from spaces_runtime.domain.layout import HUB
from tests.contracts.conftest import _administer, _database

FULL_AT_ONCE = "[storage]\ngc_at = 1\n"  # per cent


@pytest.fixture(scope="module")
def url(postgres: str) -> Iterator[str]:
    name = f"up{uuid4().hex}"
    _administer(postgres, f"CREATE DATABASE {name}")
    yield _database(postgres, name)
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def up(url: str) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        with platform(FULL_AT_ONCE) as here:
            yield here


def test_people_push_and_list_and_nothing_of_it_is_in_sqlite(up: Platform, tmp_path: Path) -> None:
    up.create("hello", sdk="static")
    copy = working_copy(HELLO)
    (copy / "README.md").write_text("---\nsdk: static\n---\n")
    (copy / "index.html").write_text("<h1>Hello</h1>")
    git(copy, "add", "-A")
    git(copy, "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "Static")
    up.push(copy, "hello")
    up.until("hello", "RUNNING", 60)
    assert up.get("hello", "/") == (200, b"<h1>Hello</h1>")
    api = HfApi(endpoint=f"http://127.0.0.1:{up.port}", token=up.token)
    api.create_repo("bench/model")
    api.upload_file(path_or_fileobj=b"\0" * 5000, path_in_repo="w.bin", repo_id="bench/model")
    assert [model.id for model in api.list_models(author="bench")] == ["bench/model"]
    assert Path(api.hf_hub_download("bench/model", "w.bin", cache_dir=tmp_path)).read_bytes() == b"\0" * 5000
    assert not (up.data / "db" / "spaces.sqlite").exists()
    assert "bench" in up.spaces("user", "list")
    assert "bench  " in up.spaces("quota", "show")


def test_what_nothing_needs_is_removed_unasked_and_said(up: Platform) -> None:
    deadline = time.monotonic() + 60
    while "everything on it is needed" not in (up.data / "log").read_text():
        assert time.monotonic() < deadline, (up.data / "log").read_text()[-2000:]
        time.sleep(0.1)
    assert "removed" in (up.data / "log").read_text()
    assert "% full" in up.spaces("doctor")


def test_a_command_without_the_address_does_not_go_elsewhere(up: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(RuntimeError, match="Set DATABASE_URL as for `spaces up`"):
        up.spaces("user", "list")


def test_it_moves_to_sqlite_by_backup_and_restore(
    up: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up.spaces("backup", str(tmp_path / "b.tar"), "--with-key")
    monkeypatch.delenv("DATABASE_URL")
    fresh = tmp_path / "fresh"
    tmp_path.chmod(0o755)
    said = spaces(fresh, "restore", str(tmp_path / "b.tar"))
    assert "restored 2 repos and 1 large files" in said
    assert spaces(fresh, "user", "list").split() == ["bench"]
    if os.geteuid() == 0:
        for name in ("repos", "blobs", "db"):
            owners = {(path.stat().st_uid, path.stat().st_gid) for path in (fresh / name).rglob("*")}
            assert owners == {(HUB, (fresh / name).stat().st_gid)}
