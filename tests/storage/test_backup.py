"""The same hub again: taken while it is in use, brought back elsewhere, used with the real clients."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from typer.testing import CliRunner

from builder.lock import FILE as LOCK
from spaces_runtime.cli.main import app
from spaces_runtime.domain.ids import BuildKey, RevisionId, SpaceId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import Settings
from spaces_runtime.domain.space import Revision
from spaces_runtime.scheduler.build_folders import Folders
from spaces_runtime.store.seal import SIZE
from spaces_runtime.wiring.collect import needed
from tests.hub.conftest import account
from tests.hub.serving import Hub
from tests.storage.conftest import NewSettings, hub

WEIGHTS = secrets.token_bytes(300_000)


def spaces(settings: Settings, *words: object) -> tuple[int, str]:
    """A command on this data folder: its status, and all it says."""
    environ = {"DATABASE_URL": settings.database_url}
    before = os.umask(0o022)
    try:
        done = CliRunner().invoke(app, ["--data", str(settings.data), *map(str, words)], env=environ)
    finally:
        os.umask(before)  # the command changes it for its process
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def fill(here: Hub) -> tuple[HfApi, str]:
    """One of each kind, private and public, with a branch, a tag, large files and settings."""
    ann = account(here, "ann", admin=True)
    api = HfApi(endpoint=here.url, token=ann.write)
    model = api.create_repo("ann/model").repo_id
    api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="w/weights.safetensors", repo_id=model)
    api.create_tag(model, tag="v1", tag_message="First")
    api.create_branch(model, branch="other")
    api.upload_file(path_or_fileobj=io.BytesIO(b"x" * 1000), path_in_repo="x.bin", repo_id=model, revision="other")
    data = api.create_repo("ann/data", repo_type="dataset", private=True).repo_id
    api.create_commit(data, [CommitOperationAdd("ü/a b.csv", b"1,2\n")], commit_message="Rows", repo_type="dataset")
    space = api.create_repo("ann/space", repo_type="space", space_sdk="gradio", private=True).repo_id
    api.add_space_secret(space, "KEY", "of gold")
    api.add_space_variable(space, "COLOUR", "red")
    return api, ann.write


@contextmanager
def busy(here: Hub, token: str) -> Iterator[dict[str, bytes]]:
    """Somebody who commits, and makes and deletes repos, all the time; gives what was acknowledged so far."""
    api = HfApi(endpoint=here.url, token=token)
    told: dict[str, bytes] = {}
    stop = threading.Event()
    failed: list[BaseException] = []
    api.create_repo("ann/busy")

    def work() -> None:
        number = 0
        try:
            while not stop.is_set():
                content = secrets.token_bytes(2000)
                api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo=f"{number}.bin", repo_id="ann/busy")
                told[f"{number}.bin"] = content
                api.create_repo(f"ann/passing-{number % 2}", exist_ok=True)
                api.delete_repo(f"ann/passing-{number % 2}")
                number += 1
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not told and thread.is_alive():
        stop.wait(0.01)
    try:
        yield told
    finally:
        stop.set()
        thread.join(60)
        assert failed == []


def look(here: Hub, token: str, told: dict[str, bytes], folder: Path) -> None:
    """Everything that fill() made is there, and what busy() was told before the backup."""
    api = HfApi(endpoint=here.url, token=token)
    got = Path(api.snapshot_download("ann/model", revision="v1", cache_dir=folder))
    assert (got / "w/weights.safetensors").read_bytes() == WEIGHTS
    assert (
        Path(api.hf_hub_download("ann/model", "x.bin", revision="other", cache_dir=folder)).read_bytes() == b"x" * 1000
    )
    data = Path(api.snapshot_download("ann/data", repo_type="dataset", cache_dir=folder))
    assert (data / "ü/a b.csv").read_bytes() == b"1,2\n"
    assert api.get_space_variables("ann/space")["COLOUR"].value == "red"
    assert "KEY" in api.get_space_secrets("ann/space")
    files = Path(api.snapshot_download("ann/busy", cache_dir=folder))
    there = {path.name: path.read_bytes() for path in files.glob("*.bin")}
    assert told.items() <= there.items()
    assert not any(
        model.id.startswith("ann/passing") and not api.list_repo_files(model.id) for model in api.list_models()
    )
    clone = folder / "clone"
    url = f"{here.url.replace('//', f'//x:{token}@')}/ann/busy"
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_LFS_SKIP_SMUDGE": "1"}
    subprocess.run(["git", "clone", "-q", url, clone], check=True, env=environ)
    subprocess.run(["git", "-C", clone, "fsck", "--strict"], check=True, env=environ, capture_output=True)
    upload = api.upload_file(path_or_fileobj=b"more", path_in_repo="more.bin", repo_id="ann/model")
    assert upload.oid == api.model_info("ann/model").sha, "and it goes on"


def secret_of(here: Hub) -> dict[str, str]:
    async def opened(desk):
        found = await desk.index.find(Kind.SPACE, "ann", "space")
        return await desk.secrets.open_all((await desk.spaces.of_repo(found.id)).space)

    return here.do(opened)


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_a_hub_that_was_saved_in_full_use_comes_back_whole(new: NewSettings, tmp_path: Path, name: str) -> None:
    old, place, key = new("old"), tmp_path / name, tmp_path / "key"
    with hub(old) as here:
        api, token = fill(here)
        with busy(here, token) as writing:
            told = dict(writing)
            status, said = spaces(old, "backup", place, "--key-file", key)
            assert status == 0, said
        api.delete_repo("ann/model")
    fresh = new("new")
    status, said = spaces(fresh, "restore", place, "--key-file", key)
    assert status == 0, said
    with hub(fresh) as here:
        look(here, token, told, tmp_path / "got")
        assert secret_of(here) == {"KEY": "of gold"}
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.read_bytes()) == SIZE


def test_without_the_key_all_but_the_secrets_comes_back_and_each_is_named(new: NewSettings, tmp_path: Path) -> None:
    old, place = new("old"), tmp_path / "backup"
    with hub(old) as here:
        _, token = fill(here)
        status, said = spaces(old, "backup", place)
    assert status == 0
    assert "The key that opens the secrets of Spaces is not in it" in said
    master = (old.data / "keys" / "master").read_bytes()
    assert not any(master in path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert b"of gold" not in b"".join(path.read_bytes() for path in place.rglob("*.jsonl"))
    fresh = new("new")
    status, said = spaces(fresh, "restore", place)
    assert status == 0, said
    assert "The key here does not open 1 secrets" in said
    assert "ann/space: KEY" in said
    with hub(fresh) as here:
        HfApi(endpoint=here.url, token=token).add_space_secret("ann/space", "KEY", "silver")
        assert secret_of(here) == {"KEY": "silver"}


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_with_the_key_inside_nothing_else_is_needed(new: NewSettings, tmp_path: Path) -> None:
    old, place = new("old"), tmp_path / "backup"
    with hub(old) as here:
        fill(here)
        assert spaces(old, "backup", place, "--with-key")[0] == 0
    fresh = new("new")
    status, said = spaces(fresh, "restore", place)
    assert status == 0, said
    assert "does not open" not in said
    with hub(fresh) as here:
        assert secret_of(here) == {"KEY": "of gold"}


def test_a_second_backup_in_the_same_folder_adds_what_is_new_and_drops_what_is_gone(
    new: NewSettings, tmp_path: Path
) -> None:
    old, place = new("old"), tmp_path / "backup"
    with hub(old) as here:
        api, _ = fill(here)
        assert spaces(old, "backup", place)[0] == 0
        before = {path: path.stat().st_ino for path in place.glob("blobs/*/*")}
        api.delete_repo("ann/data", repo_type="dataset")
        api.upload_file(path_or_fileobj=io.BytesIO(b"new" * 100), path_in_repo="n.bin", repo_id="ann/model")
        assert spaces(old, "backup", place)[0] == 0
    after = {path: path.stat().st_ino for path in place.glob("blobs/*/*")}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    assert len(list(place.glob("state-*"))) == 1
    assert len(list(place.glob("repos/*"))) == 2
    assert b"a b.csv" not in b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_the_versions_that_a_space_was_built_with_come_along_for_its_next_build(
    new: NewSettings, tmp_path: Path
) -> None:
    old, fresh, place = new("old"), new("new"), tmp_path / "backup"
    key = BuildKey(RevisionId("a" * 40), 0)
    with hub(old) as here:
        fill(here)
        first, _ = Folders(Layout(old.data).builds).begin(SpaceId("s"), key, [])
        (first.made / LOCK).write_text("{}")
        assert spaces(old, "backup", place)[0] == 0
    assert spaces(fresh, "restore", place)[0] == 0
    _, earlier = Folders(Layout(fresh.data).builds).begin(SpaceId("s"), key, [])
    assert [(before.made / LOCK).read_text() for before in earlier] == ["{}"]


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_what_may_run_is_needed_as_long_as_nobody_tells_what_runs(new: NewSettings) -> None:
    with hub(new("hub")) as here:
        fill(here)

        async def built(desk):
            found = await desk.index.find(Kind.SPACE, "ann", "space")
            space = (await desk.spaces.of_repo(found.id)).space
            older = Revision(key=BuildKey(RevisionId("b" * 40)))
            await desk.builds.record(space, older)
            known = [await needed(desk, running=running) for running in (True, False)]
            return [(space, f"{older.key.revision}-0") in each.builds for each in known]

        assert here.do(built) == [True, False]


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_a_hub_is_never_overwritten(new: NewSettings, tmp_path: Path) -> None:
    old, place = new("old"), tmp_path / "backup"
    with hub(old) as here:
        fill(here)
        assert spaces(old, "backup", place)[0] == 0
    status, said = spaces(old, "restore", place)
    assert status != 0
    assert "there is a hub already" in said


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
@pytest.mark.parametrize("harm", ["a large file", "a git object", "the manifest"])
def test_a_damaged_backup_is_refused_and_names_what_is_wrong(new: NewSettings, tmp_path: Path, harm: str) -> None:
    old, place = new("old"), tmp_path / "backup"
    with hub(old) as here:
        fill(here)
        assert spaces(old, "backup", place)[0] == 0
    blob = max(place.glob("blobs/*/*"), key=lambda path: path.stat().st_size)
    if harm == "a large file":
        first, *rest = blob.read_bytes()
        blob.write_bytes(bytes((first ^ 1, *rest)))
    elif harm == "a git object":
        for path in place.glob("repos/*/objects/*/*"):
            path.unlink()
    else:
        (place / "manifest.json").write_text("{}")
    fresh = new("new")
    status, said = spaces(fresh, "restore", place)
    assert status != 0
    assert {"a large file": blob.name, "a git object": "which is not in it", "the manifest": "manifest.json"}[
        harm
    ] in said
    with hub(fresh) as here:
        assert here.do(lambda desk: desk.people.everyone()) == []
