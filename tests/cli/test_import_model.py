"""`spaces import-model` on a real database, real git and real blobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from spaces_runtime.cli.checkpoint import content_of, opened
from spaces_runtime.cli.folders import prepare
from spaces_runtime.cli.models import import_model
from spaces_runtime.domain.errors import Fault, Taken
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.settings import Settings
from spaces_runtime.wiring.desk import desk as open_desk
from spaces_runtime.wiring.desk import migrate

T = TypeVar("T")
WEIGHTS = b"\x02\0\0\0\0\0\0\0{}"  # a safetensors file without tensors


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "bert"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "left.lock").touch()
    return folder


@pytest.fixture
def at_desk(tmp_path):
    settings = Settings(data=tmp_path / "data")

    def do(work: Callable[[Desk], Awaitable[T]]) -> T:
        async def go() -> T:
            prepare(Layout(settings.data))
            await migrate(settings)
            async with open_desk(settings) as desk:
                if await desk.people.by_name("ann") is None:
                    await desk.people.create("ann", "correct horse", admin=False)
                return await work(desk)

        return asyncio.run(go())

    return do


async def bring(desk: Desk, folder: Path, name: str, alias: str = "") -> str:
    with opened(folder) as checkpoint:
        return await import_model(desk, checkpoint, name, alias)


def test_a_checkpoint_becomes_a_model_repo_with_its_weights_as_a_blob(at_desk, checkpoint):
    async def work(desk: Desk) -> tuple[str, dict[str, bool], bytes]:
        said = await bring(desk, checkpoint, "ann/bert")
        repo = await desk.index.find(Kind.MODEL, "ann", "bert")
        entries = await desk.repos.tree(repo.id, repo.head, "", recursive=True)
        stored = next(entry.lfs for entry in entries if entry.path == "model.safetensors")
        files = {entry.path: entry.lfs is not None for entry in entries if not entry.folder}
        return said, files, desk.blobs.path(stored.sha256).read_bytes()

    said, files, weights = at_desk(work)
    assert said.startswith("ann/bert: bert, 4 files")
    assert files == {
        ".gitattributes": False,
        "config.json": False,
        "tokenizer.json": False,
        "1_Pooling/config.json": False,
        "model.safetensors": True,
    }
    assert weights == WEIGHTS


def test_an_alias_leads_to_it(at_desk, checkpoint):
    async def work(desk: Desk) -> str:
        await bring(desk, checkpoint, "ann/bert", "bert-base-uncased")
        return (await desk.index.alias(Kind.MODEL, "bert-base-uncased")).full

    assert at_desk(work) == "ann/bert"


def test_importing_again_replaces_what_changed_and_keeps_the_history(at_desk, checkpoint):
    async def work(desk: Desk) -> tuple[bytes, int]:
        await bring(desk, checkpoint, "ann/bert", "bert")
        (checkpoint / "config.json").write_text('{"model_type": "roberta"}')
        await bring(desk, checkpoint, "ann/bert", "bert")
        repo = await desk.index.find(Kind.MODEL, "ann", "bert")
        history = await desk.repos.history(repo.id, repo.head, skip=0, limit=10)
        return await desk.repos.read(repo.id, repo.head, "config.json"), len(history)

    assert at_desk(work) == (b'{"model_type": "roberta"}', 3)


def test_an_alias_that_leads_elsewhere_is_not_taken_away(at_desk, checkpoint):
    async def work(desk: Desk) -> None:
        await bring(desk, checkpoint, "ann/one", "bert")
        await bring(desk, checkpoint, "ann/two", "bert")

    with pytest.raises(Taken, match="leads to ann/one"):
        at_desk(work)


@pytest.mark.parametrize(
    ("name", "alias", "why"),
    [("bert", "", "NAMESPACE/NAME"), ("bob/bert", "", "no user bob"), ("ann/bert", "a/b", "has a /")],
)
def test_a_wrong_name_says_what_is_wrong_and_makes_nothing(at_desk, checkpoint, name, alias, why):
    async def work(desk: Desk) -> int:
        with pytest.raises(Fault, match=why):
            await bring(desk, checkpoint, name, alias)
        return len(await desk.index.listing(Kind.MODEL))

    assert at_desk(work) == 0


def spoil(folder: Path, fault: str) -> None:
    weights = folder / "model.safetensors"
    match fault:
        case "no folder":
            folder.rename(folder.with_name("elsewhere"))
        case "no config":
            (folder / "config.json").unlink()
        case "no architecture":
            (folder / "config.json").write_text("{}")
        case "not JSON":
            (folder / "config.json").write_text("{model_type: bert}")
        case "no weights":
            weights.unlink()
        case "TensorFlow":
            weights.rename(folder / "tf_model.h5")
        case "a shard missing":
            index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
        case "pointer":
            weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no folder", "there is no such folder"),
        ("no config", "no config.json"),
        ("no architecture", "no model_type"),
        ("not JSON", "not JSON"),
        ("no weights", "no weights"),
        ("TensorFlow", "another format"),
        ("a shard missing", "model-00002-of-00002.safetensors, which is not there"),
        ("no tokenizer", "AutoTokenizer"),
        ("pointer", "git lfs pull"),
    ],
)
def test_a_folder_that_is_no_checkpoint_says_which_file_is_wrong(checkpoint, fault, said):
    spoil(checkpoint, fault)
    with pytest.raises(Fault, match=said), opened(checkpoint):
        pass


def test_files_that_only_their_owner_may_read_are_read_after_privilege_was_given_up(checkpoint):
    (checkpoint / "model.safetensors").chmod(0o600)  # as safetensors writes them
    with opened(checkpoint) as found:
        (checkpoint / "model.safetensors").chmod(0)
        weights = next(part.file for part in found.parts if part.path == "model.safetensors")
        assert content_of(weights) == WEIGHTS


def test_links_of_a_download_cache_are_followed(checkpoint, tmp_path):
    blob = tmp_path / "blob"
    (checkpoint / "model.safetensors").rename(blob)
    (checkpoint / "model.safetensors").symlink_to(blob)
    with opened(checkpoint) as found:
        sizes = {part.path: part.size for part in found.parts}
    assert sizes["model.safetensors"] == len(WEIGHTS)
    assert ".cache/left.lock" not in sizes
