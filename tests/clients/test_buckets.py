"""huggingface_hub and hf against buckets."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Run


@pytest.mark.client(
    "HfApi.create_bucket",
    "HfApi.bucket_info",
    "HfApi.update_bucket_settings",
    "HfApi.list_buckets",
    "HfApi.delete_bucket",
)
def test_a_bucket_from_its_making_to_its_end(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi
        from huggingface_hub.errors import BucketNotFoundError, HfHubHTTPError
        api = HfApi()
        url = api.create_bucket("pail", private=True)
        assert (url.bucket_id, url.url) == ("ann/pail", f"{os.environ['HF_ENDPOINT']}/buckets/ann/pail"), url
        assert api.create_bucket("ann/pail", exist_ok=True).bucket_id == "ann/pail"
        try:
            api.create_bucket("ann/Pail")
            raise SystemExit("taken twice")
        except HfHubHTTPError as error:
            assert error.response.status_code == 409, error
        info = api.bucket_info("ann/pail")
        assert (info.id, info.private, info.size, info.total_files) == ("ann/pail", True, 0, 0)
        api.update_bucket_settings("ann/pail", private=False)
        assert not api.bucket_info("ann/pail").private
        api.create_bucket("ann/other")
        assert [b.id for b in api.list_buckets() if b.id in ("ann/other", "ann/pail")] == ["ann/other", "ann/pail"]
        assert [b.id for b in api.list_buckets("ann", search="PAI")] == ["ann/pail"]
        api.delete_bucket("ann/pail")
        api.delete_bucket("ann/pail", missing_ok=True)
        for gone in (api.bucket_info, api.delete_bucket):
            try:
                gone("ann/pail")
                raise SystemExit("still there")
            except BucketNotFoundError:
                pass
        api.delete_bucket("ann/other")
    """)


@pytest.mark.client(
    "HfApi.batch_bucket_files",
    "HfApi.list_bucket_tree",
    "HfApi.get_bucket_paths_info",
    "HfApi.get_bucket_file_metadata",
    "HfApi.download_bucket_files",
    "HfApi.copy_files",
)
def test_files_go_up_come_down_are_copied_and_removed(run: Run) -> None:
    run("""
        import os, pathlib
        from huggingface_hub import HfApi
        from huggingface_hub.errors import BucketBatchError, EntryNotFoundError
        api = HfApi()
        api.create_bucket("ann/files")
        big, small = os.urandom(70_000_000), b"hello"
        pathlib.Path("big.bin").write_bytes(big)
        api.batch_bucket_files("ann/files", add=[("big.bin", "deep/er/big.bin"), (small, "a b/ü.txt"), (b"", "empty")])
        info = api.bucket_info("ann/files")
        assert (info.size, info.total_files) == (len(big) + 5, 3), info
        tree = {f.path: f for f in api.list_bucket_tree("ann/files", recursive=True)}
        assert sorted(tree) == ["a b/ü.txt", "deep/er/big.bin", "empty"], tree
        assert abs(tree["deep/er/big.bin"].mtime.timestamp() - os.path.getmtime("big.bin")) < 0.01
        assert [(f.type, f.path) for f in api.list_bucket_tree("ann/files")] == [
            ("directory", "a b"), ("directory", "deep"), ("file", "empty")]
        assert [f.path for f in api.list_bucket_tree("ann/files", "deep")] == ["deep/er"]
        [found] = api.get_bucket_paths_info("ann/files", ["nope", "a b/ü.txt", "deep"])
        assert (found.path, found.size) == ("a b/ü.txt", 5)
        assert api.get_bucket_file_metadata("ann/files", "a b/ü.txt").size == 5
        names = ["deep/er/big.bin", "a b/ü.txt", "empty"]
        api.download_bucket_files("ann/files", [(name, f"down/{n}") for n, name in enumerate(names)])
        assert [pathlib.Path(f"down/{n}").read_bytes() for n in range(3)] == [big, small, b""]
        api.create_bucket("ann/copies", private=True)
        api.copy_files("hf://buckets/ann/files/", "hf://buckets/ann/copies/all/")
        api.batch_bucket_files("ann/files", delete=names)
        assert api.bucket_info("ann/files").size == 0
        api.download_bucket_files("ann/copies", [("all/deep/er/big.bin", "again.bin")])
        assert pathlib.Path("again.bin").read_bytes() == big
        try:
            api.batch_bucket_files("ann/copies", delete=["nope"], add=[(b"x", "fine"), (b"x", "all")])
            raise SystemExit("no error")
        except BucketBatchError as error:
            assert [f["path"] for f in error.failures] == ["all", "nope"], error.failures
        assert [f.path for f in api.list_bucket_tree("ann/copies", "fine")] == ["fine"]
        try:
            api.download_bucket_files("ann/copies", [("nope", "x")], raise_on_missing_files=True)
            raise SystemExit("no error")
        except EntryNotFoundError:
            pass
    """)


def test_what_a_repo_has_is_copied_into_a_bucket(run: Run) -> None:
    run("""
        import os, pathlib
        from huggingface_hub import HfApi
        api = HfApi()
        api.create_repo("ann/source", repo_type="dataset", private=True)
        content = os.urandom(300_000)
        api.upload_file(path_or_fileobj=content, path_in_repo="data/x.bin", repo_id="ann/source", repo_type="dataset")
        api.upload_file(path_or_fileobj=b"hi", path_in_repo="data/y.txt", repo_id="ann/source", repo_type="dataset")
        api.create_bucket("ann/target")
        api.copy_files("hf://datasets/ann/source/data/", "hf://buckets/ann/target/")
        api.download_bucket_files("ann/target", [("x.bin", "x.bin"), ("y.txt", "y.txt")])
        assert pathlib.Path("x.bin").read_bytes() == content
        assert pathlib.Path("y.txt").read_bytes() == b"hi"
        api.delete_repo("ann/source", repo_type="dataset")
        api.download_bucket_files("ann/target", [("x.bin", "x2.bin")])
        assert pathlib.Path("x2.bin").read_bytes() == content, "a bucket's copy is its own"
    """)


@pytest.mark.client("HfApi.sync_bucket")
def test_a_folder_is_kept_in_step_with_a_bucket(run: Run) -> None:
    run("""
        import os, pathlib
        from huggingface_hub import HfApi
        api = HfApi()
        api.create_bucket("ann/synced")
        here = pathlib.Path("here"); (here / "sub").mkdir(parents=True)
        for name, size in (("a.txt", 10), ("sub/b.bin", 200_000), ("sub/c.txt", 0)):
            (here / name).write_bytes(os.urandom(size))
        there = "hf://buckets/ann/synced/keep"
        assert api.sync_bucket("here", there, quiet=True).summary()["uploads"] == 3
        assert api.sync_bucket("here", there, quiet=True).summary()["skips"] == 3
        (here / "a.txt").write_bytes(b"changed"); (here / "sub/c.txt").unlink()
        plan = api.sync_bucket("here", there, delete=True, quiet=True).summary()
        assert (plan["uploads"], plan["deletes"]) == (1, 1), plan
        api.sync_bucket(there, "down", quiet=True)
        assert sorted(str(p.relative_to("down")) for p in pathlib.Path("down").rglob("*") if p.is_file()) == [
            "a.txt", "sub/b.bin"]
        assert pathlib.Path("down/sub/b.bin").read_bytes() == (here / "sub/b.bin").read_bytes()
        assert api.sync_bucket(there, "down", quiet=True).summary()["downloads"] == 0
    """)


@pytest.mark.client("HfFileSystem")
def test_the_file_system_of_the_client_reads_and_writes_buckets(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi, HfFileSystem
        HfApi().create_bucket("ann/fs", private=True)
        fs, root = HfFileSystem(), "hf://buckets/ann/fs"
        assert fs.ls(root) == []
        content = os.urandom(400_000)
        with fs.open(f"{root}/deep/er/x.bin", "wb") as file:
            file.write(content)
        with fs.open(f"{root}/note.txt", "w") as file:
            file.write("grüße")
        assert fs.ls(root, detail=False) == ["buckets/ann/fs/deep", "buckets/ann/fs/note.txt"]
        assert fs.cat(f"{root}/note.txt").decode() == "grüße"
        with fs.open(f"{root}/deep/er/x.bin", "rb") as file:
            file.seek(100_000)
            assert file.read(1000) == content[100_000:101_000]
        assert fs.glob(f"{root}/**/*.bin") == ["buckets/ann/fs/deep/er/x.bin"]
        assert fs.info(f"{root}/deep")["type"] == "directory"
        assert fs.find(root) == ["buckets/ann/fs/deep/er/x.bin", "buckets/ann/fs/note.txt"]
        fs.cp_file(f"{root}/note.txt", f"{root}/copy.txt")
        fs.rm(f"{root}/deep", recursive=True)
        assert fs.ls(root, detail=False) == ["buckets/ann/fs/copy.txt", "buckets/ann/fs/note.txt"]
        fs.get(f"{root}/copy.txt", "copy.txt")
        assert open("copy.txt", encoding="utf-8").read() == "grüße"
        fs.invalidate_cache()
        assert not fs.exists(f"{root}/deep/er/x.bin")
    """)


@pytest.mark.client(
    "hf buckets create", "hf buckets cp", "hf buckets sync", "hf buckets list", "hf buckets info", "hf buckets delete"
)
def test_hf_buckets_on_the_command_line(run: Run) -> None:
    said = run("""
        import pathlib, subprocess, sys
        def hf(*args, input=None):
            done = subprocess.run([pathlib.Path(sys.executable).with_name("hf"), *args], capture_output=True,
                                  text=True, input=input)
            assert done.returncode == 0, (args, done.stdout, done.stderr)
            return done.stdout
        hf("buckets", "create", "cli", "--private")
        pathlib.Path("folder").mkdir(); pathlib.Path("folder/one.txt").write_text("one")
        hf("buckets", "cp", "folder/one.txt", "hf://buckets/ann/cli/sub/")
        hf("buckets", "cp", "-", "hf://buckets/ann/cli/two.txt", input="two")
        assert hf("buckets", "cp", "hf://buckets/ann/cli/two.txt", "-") == "two"
        hf("buckets", "sync", "folder", "hf://buckets/ann/cli/synced")
        assert "ann/cli" in hf("buckets", "list")
        for path in ("sub/one.txt", "two.txt", "synced/one.txt"):
            assert path in hf("buckets", "list", "ann/cli", "-R"), path
        assert "total_files" in hf("buckets", "info", "ann/cli", "--format", "json")
        hf("buckets", "rm", "ann/cli/two.txt", "--yes")
        hf("buckets", "rm", "ann/cli/sub", "--recursive", "--yes")
        print(hf("buckets", "list", "ann/cli", "-R", "-q").strip())
        hf("buckets", "move", "ann/cli", "ann/moved")
        for name in ("ann/moved", "ann/cli"):
            assert '"ann/moved"' in hf("buckets", "info", name, "--format", "json"), "the old name leads to the new one"
        assert hf("buckets", "cp", "hf://buckets/ann/cli/synced/one.txt", "-") == "one"
        hf("buckets", "delete", "ann/moved", "--yes")
    """)
    assert said.strip().endswith("synced/one.txt")


def test_a_followed_bucket_is_listed_anew_when_it_changes(run: Run) -> None:
    run("""
        import time
        from huggingface_hub import HfApi, HfFileSystem
        from huggingface_hub._bucket_live_follow import BUCKET_FOLLOWERS
        api = HfApi()
        api.create_bucket("ann/followed", private=True)
        api.batch_bucket_files("ann/followed", add=[(b"1", "one")])
        fs, root = HfFileSystem(live_follow=True), "hf://buckets/ann/followed"

        def until(see):
            end = time.monotonic() + 20
            while not see():
                assert time.monotonic() < end, "it did not come about"
                time.sleep(0.05)

        assert fs.ls(root, detail=False) == ["buckets/ann/followed/one"]
        [(follower, _)] = BUCKET_FOLLOWERS.values()
        until(lambda: follower.subscribed)
        fs.ls(root)
        for change in ({"add": [(b"2", "two")]}, {"delete": ["one"]}):
            before = fs.ls(root, detail=False)
            api.batch_bucket_files("ann/followed", **change)
            until(lambda: fs.ls(root, detail=False) != before)
        assert fs.ls(root, detail=False) == ["buckets/ann/followed/two"]
        api.delete_bucket("ann/followed")
        until(lambda: not follower.is_alive())
    """)
