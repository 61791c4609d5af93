"""What is secret stays so: in every answer, every error, every log line, and on disk."""

from __future__ import annotations

import time

import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.repo import Visibility
from spaces_runtime.domain.signing import Use, verify
from tests.hub.conftest import PASSWORD

SECRET = "s3cr3t-value-that-must-not-show"


def test_a_secret_shows_in_no_answer_and_no_log_line(client, api: HfApi, make, ann, root, data):
    repo = make().full
    api.add_space_secret(repo, "KEY", SECRET)
    headers = [{"Authorization": f"Bearer {token}"} for token in (ann.write, root.write)]
    paths = ["", "/runtime", "/secrets", "/variables", "/host", "/revision/main"]
    answers = [client.get(f"/api/spaces/{repo}{path}", headers=who) for path in paths for who in headers]
    answers += [
        client.post(f"/api/spaces/{repo}/secrets", json={"key": key, "value": SECRET}, headers=headers[0])
        for key in ("KEY2", "1bad", "SPACE_ID", None)
    ]
    answers += [client.post(f"/api/spaces/{repo}/restart", headers=headers[0])]
    for answer in answers:
        assert SECRET not in answer.text
        assert SECRET not in str(answer.headers)
    assert SECRET not in (data.data / "platform.log").read_text()


def test_no_file_of_the_platform_holds_a_secret_a_token_or_a_password(data, api: HfApi, make, ann):
    api.add_space_secret(make().full, "KEY", SECRET)
    for path in (path for path in data.data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for secret in (SECRET, ann.write, ann.read, PASSWORD):
            assert secret.encode() not in content, path


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_a_visit_is_signed_for_those_who_may_enter(client, hub, data, make, ann, bob, who):
    repo = make(visibility=Visibility.PRIVATE)
    token = {"owner": ann.read, "stranger": bob.write}[who]
    answer = client.get(f"/api/spaces/{repo.full}/jwt", headers={"Authorization": f"Bearer {token}"})
    if who == "stranger":
        assert answer.status_code == 404
        return
    space = hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space
    key = (data.keys / "visitor").read_bytes()
    visit = verify(answer.json()["token"], key, space=space, use=Use.LINK, now=time.time())
    assert visit is not None
    assert visit.user == ann.person.id


@pytest.mark.parametrize(
    ("visibility", "who", "status"),
    [
        (Visibility.PRIVATE, "owner", 200),
        (Visibility.PRIVATE, "reader", 200),
        (Visibility.PRIVATE, "stranger", 403),
        (Visibility.PRIVATE, "nobody", 403),
        (Visibility.PRIVATE, "wrong", 403),
        (Visibility.PROTECTED, "nobody", 200),
        (Visibility.PUBLIC, "nobody", 200),
    ],
)
def test_a_gateway_learns_who_may_enter(client, hub, make, ann, bob, visibility, who, status):
    repo = make(visibility=visibility)
    space = hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space
    token = {"owner": ann.write, "reader": ann.read, "stranger": bob.write, "wrong": "hf_x"}.get(who)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.get("/internal/visitor", params={"space": space}, headers=headers)
    assert answer.status_code == status
    if who == "owner":
        assert answer.json() == {"user": ann.person.id, "name": "ann"}


def test_nobody_enters_a_space_that_is_not_there(client, root):
    headers = {"Authorization": f"Bearer {root.write}"}
    assert client.get("/internal/visitor?space=none", headers=headers).status_code == 403
    assert client.get("/internal/visitor", headers=headers).status_code == 403
