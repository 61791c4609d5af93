"""huggingface_hub and hf against buckets."""

from __future__ import annotations

from tests.clients.conftest import Run


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
        assert [b.id for b in api.list_buckets()] == ["ann/other", "ann/pail"]
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
