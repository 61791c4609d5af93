from __future__ import annotations

import pytest
from huggingface_hub import HfApi
from huggingface_hub.repocard import RepoCard

PATH = "/api/validate-yaml"


def asked(client, content: str, kind: str = "model", **headers: str):
    return client.post(PATH, json={"content": content, "repoType": kind}, headers=headers)


def test_a_good_card_has_neither_errors_nor_warnings(client):
    answer = asked(client, "---\nlicense: mit\n---\n# Hi\n")
    assert (answer.status_code, answer.json()) == (200, {"errors": [], "warnings": []})


def test_a_card_without_settings_is_a_warning(client):
    answer = asked(client, "# Hi\n")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == [{"message": "empty or missing yaml metadata in repo card"}]


def test_a_wrong_value_is_an_error_that_says_where_what_and_what_is_allowed(client):
    answer = asked(client, "---\ntitle: x\nsdk: flask\n---\n", "space")
    assert (answer.status_code, answer.json()["warnings"]) == (400, [])
    assert answer.json()["errors"][0]["message"].startswith('README.md line 3: sdk is "flask". Allowed: gradio')


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"content": 1}', b'{"content": "", "repoType": "bucket"}'])
def test_the_answer_is_json_of_the_same_shape_whatever_is_sent(client, sent):
    answer = client.post(PATH, content=sent)
    assert answer.status_code == 400
    assert set(answer.json()) == {"errors", "warnings"}
    assert answer.json()["errors"][0]["message"]


def test_text_is_for_those_who_ask_for_text(client):
    answer = asked(client, "---\nlicense: asdf\n---\n", Accept="text/plain")
    assert answer.status_code == 400
    assert answer.text.startswith('- Error: "license" must be one of [')
    assert 'README.md line 2: license is "asdf"' in answer.text


def test_the_client_shows_the_errors_of_a_readme_it_is_about_to_commit(api: HfApi, make):
    with pytest.raises(ValueError, match=r'Invalid metadata in README.md.\n- README.md line 2: sdk is "flask"'):
        api.upload_file(
            path_or_fileobj=b"---\nsdk: flask\n---\n", path_in_repo="README.md", repo_id=make().full, repo_type="space"
        )


def test_a_card_object_checks_itself(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    RepoCard("---\nlicense: mit\n---\n").validate()
    with pytest.raises(ValueError, match='- Error: "license" must be one of'):
        RepoCard("---\nlicense: asdf\n---\n").validate()
