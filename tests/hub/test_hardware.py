"""Tiers over the API and on the pages, by the unmodified client: what can be chosen, and why the rest cannot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi, SpaceHardware
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from spaces_runtime.domain.hardware import GIB, Gpu, Stock
from spaces_runtime.domain.repo import Repo
from tests.hub.serving import Hub

HF = Path(sys.executable).with_name("hf")
NONE = "this machine has no NVIDIA driver, or no GPU"
LARGE = Stock(memory=2048 * GIB, cpus=256, room=2000 * GIB, no_gpus=NONE)
T4 = Gpu(id="GPU-a", model="Tesla T4", memory=15 * GIB)


def publish(hub: Hub, stock: Stock) -> None:
    hub.do(lambda desk: desk.stocks.publish(stock))


@pytest.fixture
def machine(hub: Hub) -> Iterator[Hub]:
    """A scheduler has told what there is; a large machine afterwards, on which every tier of others is to be had."""
    publish(hub, LARGE)
    yield hub
    publish(hub, LARGE)


def test_all_tiers_of_todays_client_are_listed_and_those_that_can_be_had_come_first(api: HfApi, machine: Hub):
    found = api.list_spaces_hardware()
    assert {tier.value for tier in SpaceHardware} <= {tier.name for tier in found}
    assert [tier.name for tier in found[:2]] == ["cpu-basic", "cpu-upgrade"]
    t4 = next(tier for tier in found if tier.name == "t4-medium")
    assert (t4.cpu, t4.ram, t4.ephemeral_storage) == ("8 vCPU", "30 GB", "100 GB")
    assert (t4.accelerator.quantity, t4.accelerator.model, t4.accelerator.vram) == ("1", "T4", "16 GB")
    assert t4.pretty_name == "Nvidia T4 medium (not on this machine)"


def test_a_tier_without_its_gpu_is_refused_by_every_door_and_says_why(api: HfApi, machine: Hub, make):
    repo = make().full
    doors = (
        lambda: api.request_space_hardware(repo, SpaceHardware.T4_SMALL, sleep_time=60),
        lambda: api.create_repo("with-gpu", repo_type="space", space_sdk="gradio", space_hardware="t4-small"),
        lambda: api.duplicate_repo(repo, to_id="ann/gpu-twin", repo_type="space", space_hardware="t4-small"),
    )
    for door in doors:
        with pytest.raises(HfHubHTTPError, match=f"t4-small cannot be had here: {NONE}") as refused:
            door()
        assert refused.value.response.status_code == 422
    assert api.get_space_runtime(repo).requested_hardware == "cpu-basic"
    assert api.get_space_runtime(repo).sleep_time == 900, "refused whole"
    for name in ("ann/with-gpu", "ann/gpu-twin"):
        assert not api.repo_exists(name, repo_type="space")


def test_the_clients_command_line_says_so_too(api: HfApi, machine: Hub, make):
    repo = make().full
    env = {"HF_ENDPOINT": api.endpoint, "HF_TOKEN": str(api.token), "PATH": "/usr/bin"}
    words = [HF, "spaces", "settings", repo, "--hardware", "a10g-small"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=env)
    assert done.returncode != 0
    assert NONE in done.stderr


def test_where_its_gpu_is_a_tier_can_be_had_and_the_app_is_built_for_it(api: HfApi, machine: Hub, make):
    publish(machine, replace(LARGE, gpus=(T4,), no_gpus=""))
    repo = pushed(api, make())
    before = machine.do(lambda desk: _build(desk, repo))
    runtime = api.request_space_hardware(repo.full, SpaceHardware.T4_SMALL)
    assert (runtime.hardware, runtime.requested_hardware) == (None, "t4-small")
    assert runtime.raw["resources"]["limits"]["gpuModel"] == "T4"
    assert machine.do(lambda desk: _build(desk, repo)) == before + 1, "packages for processors are of no use there"
    api.request_space_hardware(repo.full, SpaceHardware.T4_SMALL)
    assert machine.do(lambda desk: _build(desk, repo)) == before + 1


def pushed(api: HfApi, repo: Repo) -> Repo:
    api.upload_file(path_or_fileobj=b"import gradio", path_in_repo="app.py", repo_id=repo.full, repo_type="space")
    return repo


async def _build(desk, repo) -> int:
    address = await desk.spaces.of_repo(repo.id)
    found = await desk.spaces.snapshot([address.space])
    return found[0].head.key.rebuild


def test_what_is_too_large_for_this_machine_is_refused_with_both_sizes(api: HfApi, machine: Hub, make):
    publish(machine, replace(LARGE, memory=24 * GIB))
    with pytest.raises(HfHubHTTPError, match="it has 32 GiB of memory, this machine 24 GiB"):
        api.request_space_hardware(make().full, "cpu-upgrade")


def test_no_such_tier_is_answered_with_those_that_can_be_had(api: HfApi, machine: Hub, make):
    with pytest.raises(BadRequestError, match=r"has no hardware 'h100'\. It has cpu-basic, cpu-upgrade"):
        api.request_space_hardware(make().full, "h100")


def test_a_duplicate_gets_the_default_where_the_originals_tier_is_not_to_be_had(api: HfApi, machine: Hub, make):
    publish(machine, replace(LARGE, gpus=(T4,), no_gpus=""))
    repo = pushed(api, make())
    api.request_space_hardware(repo.full, "t4-small")
    publish(machine, LARGE)
    twin = api.duplicate_repo(repo.full, to_id=f"{repo.full}-twin", repo_type="space")
    assert api.get_space_runtime(twin.repo_id).requested_hardware == "cpu-basic"


def test_the_runtime_says_what_is_reserved_and_what_the_ceilings_are(api: HfApi, machine: Hub, make):
    resources = api.get_space_runtime(make().full).raw["resources"]
    assert resources["requests"] == {"memory": str(256 * 2**20)}
    assert resources["limits"] == {"cpu": "2", "memory": str(16 * GIB), "ephemeral": str(50 * GIB)}


def test_pages_offer_what_can_be_had_and_say_why_the_rest_cannot(client, machine: Hub, make, ann):
    headers = {"Authorization": f"Bearer {ann.write}"}
    repo = make().full
    for page in ("/new-space", f"/spaces/{repo}/settings"):
        text = client.get(page, headers=headers).text
        assert 'value="cpu-upgrade"' in text
        assert 'value="t4-small"' not in text
        assert f'<span class="mono">t4-small</span>: {NONE}' in text
    answer = client.post(f"/spaces/{repo}/settings/hardware", headers=headers, data={"hardware": "t4-small"})
    assert (answer.status_code, NONE in answer.text) == (400, True)
    form = {"name": "page-gpu", "template": "gradio", "hardware": "t4-small", "visibility": "public"}
    answer = client.post("/new-space", headers=headers, data=form)
    assert (answer.status_code, NONE in answer.text) == (400, True)


def test_a_spaces_page_shows_tier_ceilings_and_reservation(client, machine: Hub, make):
    text = client.get(f"/spaces/{make().full}").text.replace("\xa0", " ")
    assert "cpu-basic" in text
    assert "at most 2 cores, 16 GB, 50 GB of disk, 256 MiB of memory reserved" in text
