"""Limits of Spaces and hardware, pins, and what a Space waits for: as people meet them."""

from __future__ import annotations

import secrets
import time

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.repo import Visibility
from spaces_runtime.domain.waits import Waits

GIB = 2**30


@pytest.fixture
def limited(hub, ann):
    """Gives ann limits for as long as a test takes."""
    yield lambda **limits: hub.do(lambda desk: desk.allowances.give(ann.name, limits))
    hub.do(lambda desk: desk.allowances.give(ann.name, {"spaces": None, "memory": None, "gpu_hours": None}))


def test_a_space_too_many_is_refused_in_words_and_a_model_is_not(api: HfApi, hub, make, ann, limited):
    make()
    has = hub.do(lambda desk: desk.allowances.of(ann.name)).spaces
    limited(spaces=has)
    name = f"{ann.name}/{secrets.token_hex(4)}"
    with pytest.raises(HfHubHTTPError) as refused:
        api.create_repo(name, repo_type="space", space_sdk="gradio")
    assert refused.value.response.status_code == 403
    assert f"{ann.name} has {has} of {has} Spaces" in str(refused.value)
    api.create_repo(name, repo_type="model")


def test_hardware_beyond_the_limit_is_refused_when_it_is_chosen_and_when_a_space_is_made(
    api: HfApi, make, ann, limited
):
    repo = make()
    limited(memory=GIB)
    with pytest.raises(HfHubHTTPError, match="may use 1 GiB of memory at once, and cpu-basic has 16 GiB"):
        api.request_space_hardware(repo.full, "cpu-basic")
    with pytest.raises(HfHubHTTPError, match="may use 1 GiB"):
        api.create_repo(f"{ann.name}/{secrets.token_hex(4)}", repo_type="space", space_sdk="gradio")


def test_only_an_admin_pins_a_space(api: HfApi, client, make, ann, root):
    repo = make()

    def ask(token, pinned):
        headers = {"Authorization": f"Bearer {token}"}
        return client.post(f"/api/spaces/{repo.full}/pin", headers=headers, json={"pinned": pinned})

    assert ask(ann.write, True).status_code == 403
    assert ask(root.write, True).json()["pinned"] is True
    assert api.get_space_runtime(repo.full).raw["pinned"] is True
    assert ask(root.write, "yes").status_code == 400
    assert ask(root.write, False).json()["pinned"] is False


def test_what_a_space_waits_for_names_only_holders_that_the_asker_may_see(hub, make, client, ann, root):
    mine, open_one, hidden = make(), make(), make()

    def at(repo):
        return hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space

    hub.do(lambda desk: desk.index.set_visibility(hidden.id, Visibility.PRIVATE))
    waits = Waits(
        memory=2 * GIB, free=GIB, room=8 * GIB, holders=(at(open_one), at(hidden)), others=1, at=1_800_000_000.0
    )
    seen = {at(mine): Observed(at=time.time(), position=2, waits=waits)}
    hub.do(lambda desk: desk.observations.publish(seen))

    def told(token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.get(f"/api/spaces/{mine.full}/runtime", headers=headers).json()["waiting"]

    shown = {
        "position": 2,
        "memory": {"needs": 2 * GIB, "free": GIB, "room": 8 * GIB},
        "heldBy": [open_one.full],
        "othersHold": 2,
        "expectedAt": "2027-01-15T08:00:00.000Z",
    }
    assert told("") == shown
    assert told(root.write) == shown | {"heldBy": [open_one.full, hidden.full], "othersHold": 1}
    page = client.get(f"/spaces/{mine.full}").text
    assert f'Held by <a href="/spaces/{open_one.full}">{open_one.full}</a> and 2 more that you cannot see.' in page
