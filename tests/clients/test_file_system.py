"""HfFileSystem, and uploads in many commits, against the hub."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Run


@pytest.mark.client(
    "HfFileSystem.open",
    "HfFileSystem.glob",
    "HfFileSystem.walk",
    "HfFileSystem.cp_file",
    "HfFileSystem.mv",
    "HfFileSystem.rm",
    "HfFileSystem.get",
    "HfFileSystem.put",
)
def test_the_file_system_reads_writes_finds_copies_and_deletes(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi, HfFileSystem
        api = HfApi(); api.create_repo("ann/fs", repo_type="dataset"); api.create_repo("ann/fs-too")
        fs = HfFileSystem()
        root, content = "datasets/ann/fs", os.urandom(1_500_000)
        with fs.open(f"{root}/data/train/0.bin", "wb") as file:
            for at in range(0, len(content), 400_000):
                file.write(content[at:at + 400_000])
        fs.pipe_file(f"{root}/data/train/1.txt", b"one")
        with fs.open(f"{root}/data/test/2.txt", "w") as file: file.write("zwei \\u4e8c")
        assert fs.cat_file(f"{root}/data/train/1.txt") == b"one"
        assert fs.read_text(f"{root}/data/test/2.txt") == "zwei \\u4e8c"
        assert sorted(fs.glob(f"{root}/data/*/*.txt")) == [f"{root}/data/test/2.txt", f"{root}/data/train/1.txt"]
        assert sorted(fs.find(root)) == [f"{root}/.gitattributes", f"{root}/data/test/2.txt",
                                         f"{root}/data/train/0.bin", f"{root}/data/train/1.txt"]
        walked = {folder: sorted(files) for folder, _, files in fs.walk(f"{root}/data")}
        assert walked[f"{root}/data/train"] == ["0.bin", "1.txt"], walked
        assert fs.isdir(f"{root}/data/train") and fs.isfile(f"{root}/data/train/0.bin")
        info = fs.info(f"{root}/data/train/0.bin", expand_info=True)
        assert info["size"] == len(content) and info["lfs"] and info["last_commit"].title, info
        assert fs.modified(f"{root}/data/train/0.bin").year >= 2024
        with fs.open(f"{root}/data/train/0.bin") as file:
            file.seek(-10, 2); assert file.read() == content[-10:]
            file.seek(700_000); assert file.read(5) == content[700_000:700_005]
        fs.get(f"{root}/data", "down", recursive=True)
        assert open("down/train/0.bin", "rb").read() == content
        fs.put("down/train", f"{root}/again", recursive=True)
        assert fs.cat_file(f"{root}/again/0.bin") == content
        fs.cp_file(f"{root}/data/train/0.bin", f"{root}/copy.bin")
        fs.cp_file(f"{root}/data/train/0.bin", "ann/fs-too/copy.bin")
        assert fs.cat_file(f"{root}/copy.bin") == fs.cat_file("ann/fs-too/copy.bin") == content
        fs.mv(f"{root}/copy.bin", f"{root}/moved.bin")
        assert fs.exists(f"{root}/moved.bin") and not fs.exists(f"{root}/copy.bin")
        fs.rm(f"{root}/data", recursive=True)
        assert sorted(fs.ls(root, detail=False)) == [f"{root}/.gitattributes", f"{root}/again", f"{root}/moved.bin"]
        head = api.dataset_info("ann/fs").sha
        assert fs.ls(f"{root}@{head}", detail=False, refresh=True)
        try: fs.open(f"{root}/nope.txt").read()
        except FileNotFoundError: pass
        else: raise AssertionError("FileNotFoundError expected")
        from urllib.request import urlopen
        assert urlopen(fs.url(f"{root}/again/1.txt")).read() == b"one"
    """)


@pytest.mark.client("HfApi.upload_folder")
def test_an_upload_in_many_commits_goes_on_where_it_was_stopped(run: Run) -> None:
    said = run("""
        import os, pathlib
        from huggingface_hub import HfApi, CommitOperationAdd, snapshot_download
        api = HfApi(); api.create_repo("ann/many", repo_type="dataset")
        up = pathlib.Path("up"); (up / "deep").mkdir(parents=True)
        for number in range(300):
            (up / f"deep/{number:03}.txt").write_text(str(number))
        for number in range(4):
            (up / f"{number}.bin").write_bytes(os.urandom(200_000))
        half = [CommitOperationAdd(f"deep/{number:03}.txt", up / f"deep/{number:03}.txt") for number in range(150)]
        api.create_commit("ann/many", half, repo_type="dataset", commit_message="a first half, then the line broke")
        api.upload_folder(repo_id="ann/many", repo_type="dataset", folder_path="up")
        down = pathlib.Path(snapshot_download("ann/many", repo_type="dataset", local_dir="down"))
        for path in up.rglob("*"):
            if path.is_file():
                assert path.read_bytes() == (down / path.relative_to(up)).read_bytes(), path
        print(len(api.list_repo_files("ann/many", repo_type="dataset")))
        before = api.dataset_info("ann/many").sha
        api.upload_folder(repo_id="ann/many", repo_type="dataset", folder_path="up", delete_patterns="deep/00*")
        api.super_squash_history("ann/many", repo_type="dataset", commit_message="as one")
        (only,) = api.list_repo_commits("ann/many", repo_type="dataset")
        assert only.title == "as one"
        assert api.get_paths_info("ann/many", ["0.bin"], repo_type="dataset")[0].lfs.size == 200_000
    """)
    assert said.strip() == "305"


@pytest.mark.client("HfApi.create_commit", "CommitOperationCopy")
def test_copies_within_and_across_repos_move_no_bytes(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi, CommitOperationCopy, CommitOperationDelete, hf_hub_download
        api = HfApi(); api.create_repo("ann/from", private=True); api.create_repo("ann/to", repo_type="dataset")
        large = os.urandom(400_000)
        api.upload_file(path_or_fileobj=large, path_in_repo="m.bin", repo_id="ann/from")
        api.upload_file(path_or_fileobj=b"small", path_in_repo="s.txt", repo_id="ann/from")
        api.create_commit("ann/from", commit_message="move", operations=[
            CommitOperationCopy("m.bin", "deep/m.bin"), CommitOperationCopy("s.txt", "deep/s.txt"),
            CommitOperationDelete("m.bin")])
        assert sorted(api.list_repo_files("ann/from")) == [".gitattributes", "deep/m.bin", "deep/s.txt", "s.txt"]
        api.create_commit("ann/to", repo_type="dataset", commit_message="from elsewhere", operations=[
            CommitOperationCopy("deep/m.bin", "m.bin", src_repo_id="ann/from", src_repo_type="model"),
            CommitOperationCopy("s.txt", "s.txt", src_repo_id="ann/from", src_repo_type="model")])
        assert open(hf_hub_download("ann/to", "m.bin", repo_type="dataset"), "rb").read() == large
        assert open(hf_hub_download("ann/to", "s.txt", repo_type="dataset"), "rb").read() == b"small"
    """)
