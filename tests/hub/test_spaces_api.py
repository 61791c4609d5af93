"""The unmodified huggingface_hub against the Space part of the API."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.repo import Kind

HF = Path(sys.executable).with_name("hf")


def test_the_runtime_has_all_a_client_reads(api: HfApi, make):
    runtime = api.get_space_runtime(make().full)
    assert runtime.stage in ("NO_APP_FILE", "BUILDING")
    assert (runtime.hardware, runtime.requested_hardware) == (None, "cpu-basic")
    assert runtime.sleep_time == 900
    assert runtime.raw["why"]
    assert runtime.raw["domains"][0]["domain"].endswith(".localhost:7800")


def test_a_stage_without_an_app_says_what_to_push(api: HfApi, make):
    runtime = api.get_space_runtime(make().full)
    assert runtime.stage == "NO_APP_FILE"
    assert "push app.py" in runtime.raw["errorMessage"]


def test_pause_and_restart(api: HfApi, make):
    repo = make().full
    assert api.pause_space(repo).stage == "PAUSED"
    assert "ann paused it" in api.get_space_runtime(repo).raw["why"]
    assert api.restart_space(repo).stage != "PAUSED"
    assert api.restart_space(repo, factory_reboot=True).stage != "PAUSED"


def test_a_static_space_has_nothing_to_pause_and_says_so(api: HfApi, make):
    repo = make(sdk="static").full
    for act in (api.pause_space, api.restart_space):
        with pytest.raises(BadRequestError, match="static"):
            act(repo)


def test_sleep_time_is_kept_and_minus_one_is_never(api: HfApi, make):
    repo = make().full
    assert api.set_space_sleep_time(repo, 3600).sleep_time == 3600
    assert api.get_space_runtime(repo).sleep_time == 3600
    assert api.set_space_sleep_time(repo, -1).sleep_time is None


@pytest.mark.parametrize("seconds", [0, -2, 10**12])
def test_a_sleep_time_that_is_none_is_refused(api: HfApi, make, seconds):
    with pytest.raises(BadRequestError, match="sleep time"):
        api.set_space_sleep_time(make().full, seconds)


def test_hardware_is_one_of_the_hubs_tiers(api: HfApi, make):
    repo = make().full
    assert {tier.name for tier in api.list_spaces_hardware()} >= {"cpu-basic", "cpu-upgrade"}
    assert api.request_space_hardware(repo, "cpu-upgrade", sleep_time=60).requested_hardware == "cpu-upgrade"
    assert api.get_space_runtime(repo).sleep_time == 60
    with pytest.raises(BadRequestError, match=r"no hardware 'h100'.*cpu-basic, cpu-upgrade"):
        api.request_space_hardware(repo, "h100", sleep_time=30)
    assert api.get_space_runtime(repo).sleep_time == 60  # refused whole


def test_only_an_admin_takes_a_space_off_the_internet(api: HfApi, client, make, ann, root):
    repo = make().full
    url = f"/api/spaces/{repo}/internet"
    assert api.get_space_runtime(repo).raw["internet"]

    def ask(token, internet):
        return client.post(url, headers={"Authorization": f"Bearer {token}"}, json={"internet": internet})

    refused = ask(ann.write, False)
    assert (refused.status_code, refused.json()["error"].split(":")[-1].strip()[:19]) == (403, "only an admin can. ")
    assert ask(root.write, "off").status_code == 400
    assert ask(root.write, False).json()["internet"] is False
    assert api.get_space_runtime(repo).raw["internet"] is False
    assert ask(root.write, True).json()["internet"]


def test_variables_come_back_with_values(api: HfApi, make):
    repo = make().full
    assert api.get_space_variables(repo) == {}
    api.add_space_variable(repo, "COLOUR", "réd", description="of the wall")
    found = api.add_space_variable(repo, "SIZE", "")
    assert {name: each.value for name, each in found.items()} == {"COLOUR": "réd", "SIZE": ""}
    assert found["COLOUR"].description == "of the wall"
    assert found["COLOUR"].updated_at is not None
    assert set(api.delete_space_variable(repo, "SIZE")) == {"COLOUR"}


def test_secrets_are_listed_by_name_only(api: HfApi, make):
    repo = make().full
    api.add_space_secret(repo, "TOKEN", "hunter2", description="for the bank")
    found = api.get_space_secrets(repo)
    assert (set(found), found["TOKEN"].description) == ({"TOKEN"}, "for the bank")
    api.delete_space_secret(repo, "TOKEN")
    assert api.get_space_secrets(repo) == {}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SPACE_ID", "x", "the platform sets it"),
        ("OAUTH_CLIENT_SECRET", "x", "the platform sets it"),
        ("1A", "x", "does not begin with a digit"),
        ("A-B", "x", "letters, digits and _"),
        ("", "x", "letters, digits and _"),
        ("A" * 300, "x", "at most 256"),
        ("A", "x" * 40_000, "longer than 32768 bytes"),
        ("A", "a\0b", "a character that no text has"),
    ],
)
@pytest.mark.parametrize("kind", ["variable", "secret"])
def test_what_no_app_could_be_given_is_refused_by_name(api: HfApi, make, kind, name, value, why):
    put = api.add_space_variable if kind == "variable" else api.add_space_secret
    with pytest.raises(BadRequestError, match=why):
        put(make().full, name, value)


def test_a_name_is_a_variable_or_a_secret_and_never_both(api: HfApi, make):
    repo = make().full
    api.add_space_variable(repo, "A", "1")
    with pytest.raises(HfHubHTTPError, match="a variable has that name"):
        api.add_space_secret(repo, "A", "2")


def test_there_is_a_most_of_variables(api: HfApi, make, hub):
    repo = make()
    space = hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space
    for n in range(100):
        hub.do(lambda desk, n=n: desk.spaces.put_variable(space, f"V{n}", "x", ""))
    api.add_space_variable(repo.full, "V7", "changed")
    with pytest.raises(BadRequestError, match="100 of them"):
        api.add_space_variable(repo.full, "ONE_MORE", "x")


def test_deleting_what_is_not_there_is_a_404_with_a_sentence(api: HfApi, make):
    repo = make().full
    for act in (api.delete_space_variable, api.delete_space_secret):
        with pytest.raises(HfHubHTTPError, match="has no"):
            act(repo, "NOPE")


def test_a_missing_space_is_the_clients_repository_not_found(api: HfApi, ann):
    with pytest.raises(RepositoryNotFoundError):
        api.get_space_runtime("ann/none")


def test_names_are_matched_without_regard_to_case(api: HfApi, make):
    repo = make(name="CamelCase")
    assert api.get_space_runtime("ANN/camelcase").stage
    assert api.search_spaces("camelcase", include_non_running=True)
    assert [found.id for found in api.search_spaces("CAMEL", include_non_running=True)] == [repo.full]


def test_programs_get_a_host_that_they_resolve_and_browsers_the_name(client, hub, make):
    path = f"/api/spaces/{make(name='hosted').full}/host"
    browser = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
    program, page = client.get(path).json(), client.get(path, headers=browser).json()
    start = "http://ann-hosted." if hub.desk.names.resolves else "http://127."
    assert program["host"].startswith(start)
    assert page == {"subdomain": "ann-hosted", "host": "http://ann-hosted.localhost:7800"}


def test_the_way_back_from_a_subdomain(client, make):
    repo = make(name="backwards")
    found = client.get("/api/spaces/by-subdomain/ann-backwards").json()
    assert (found["id"], found["subdomain"]) == (repo.full, "ann-backwards")
    assert client.get("/api/spaces/by-subdomain/no-such").headers["X-Error-Code"] == "RepoNotFound"


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("secrets", {"key": "A"}, "value must be a string and is missing"),
        ("secrets", {"key": 1, "value": "x"}, "key must be a string"),
        ("secrets", {"key": "A", "value": "a\0b"}, "a character that no text has"),
        ("sleeptime", {"seconds": "600"}, "whole number"),
        ("sleeptime", {"seconds": True}, "whole number"),
        ("sleeptime", {}, "seconds is missing"),
        ("hardware", {"flavor": None}, "flavor must be a string"),
    ],
)
def test_a_body_that_makes_no_sense_is_the_callers_mistake(client, make, ann, path, body, why):
    headers = {"Authorization": f"Bearer {ann.write}"}
    answer = client.post(f"/api/spaces/{make().full}/{path}", content=json.dumps(body), headers=headers)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_hf_auth_whoami(home):
    done = subprocess.run([HF, "auth", "whoami"], env=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "ann" in done.stdout


def test_hf_spaces_commands_work(home, make):
    repo = make().full
    for command in (["pause", repo], ["restart", repo], ["hardware"], ["variables", "list", repo]):
        done = subprocess.run(
            [HF, "spaces", *command], env=home, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def test_a_dataset_has_no_runtime(client, make):
    repo = make(Kind.DATASET)
    assert client.get(f"/api/spaces/{repo.full}/runtime").headers["X-Error-Code"] == "RepoNotFound"
