"""HfApi on what is in repos: each method once, as its users call it."""

from __future__ import annotations

import json
import os
import struct
from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    hf_hub_url,
)

NUMBERS = count()


@pytest.fixture
def name(api: HfApi) -> str:
    """Of a model with a small and a large file."""
    made = f"ann/content-{next(NUMBERS)}"
    api.create_repo(made)
    small, large = CommitOperationAdd("a/one.txt", b"one"), CommitOperationAdd("large.bin", os.urandom(60_000))
    api.create_commit(made, [small, large], commit_message="Begin")
    return made


@pytest.mark.client("HfApi.create_commit", "HfApi.list_repo_files", "HfApi.list_repo_commits", "HfApi.get_paths_info")
def test_one_commit_adds_copies_and_deletes(api: HfApi, name: str) -> None:
    changes = [
        CommitOperationAdd("b.txt", b"two"),
        CommitOperationCopy("large.bin", "copy.bin"),
        CommitOperationDelete("a/", is_folder=True),
    ]
    made = api.create_commit(name, changes, commit_message="Change")
    assert set(api.list_repo_files(name)) == {".gitattributes", "b.txt", "copy.bin", "large.bin"}
    assert [commit.title for commit in api.list_repo_commits(name)][:2] == ["Change", "Begin"]
    large, copy = api.get_paths_info(name, ["large.bin", "copy.bin"], revision=made.oid, expand=True)
    assert large.lfs.sha256 == copy.lfs.sha256
    assert {large.last_commit.title, copy.last_commit.title} == {"Begin", "Change"}


@pytest.mark.client("HfApi.upload_file", "HfApi.delete_file", "HfApi.delete_files", "HfApi.delete_folder")
def test_files_and_folders_come_and_go(api: HfApi, name: str) -> None:
    for path in ("x/1.txt", "x/2.txt", "y.log", "z.txt"):
        api.upload_file(path_or_fileobj=b"x", path_in_repo=path, repo_id=name)
    api.delete_file("z.txt", name)
    api.delete_files(name, delete_patterns=["*.log"])
    api.delete_folder("x", name)
    assert set(api.list_repo_files(name)) == {".gitattributes", "a/one.txt", "large.bin"}


@pytest.mark.client("HfApi.upload_folder", "HfApi.snapshot_download", "HfApi.hf_hub_download")
def test_a_folder_goes_up_and_comes_down(api: HfApi, name: str, tmp_path: Path) -> None:
    (tmp_path / "up/deep").mkdir(parents=True)
    (tmp_path / "up/deep/ä b.txt").write_text("ä")
    api.upload_folder(repo_id=name, folder_path=tmp_path / "up", delete_patterns="*.bin")
    down = Path(api.snapshot_download(name, cache_dir=tmp_path / "cache"))
    assert (down / "deep/ä b.txt").read_text() == "ä"
    assert not (down / "large.bin").exists()
    assert Path(api.hf_hub_download(name, "a/one.txt", local_dir=tmp_path / "one")).read_bytes() == b"one"


@pytest.mark.client("HfApi.preupload_lfs_files", "HfApi.get_hf_file_metadata", "HfApi.verify_repo_checksums")
def test_large_files_are_sent_ahead_and_proven(api: HfApi, name: str, tmp_path: Path) -> None:
    ahead = CommitOperationAdd("ahead.bin", os.urandom(40_000))
    api.preupload_lfs_files(name, [ahead])
    api.create_commit(name, [ahead], commit_message="Ahead")
    found = api.get_hf_file_metadata(url=hf_hub_url(name, "ahead.bin", endpoint=api.endpoint))
    assert (found.etag, found.size) == (ahead.upload_info.sha256.hex(), 40_000)
    assert found.commit_hash == api.repo_info(name).sha
    api.snapshot_download(name, local_dir=tmp_path)
    assert not api.verify_repo_checksums(name, local_dir=tmp_path).mismatches


@pytest.mark.client("HfApi.copy_files", "HfApi.list_repo_tree")
def test_files_are_copied_between_repos(api: HfApi, name: str) -> None:
    other = f"{name}-other"
    api.create_repo(other, repo_type="dataset")
    api.copy_files(f"hf://{name}/large.bin", f"hf://datasets/{other}/again.bin")
    there = {file.path: file for file in api.list_repo_tree(other, repo_type="dataset")}
    here = {file.path: file for file in api.list_repo_tree(name, recursive=True)}
    assert there["again.bin"].lfs.sha256 == here["large.bin"].lfs.sha256


@pytest.mark.client(
    "HfApi.create_branch", "HfApi.delete_branch", "HfApi.create_tag", "HfApi.delete_tag", "HfApi.list_repo_refs",
    "HfApi.super_squash_history",
)  # fmt: skip
def test_branches_tags_and_history(api: HfApi, name: str) -> None:
    api.create_branch(name, branch="try/one")
    api.create_tag(name, tag="v1", tag_message="first")
    refs = api.list_repo_refs(name)
    assert {ref.name for ref in refs.branches} == {"main", "try/one"}
    assert [ref.name for ref in refs.tags] == ["v1"]
    api.delete_branch(name, branch="try/one")
    api.delete_tag(name, tag="v1")
    api.super_squash_history(name, commit_message="All")
    assert [commit.title for commit in api.list_repo_commits(name)] == ["All"]
    refs = api.list_repo_refs(name)
    assert ([ref.name for ref in refs.branches], refs.tags) == (["main"], [])


@pytest.mark.client("HfApi.list_lfs_files", "HfApi.permanently_delete_lfs_files")
def test_large_files_are_listed_and_deleted_for_good(api: HfApi, name: str) -> None:
    (found,) = api.list_lfs_files(name)
    assert (found.filename, found.size) == ("large.bin", 60_000)
    api.permanently_delete_lfs_files(name, [found])
    assert not list(api.list_lfs_files(name))
    assert "large.bin" not in api.list_repo_files(name)


@pytest.mark.client("HfApi.get_safetensors_metadata", "HfApi.parse_safetensors_file_metadata")
def test_the_headers_of_weights_are_read_without_the_weights(api: HfApi, name: str) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(24)
    api.upload_file(path_or_fileobj=content, path_in_repo="model.safetensors", repo_id=name)
    assert api.get_safetensors_metadata(name).parameter_count == {"F32": 6}
    assert api.parse_safetensors_file_metadata(name, "model.safetensors").parameter_count == {"F32": 6}
    assert api.model_info(name).safetensors.total == 6


@pytest.mark.client("HfApi.get_sharded_safetensors_metadata")
def test_the_headers_of_all_shards_come_in_one_answer(api: HfApi, name: str) -> None:
    shards = {}
    for n in (1, 2):
        header = json.dumps({f"w{n}": {"dtype": "F16", "shape": [n], "data_offsets": [0, 2 * n]}}).encode()
        shards[f"model-{n}.safetensors"] = struct.pack("<Q", len(header)) + header + bytes(2 * n)
    index = {"metadata": {"total_size": 6}, "weight_map": {"w1": "model-1.safetensors", "w2": "model-2.safetensors"}}
    files = {**shards, "model.safetensors.index.json": json.dumps(index).encode()}
    api.create_commit(name, [CommitOperationAdd(*file) for file in files.items()], commit_message="Shards")
    found = api.get_sharded_safetensors_metadata(name)
    assert (found.parameter_count, found.metadata) == ({"F16": 3}, {"total_size": 6})
    assert found.weight_map == index["weight_map"]
    assert found == api.get_safetensors_metadata(name)
