"""huggingface_hub against the hub: what people do with it all day."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Run


@pytest.mark.client("HfApi.upload_folder", "snapshot_download")
def test_a_folder_goes_up_and_comes_down_the_same(run: Run) -> None:
    said = run("""
        import os, pathlib, filecmp
        from huggingface_hub import HfApi, snapshot_download
        api = HfApi()
        url = api.create_repo("ann/folder")
        assert str(url).endswith("/ann/folder"), url
        up = pathlib.Path("up"); (up / "deep/er").mkdir(parents=True)
        (up / "small.txt").write_text("hello")
        (up / "empty.txt").write_text("")
        (up / "deep/er/big.bin").write_bytes(os.urandom(3_000_000))
        (up / "weights.safetensors").write_bytes(os.urandom(1000) * 5000)
        commit = api.upload_folder(repo_id="ann/folder", folder_path="up", commit_message="all of it")
        assert commit.oid == api.repo_info("ann/folder").sha
        down = pathlib.Path(snapshot_download("ann/folder", local_dir="down"))
        for path in up.rglob("*"):
            if path.is_file():
                assert filecmp.cmp(path, down / path.relative_to(up), shallow=False), path
        again = api.upload_folder(repo_id="ann/folder", folder_path="up")
        assert again.oid == commit.oid, "nothing changed, so there is no new commit"
        print(sorted(api.list_repo_files("ann/folder")))
    """)
    assert said.strip() == "['.gitattributes', 'deep/er/big.bin', 'empty.txt', 'small.txt', 'weights.safetensors']"


def test_large_files_also_go_up_without_xet(run: Run) -> None:
    run(
        """
        import os, io
        from huggingface_hub import HfApi, hf_hub_download
        api = HfApi()
        api.create_repo("ann/plain-lfs")
        content = os.urandom(2_500_000)
        api.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="a.bin", repo_id="ann/plain-lfs")
        assert open(hf_hub_download("ann/plain-lfs", "a.bin"), "rb").read() == content
        info = api.get_paths_info("ann/plain-lfs", ["a.bin"])[0]
        assert info.lfs.size == info.size == 2_500_000
    """,
        HF_HUB_DISABLE_XET="1",
    )


def test_the_same_bytes_go_to_a_second_repo(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi, hf_hub_download
        api = HfApi()
        content = os.urandom(300_000)
        for name in ("ann/twin-a", "ann/twin-b"):
            api.create_repo(name, repo_type="dataset")
            api.upload_file(path_or_fileobj=content, path_in_repo="same.bin", repo_id=name, repo_type="dataset")
            got = hf_hub_download(name, "same.bin", repo_type="dataset")
            assert open(got, "rb").read() == content
    """)


def test_parts_of_a_file_are_read_by_range(run: Run) -> None:
    run("""
        import os
        from huggingface_hub import HfApi, HfFileSystem
        api = HfApi(); api.create_repo("ann/ranges")
        content = os.urandom(2_000_000)
        api.upload_file(path_or_fileobj=content, path_in_repo="x.bin", repo_id="ann/ranges")
        api.upload_file(path_or_fileobj=b"0123456789", path_in_repo="x.txt", repo_id="ann/ranges")
        fs = HfFileSystem()
        with fs.open("ann/ranges/x.bin") as file:
            file.seek(1_234_567)
            assert file.read(1000) == content[1_234_567:1_235_567]
        assert fs.cat_file("ann/ranges/x.txt", start=3, end=6) == b"345"
        assert sorted(fs.ls("ann/ranges", detail=False)) == [
            "ann/ranges/.gitattributes", "ann/ranges/x.bin", "ann/ranges/x.txt"]
        fs.rm("ann/ranges/x.txt")
        assert not fs.exists("ann/ranges/x.txt")
    """)


@pytest.mark.client("HfApi.create_commit", "HfApi.create_branch", "HfApi.create_tag", "HfApi.super_squash_history")
def test_commits_branches_tags_and_deletions(run: Run) -> None:
    run("""
        from huggingface_hub import HfApi, CommitOperationAdd, CommitOperationDelete, CommitOperationCopy
        from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError, EntryNotFoundError
        api = HfApi(); api.create_repo("ann/history")
        first = api.upload_file(path_or_fileobj=b"1", path_in_repo="a/one.txt", repo_id="ann/history")
        api.create_branch("ann/history", branch="feature/x")
        api.create_tag("ann/history", tag="v1", tag_message="first")
        for bad in (lambda: api.create_branch("ann/history", branch="feature/x"),
                    lambda: api.create_tag("ann/history", tag="v1")):
            try: bad()
            except HfHubHTTPError as error: assert error.response.status_code == 409
            else: raise AssertionError("409 expected")
        api.create_branch("ann/history", branch="feature/x", exist_ok=True)
        api.create_commit("ann/history", revision="feature/x", commit_message="two", operations=[
            CommitOperationAdd("b.txt", b"2"), CommitOperationDelete("a/", is_folder=True)])
        assert set(api.list_repo_files("ann/history", revision="feature/x")) == {".gitattributes", "b.txt"}
        assert "a/one.txt" in api.list_repo_files("ann/history")
        refs = api.list_repo_refs("ann/history")
        assert {b.name for b in refs.branches} == {"main", "feature/x"}
        assert refs.tags[0].target_commit == first.oid
        assert [c.title for c in api.list_repo_commits("ann/history", revision="feature/x")][0] == "two"
        try:
            api.create_commit("ann/history", operations=[CommitOperationAdd("c", b"3")], commit_message="late",
                              parent_commit=api.list_repo_commits("ann/history")[-1].commit_id)
        except HfHubHTTPError as error:
            assert error.response.status_code == 412, error
        else: raise AssertionError("412 expected")
        try: api.delete_file("nope.txt", "ann/history")
        except EntryNotFoundError: pass
        else: raise AssertionError("EntryNotFoundError expected")
        try: api.repo_info("ann/history", revision="nope")
        except RevisionNotFoundError: pass
        else: raise AssertionError("RevisionNotFoundError expected")
        api.delete_branch("ann/history", branch="feature/x"); api.delete_tag("ann/history", tag="v1")
        api.super_squash_history("ann/history")
        assert len(api.list_repo_commits("ann/history")) == 1
    """)


def test_repos_are_listed_changed_and_deleted(run: Run) -> None:
    run("""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import RepositoryNotFoundError, HfHubHTTPError, BadRequestError
        api, stranger = HfApi(), HfApi(token=False)
        api.create_repo("ann/listed", repo_type="dataset", private=True)
        api.create_repo("ann/listed", repo_type="dataset", exist_ok=True)
        assert [d.id for d in api.list_datasets(author="ann", search="listed")] == ["ann/listed"]
        assert not list(stranger.list_datasets(author="ann", search="listed"))
        try: stranger.dataset_info("ann/listed")
        except RepositoryNotFoundError: pass
        else: raise AssertionError("hidden")
        api.update_repo_settings("ann/listed", repo_type="dataset", private=False)
        assert stranger.dataset_info("ann/listed").private is False
        try: stranger.create_repo("ann/other")
        except HfHubHTTPError as error: assert error.response.status_code == 401
        try: api.create_repo("bob/other")
        except HfHubHTTPError as error: assert error.response.status_code == 403, error
        else: raise AssertionError("403 expected")
        try: api.model_info("ann/listed", expand=["nonsense"])
        except HfHubHTTPError: pass
        api.delete_repo("ann/listed", repo_type="dataset")
        api.delete_repo("ann/listed", repo_type="dataset", missing_ok=True)
        assert not api.repo_exists("ann/listed", repo_type="dataset")
    """)


@pytest.mark.client("HfApi.create_repo", "HfApi.get_space_variables")
def test_a_space_is_created_with_its_settings(run: Run) -> None:
    run("""
        from huggingface_hub import HfApi
        api = HfApi()
        api.create_repo("ann/a-space", repo_type="space", space_sdk="gradio",
                        space_secrets=[{"key": "TOKEN", "value": "s3cret"}],
                        space_variables=[{"key": "MODE", "value": "fast"}], space_sleep_time=600)
        assert api.get_space_variables("ann/a-space")["MODE"].value == "fast"
        info = api.space_info("ann/a-space")
        assert info.sdk == "gradio" and info.subdomain == "ann-a-space", info
        assert api.get_space_runtime("ann/a-space").stage == "NO_APP_FILE"
        api.upload_file(path_or_fileobj=b"import gradio", path_in_repo="app.py", repo_id="ann/a-space",
                        repo_type="space")
        assert api.get_space_runtime("ann/a-space").stage != "NO_APP_FILE"
        assert [s.id for s in api.list_spaces(author="ann", search="a-space")] == ["ann/a-space"]
    """)


def test_a_card_with_wrong_settings_is_refused_in_words(run: Run) -> None:
    said = run(
        """
        from huggingface_hub import HfApi
        api = HfApi()
        api.create_repo("ann/bad-card", repo_type="space", space_sdk="gradio")
        api.upload_file(path_or_fileobj=b"---\\nsdk: gradio\\ncolorFrom: teal\\n---\\n", path_in_repo="README.md",
                        repo_id="ann/bad-card", repo_type="space")
    """,
        fails=True,
    )
    assert 'colorFrom is "teal"' in said
