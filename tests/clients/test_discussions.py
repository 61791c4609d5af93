"""Discussions and pull requests: each method and command once, as its users call it."""

from __future__ import annotations

import json
from itertools import count

import pytest
from huggingface_hub import HfApi

from tests.clients.conftest import Hf

NUMBERS = count()


@pytest.fixture
def name(api: HfApi) -> str:
    """Of a model to talk about."""
    made = f"ann/talk-{next(NUMBERS)}"
    api.create_repo(made)
    return made


@pytest.mark.client(
    "HfApi.create_discussion", "HfApi.get_repo_discussions", "HfApi.get_discussion_details",
    "HfApi.comment_discussion", "HfApi.edit_discussion_comment", "HfApi.hide_discussion_comment",
    "HfApi.rename_discussion", "HfApi.change_discussion_status",
)  # fmt: skip
def test_a_discussion_is_held(api: HfApi, name: str) -> None:
    begun = api.create_discussion(name, "Why", description="Because")
    assert (begun.num, begun.status, begun.is_pull_request) == (1, "open", False)
    said = api.comment_discussion(name, 1, "hello")
    assert api.edit_discussion_comment(name, 1, said.id, "hello again").content == "hello again"
    api.hide_discussion_comment(name, 1, said.id)
    assert api.rename_discussion(name, 1, "What").new_title == "What"
    assert api.change_discussion_status(name, 1, "closed", comment="Done").new_status == "closed"
    found = api.get_discussion_details(name, 1)
    assert (found.title, found.status, found.author) == ("What", "closed", "ann")
    assert {"comment", "title-change", "status-change"} <= {event.type for event in found.events}
    assert [each.num for each in api.get_repo_discussions(name, discussion_type="discussion")] == [1]


@pytest.mark.client("HfApi.create_pull_request", "HfApi.merge_pull_request", "HfApi.upload_file")
def test_a_pull_request_is_made_changed_and_merged(api: HfApi, name: str) -> None:
    begun = api.create_pull_request(name, "Better")
    assert (begun.status, begun.is_pull_request) == ("draft", True)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=name, revision=begun.git_reference)
    assert not api.file_exists(name, "x.txt")
    assert "x.txt" in api.get_discussion_details(name, begun.num).diff
    api.change_discussion_status(name, begun.num, "open")
    api.merge_pull_request(name, begun.num)
    assert api.file_exists(name, "x.txt")
    assert api.get_discussion_details(name, begun.num).status == "merged"
    made = api.upload_file(path_or_fileobj=b"y", path_in_repo="y.txt", repo_id=name, create_pr=True)
    assert made.pr_revision == f"refs/pr/{made.pr_num}"
    assert api.file_exists(name, "y.txt", revision=made.pr_revision)


@pytest.mark.client(
    "hf discussions create", "hf discussions list", "hf discussions info", "hf discussions comment",
    "hf discussions edit", "hf discussions rename", "hf discussions close", "hf discussions reopen",
    "hf discussions merge", "hf discussions diff",
)  # fmt: skip
def test_hf_discussions(hf: Hf, api: HfApi, name: str) -> None:
    hf("discussions", "create", name, "--title", "Why", "--body", "Because")
    hf("discussions", "comment", name, "1", "--body", "hello")
    comment = api.get_discussion_details(name, 1).events[-1].id
    hf("discussions", "edit", name, "1", comment, "--body", "hello again")
    hf("discussions", "rename", name, "1", "What")
    hf("discussions", "close", name, "1", "--yes")
    hf("discussions", "reopen", name, "1", "--yes")
    assert "What" in hf("discussions", "list", name)
    assert "hello again" in hf("discussions", "info", name, "1")
    hf("discussions", "create", name, "--title", "Better", "--pr")
    api.upload_file(path_or_fileobj=b"x\n", path_in_repo="x.txt", repo_id=name, revision="refs/pr/2")
    assert "+x" in hf("discussions", "diff", name, "2")
    hf("discussions", "merge", name, "2", "--yes")
    assert json.loads(hf("discussions", "info", name, "2", "--json"))["status"] == "merged"
