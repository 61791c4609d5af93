"""HfApi on Spaces: each method once. Nothing runs here; tests/clients/test_deployed.py has Spaces that do."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import HfApi, Volume

from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.repo import Kind
from tests.clients.conftest import Hf
from tests.clients.refusals import command_not_offered, not_offered
from tests.hub.serving import Hub

NUMBERS = count()


@pytest.fixture
def name(api: HfApi) -> str:
    """Of a Space without an app."""
    made = f"ann/space-{next(NUMBERS)}"
    api.create_repo(made, repo_type="space", space_sdk="gradio")
    return made


@pytest.mark.client("HfApi.get_space_runtime", "HfApi.pause_space", "HfApi.restart_space", "HfApi.wait_for_space")
def test_a_space_is_paused_started_and_waited_for(api: HfApi, name: str) -> None:
    assert api.get_space_runtime(name).stage == "NO_APP_FILE"
    api.upload_file(path_or_fileobj=b"print(1)", path_in_repo="app.py", repo_id=name, repo_type="space")
    assert api.pause_space(name).stage == "PAUSED"
    assert api.wait_for_space(name, timeout=5).stage == "PAUSED"
    assert api.restart_space(name).stage != "PAUSED"


@pytest.mark.client("HfApi.request_space_hardware", "HfApi.set_space_sleep_time", "HfApi.list_spaces_hardware")
def test_hardware_and_sleep_are_chosen(api: HfApi, name: str) -> None:
    names = [hardware.name for hardware in api.list_spaces_hardware()]
    assert "cpu-basic" in names
    assert api.request_space_hardware(name, hardware="cpu-basic", sleep_time=600).sleep_time == 600
    assert api.set_space_sleep_time(name, sleep_time=900).sleep_time == 900


@pytest.mark.client("HfApi.add_space_variable", "HfApi.get_space_variables", "HfApi.delete_space_variable")
def test_variables_are_put_read_and_deleted(api: HfApi, name: str) -> None:
    api.add_space_variable(name, "MODE", "fast", description="how")
    assert api.get_space_variables(name)["MODE"].value == "fast"
    assert api.delete_space_variable(name, "MODE") == {}


@pytest.mark.client("HfApi.add_space_secret", "HfApi.get_space_secrets", "HfApi.delete_space_secret")
def test_secrets_are_put_and_deleted_and_never_read(api: HfApi, name: str) -> None:
    api.add_space_secret(name, "KEY", "s3cret", description="which")
    found = api.get_space_secrets(name)["KEY"]
    assert (found.description, "s3cret" in repr(found)) == ("which", False)
    api.delete_space_secret(name, "KEY")
    assert not api.get_space_secrets(name)


@pytest.mark.client("HfApi.fetch_space_logs")
def test_logs_are_read(api: HfApi, hub: Hub, name: str) -> None:
    async def written(desk: Desk) -> None:
        repo = await desk.index.find(Kind.SPACE, *name.split("/"))
        assert repo is not None
        address = await desk.spaces.of_repo(repo.id)
        assert address is not None
        await desk.logs.append(address.space, Source.RUN, "hello\n")

    hub.do(written)
    assert "hello\n" in list(api.fetch_space_logs(name))


@pytest.mark.refused("HfApi.enable_space_dev_mode", "HfApi.disable_space_dev_mode")
def test_dev_mode_is_not_offered(api: HfApi, name: str) -> None:
    not_offered("dev mode", lambda: api.enable_space_dev_mode(name))
    not_offered("dev mode", lambda: api.disable_space_dev_mode(name))


@pytest.mark.client(
    "HfApi.set_space_volumes", "HfApi.delete_space_volumes", "HfApi.move_bucket", "HfApi.sync_job_volume"
)
def test_volumes_are_set_and_taken_away(api: HfApi, name: str, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up/a.txt").write_text("a")
    made = api.sync_job_volume(tmp_path / "up", "/data")
    assert [file.path for file in api.list_bucket_tree(made.source, made.path)] == [f"{made.path}/a.txt"]
    api.move_bucket(made.source, f"{name}-pail")
    api.set_space_volumes(name, [Volume(type="bucket", source=f"{name}-pail", mount_path="/data")])
    assert [volume.mount_path for volume in api.get_space_runtime(name).volumes] == ["/data"]
    api.delete_space_volumes(name)
    assert not api.get_space_runtime(name).volumes


@pytest.mark.refused("HfApi.get_zero_gpu_quota", "hf spaces zero-gpu quota")
def test_shared_gpus_by_the_call_are_not_offered(api: HfApi, hf: Hf) -> None:
    not_offered("ZeroGPU", api.get_zero_gpu_quota)
    command_not_offered(hf, "ZeroGPU", "spaces zero-gpu quota")


@pytest.mark.refused("hf spaces hot-reload")
def test_hot_reload_commits_and_says_that_the_app_is_deployed_anew(hf: Hf, name: str) -> None:
    (hf.folder / "app.py").write_text("print(2)\n")
    said = hf("spaces", "hot-reload", name, "-f", "app.py", "--skip-checks", fails=True)
    assert "has not been hot-reloaded" in said
    assert "Traceback" not in said
    assert "app.py" in hf("spaces", "list", name)
