"""Discussions and pull requests, by the unmodified client."""

from __future__ import annotations

import os

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account
from tests.hub.serving import Hub
from tests.hub.test_commit_api import HEADER, added, commit


@pytest.fixture
def repo(make) -> Repo:
    made: Repo = make(Kind.MODEL)
    return made


@pytest.fixture
def bobs(hub: Hub, bob: Account) -> HfApi:
    """The client, as a stranger."""
    return HfApi(endpoint=hub.url, token=bob.write)


def test_people_talk_about_a_repo(api: HfApi, bobs: HfApi, repo: Repo) -> None:
    opened = bobs.create_discussion(repo.full, title="It does not load", description="With version 5.")
    assert (opened.num, opened.status, opened.is_pull_request) == (1, "open", False)
    said = api.comment_discussion(repo.full, 1, comment="It should **now**.")
    assert said.content == "It should **now**."
    assert api.edit_discussion_comment(repo.full, 1, said.id, new_content="It does now.").edited
    assert api.rename_discussion(repo.full, 1, new_title="Loading").new_title == "Loading"
    assert bobs.change_discussion_status(repo.full, 1, new_status="closed", comment="Thanks").new_status == "closed"
    assert api.hide_discussion_comment(repo.full, 1, said.id).hidden
    details = api.get_discussion_details(repo.full, 1)
    assert (details.title, details.status, details.author) == ("Loading", "closed", "bob")
    assert [event.type for event in details.events] == [
        *("comment", "comment", "title-change", "status-change", "comment"),
    ]
    assert details.events[1].content == ""


def test_what_is_there_is_listed_by_kind_status_and_author(api: HfApi, bobs: HfApi, repo: Repo) -> None:
    for number in range(60):
        (api if number % 2 else bobs).create_discussion(repo.full, title=f"Thing {number}")
    api.create_pull_request(repo.full, title="Change")
    api.change_discussion_status(repo.full, 1, new_status="closed")
    assert [one.num for one in api.get_repo_discussions(repo.full)] == list(range(61, 0, -1))
    assert len(list(api.get_repo_discussions(repo.full, author="bob"))) == 30
    assert [one.num for one in api.get_repo_discussions(repo.full, discussion_type="pull_request")] == [61]
    assert [one.num for one in api.get_repo_discussions(repo.full, discussion_status="closed")] == [1]


def test_a_commit_opens_a_pull_request_that_is_merged(api: HfApi, repo: Repo, hub: Hub) -> None:
    before = api.repo_info(repo.full).sha
    large = os.urandom(200_000)
    done = api.create_commit(
        repo.full,
        [CommitOperationAdd("a.txt", b"hello"), CommitOperationAdd("m.bin", large)],
        commit_message="Add two",
        commit_description="because",
        create_pr=True,
    )
    assert (done.pr_num, done.pr_revision) == (1, "refs/pr/1")
    assert done.pr_url == f"{hub.url}/{repo.full}/discussions/1"
    assert api.repo_info(repo.full).sha == before
    assert api.repo_info(repo.full, revision="refs/pr/1").sha == done.oid
    api.upload_file(path_or_fileobj=b"more", path_in_repo="b.txt", repo_id=repo.full, revision="refs/pr/1")
    details = api.get_discussion_details(repo.full, 1)
    assert (details.status, details.target_branch, details.conflicting_files) == ("draft", "refs/heads/main", [])
    assert "+hello" in details.diff
    assert [event.type for event in details.events] == ["comment", "commit", "commit"]
    refs = api.list_repo_refs(repo.full, include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]
    api.change_discussion_status(repo.full, 1, new_status="open")
    api.merge_pull_request(repo.full, 1, comment="Good")
    assert {"a.txt", "b.txt", "m.bin"} <= set(api.list_repo_files(repo.full))
    merged = api.get_discussion_details(repo.full, 1)
    assert (merged.status, merged.merge_commit_oid) == ("merged", api.repo_info(repo.full).sha)
    assert api.list_repo_commits(repo.full)[0].title == "Add two (#1)"
    for wrong in (
        lambda: api.merge_pull_request(repo.full, 1),
        lambda: api.change_discussion_status(repo.full, 1, "open"),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            wrong()
        assert caught.value.response.status_code == 422


def test_a_folder_goes_into_one_pull_request(api: HfApi, repo: Repo, tmp_path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(str(number))
    (tmp_path / "m.bin").write_bytes(os.urandom(100_000))
    done = api.upload_folder(repo_id=repo.full, folder_path=tmp_path, create_pr=True)
    assert done.pr_revision == "refs/pr/1"
    assert {"0.txt", "m.bin"} <= set(api.list_repo_files(repo.full, revision="refs/pr/1"))
    assert api.list_repo_files(repo.full) == [".gitattributes"]


def test_a_pull_request_that_conflicts_says_where_and_is_not_merged(api: HfApi, repo: Repo) -> None:
    api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=repo.full)
    api.upload_file(path_or_fileobj=b"two", path_in_repo="a.txt", repo_id=repo.full, create_pr=True)
    api.upload_file(path_or_fileobj=b"three", path_in_repo="a.txt", repo_id=repo.full)
    head = api.repo_info(repo.full).sha
    assert api.get_discussion_details(repo.full, 1).conflicting_files == ["a.txt"]
    with pytest.raises(HfHubHTTPError) as caught:
        api.merge_pull_request(repo.full, 1)
    assert caught.value.response.status_code == 409
    assert "both changed a.txt" in str(caught.value)
    assert api.repo_info(repo.full).sha == head


def test_a_commit_that_fails_opens_nothing(client: httpx.Client, ann: Account, api: HfApi, repo: Repo) -> None:
    client.headers["Authorization"] = f"Bearer {ann.write}"
    wrong = ("deletedFile", {"path": "nope"})
    assert commit(client, repo, HEADER, added("a"), wrong, rev="main?create_pr=1").status_code == 404
    assert list(api.get_repo_discussions(repo.full)) == []
    assert api.list_repo_refs(repo.full, include_pull_requests=True).pull_requests == []
    assert api.create_discussion(repo.full, title="The first").num == 1


def test_who_may_say_and_do_what(
    client: httpx.Client, api: HfApi, bobs: HfApi, repo: Repo, make, ann: Account, bob: Account
) -> None:
    url, secret = f"/api/models/{repo.full}/discussions", make(Kind.MODEL, visibility=Visibility.PRIVATE)
    said = api.comment_discussion(repo.full, api.create_pull_request(repo.full, title="Mine").num, comment="Ann's")
    asked = {
        (url, "comment"): {"comment": "x"},
        (url, "status"): {"status": "closed"},
        (url, "title"): {"title": "x"},
        (url, "merge"): {},
        (url, f"comment/{said.id}/edit"): {"content": "x"},
        (url, f"comment/{said.id}/hide"): {},
    }
    for (path, what), body in asked.items():
        for token, status in (("", 401), (ann.read, 403), (bob.write, 200 if what == "comment" else 403)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.post(f"{path}/1/{what}", json=body, headers=headers)
            assert answer.status_code == status, (what, status, answer.text)
    with pytest.raises(HfHubHTTPError) as caught:
        bobs.create_pull_request(repo.full, title="From a stranger")
    assert caught.value.response.status_code == 403
    hidden = client.get(f"/api/models/{secret.full}/discussions", headers={"Authorization": f"Bearer {bob.write}"})
    assert hidden.headers["x-error-code"] == "RepoNotFound"
    assert client.get(f"{url}/nope").status_code == client.get(f"{url}/99").status_code == 404
    headers = {"Authorization": f"Bearer {ann.write}"}
    for wrong in ({"title": ""}, {"title": "x" * 300}, {"title": 1}, {"title": "x", "description": "y" * 70_000}):
        assert client.post(url, json=wrong, headers=headers).status_code == 400
    assert client.post(f"{url}/1/status", json={"status": "merged"}, headers=headers).status_code == 400
