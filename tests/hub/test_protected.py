"""A protected Space: everybody may use the app, and learns of it no more than its face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi

from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account

CARD = """---
title: Guess
emoji: 🎲
sdk: static
license: mit
short_description: It guesses
app_file: secret_folder/app.py
models: [ann/hidden-model]
datasets: [ann/hidden-data]
tags: [game]
preload: something of ours
---
See https://arxiv.org/abs/2401.00001
"""
HIDDEN = ("hidden-", "secret_folder", "something of ours", "2401.00001")


@dataclass(frozen=True)
class Guess:
    """The Space, and how everybody asks about it."""

    repo: Repo
    first: str
    client: httpx.Client
    headers: dict[str, str]

    def ask(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers or self.headers)


@pytest.fixture(params=["nobody", "stranger"])
def guess(request: pytest.FixtureRequest, api: HfApi, make: Any, client: httpx.Client, bob: Account) -> Guess:
    repo = make(Kind.SPACE, visibility=Visibility.PROTECTED)
    made = [
        api.upload_file(
            path_or_fileobj=readme.encode(), path_in_repo="README.md", repo_id=repo.full, repo_type="space"
        ).oid
        for readme in ("---\ntitle: An older name\nsdk: static\n---\n", CARD)
    ]
    headers = {} if request.param == "nobody" else {"Authorization": f"Bearer {bob.write}"}
    return Guess(repo, made[0], client, headers)


def test_its_face_is_shown_and_what_its_code_uses_is_not(guess: Guess) -> None:
    full = guess.repo.full
    info = guess.ask(f"/api/spaces/{full}")
    shown = info.json()
    assert shown["cardData"]["title"] == "Guess"
    assert shown["cardData"]["short_description"] == "It guesses"
    assert {"game", "license:mit", "static"} <= set(shown["tags"])
    assert "siblings" not in shown
    paths = [f"/api/spaces?search={full}&full=true", f"/api/spaces?search={full}&expand=cardData&expand=models"]
    paths += [f"/api/spaces/semantic-search?q={full}&includeNonRunning=true", f"/spaces/{full}"]
    for answer in (info, *(guess.ask(path) for path in paths)):
        assert answer.status_code == 200
        assert guess.repo.name in answer.text
        assert not [word for word in HIDDEN if word in answer.text]


def test_what_it_was_before_is_not_for_everybody(guess: Guess) -> None:
    full, status = guess.repo.full, 403 if guess.headers else 401
    for rev in (guess.first, "main", "refs%2Fpr%2F1"):
        answer = guess.ask(f"/api/spaces/{full}/revision/{rev}")
        assert answer.status_code == status
        assert "An older name" not in answer.text


@pytest.mark.parametrize("asked", ["models=ann/hidden-model", "linked=true", "filter=dataset:ann/hidden-data"])
def test_nobody_finds_it_by_what_its_code_uses(guess: Guess, ann: Account, asked: str) -> None:
    path = f"/api/spaces?{asked}&search={guess.repo.full}"
    assert guess.ask(path).json() == []
    assert [row["id"] for row in guess.ask(path, Authorization=f"Bearer {ann.read}").json()] == [guess.repo.full]


def test_a_models_page_does_not_name_it_among_its_users(guess: Guess, api: HfApi, ann: Account) -> None:
    api.create_repo("ann/hidden-model", exist_ok=True)
    assert guess.repo.full not in guess.ask("/api/models/ann/hidden-model").json()["spaces"]
    known = guess.ask("/api/models/ann/hidden-model", Authorization=f"Bearer {ann.read}").json()["spaces"]
    assert guess.repo.full in known


def test_its_owner_sees_all_of_it(guess: Guess, api: HfApi) -> None:
    now = api.space_info(guess.repo.full)
    assert (now.card_data["app_file"], now.models) == ("secret_folder/app.py", ["ann/hidden-model"])
    assert api.space_info(guess.repo.full, revision=guess.first).card_data["title"] == "An older name"
