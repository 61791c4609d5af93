"""What the client knows and this hub does not do: the answer is clear, whichever way it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.clients.conftest import Hf
from tests.clients.refusals import command_not_offered, not_offered

JOB, IMAGE = "0123456789abcdef01234567", "python:3.12"


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "script.py").write_text("print(1)\n")
    return str(tmp_path / "script.py")


@pytest.mark.refused(
    "HfApi.list_collections", "HfApi.get_collection", "HfApi.create_collection", "HfApi.delete_collection",
    "HfApi.update_collection_metadata", "HfApi.update_collection_resource_group", "HfApi.add_collection_item",
    "HfApi.update_collection_item", "HfApi.delete_collection_item",
)  # fmt: skip
def test_collections(api: HfApi) -> None:
    for call in (
        api.list_collections,
        lambda: api.get_collection("ann/some-1"),
        lambda: api.create_collection("Some"),
        lambda: api.delete_collection("ann/some-1"),
        lambda: api.update_collection_metadata("ann/some-1", title="Other"),
        lambda: api.update_collection_resource_group("ann/some-1", None),
        lambda: api.add_collection_item("ann/some-1", "ann/x", "model"),
        lambda: api.update_collection_item("ann/some-1", "1", note="x"),
        lambda: api.delete_collection_item("ann/some-1", "1"),
    ):
        not_offered("collections", call)


@pytest.mark.refused(
    "HfApi.list_webhooks", "HfApi.get_webhook", "HfApi.create_webhook", "HfApi.update_webhook",
    "HfApi.enable_webhook", "HfApi.disable_webhook", "HfApi.delete_webhook",
)  # fmt: skip
def test_webhooks(api: HfApi) -> None:
    for call in (
        api.list_webhooks,
        lambda: api.get_webhook("1"),
        lambda: api.create_webhook(url="http://localhost", watched=[{"type": "user", "name": "ann"}]),
        lambda: api.update_webhook("1", url="http://localhost"),
        lambda: api.enable_webhook("1"),
        lambda: api.disable_webhook("1"),
        lambda: api.delete_webhook("1"),
    ):
        not_offered("webhooks", call)


@pytest.mark.refused(
    "HfApi.run_job", "HfApi.run_uv_job", "HfApi.rerun_job", "HfApi.list_jobs", "HfApi.list_jobs_hardware",
    "HfApi.inspect_job", "HfApi.wait_for_job", "HfApi.cancel_job", "HfApi.fetch_job_logs", "HfApi.fetch_job_metrics",
    "HfApi.update_job_expose", "HfApi.update_job_labels",
)  # fmt: skip
def test_jobs(api: HfApi, script: str) -> None:
    for call in (
        lambda: api.run_job(image=IMAGE, command=["true"]),
        lambda: api.run_uv_job(script),
        lambda: api.rerun_job(job_id=JOB),
        lambda: api.list_jobs(namespace="ann"),
        api.list_jobs_hardware,
        lambda: api.inspect_job(job_id=JOB),
        lambda: api.wait_for_job(job_id=JOB),
        lambda: api.cancel_job(job_id=JOB),
        lambda: api.fetch_job_logs(job_id=JOB),
        lambda: api.fetch_job_metrics(job_id=JOB),
        lambda: api.update_job_expose(job_id=JOB, expose=[7860]),
        lambda: api.update_job_labels(job_id=JOB, labels={"a": "b"}),
    ):
        not_offered("jobs", call)


@pytest.mark.refused(
    "HfApi.create_scheduled_job", "HfApi.create_scheduled_uv_job", "HfApi.list_scheduled_jobs",
    "HfApi.inspect_scheduled_job", "HfApi.suspend_scheduled_job", "HfApi.resume_scheduled_job",
    "HfApi.trigger_scheduled_job", "HfApi.delete_scheduled_job", "HfApi.update_scheduled_job_labels",
    "HfApi.update_scheduled_job_schedule",
)  # fmt: skip
def test_scheduled_jobs(api: HfApi, script: str) -> None:
    for call in (
        lambda: api.create_scheduled_job(image=IMAGE, command=["true"], schedule="@daily"),
        lambda: api.create_scheduled_uv_job(script, schedule="@daily"),
        api.list_scheduled_jobs,
        lambda: api.inspect_scheduled_job(scheduled_job_id=JOB),
        lambda: api.suspend_scheduled_job(scheduled_job_id=JOB),
        lambda: api.resume_scheduled_job(scheduled_job_id=JOB),
        lambda: api.trigger_scheduled_job(scheduled_job_id=JOB),
        lambda: api.delete_scheduled_job(scheduled_job_id=JOB),
        lambda: api.update_scheduled_job_labels(scheduled_job_id=JOB, labels={"a": "b"}),
        lambda: api.update_scheduled_job_schedule(scheduled_job_id=JOB, schedule="@daily"),
    ):
        not_offered("jobs", call)


@pytest.mark.refused(
    "HfApi.list_papers", "HfApi.list_daily_papers", "HfApi.paper_info", "HfApi.read_paper", "HfApi.kernel_info",
    "HfApi.get_dataset_leaderboard",
)  # fmt: skip
def test_papers_kernels_and_leaderboards(api: HfApi) -> None:
    for call in (
        lambda: api.list_papers(query="x"),
        api.list_daily_papers,
        lambda: api.paper_info("2101.00001"),
        lambda: api.read_paper("2101.00001"),
    ):
        not_offered("papers", call)
    not_offered("kernels", lambda: api.kernel_info("ann/some"))
    not_offered("leaderboards of datasets", lambda: api.get_dataset_leaderboard("ann/some"))


@pytest.mark.refused(
    "hf collections list", "hf collections info", "hf collections create", "hf collections update",
    "hf collections delete", "hf collections add-item", "hf collections update-item", "hf collections delete-item",
)  # fmt: skip
def test_collections_on_the_command_line(hf: Hf) -> None:
    command_not_offered(
        hf, "collections",
        "collections list", "collections info ann/some-1", "collections create Some",
        "collections update ann/some-1 --title Other", "collections delete ann/some-1",
        "collections add-item ann/some-1 ann/x model", "collections update-item ann/some-1 1 --note x",
        "collections delete-item ann/some-1 1",
    )  # fmt: skip


@pytest.mark.refused(
    "hf webhooks list", "hf webhooks info", "hf webhooks create", "hf webhooks update", "hf webhooks enable",
    "hf webhooks disable", "hf webhooks delete",
)  # fmt: skip
def test_webhooks_on_the_command_line(hf: Hf) -> None:
    command_not_offered(
        hf, "webhooks",
        "webhooks list", "webhooks info 1", "webhooks create --watch user:ann --url http://localhost",
        "webhooks update 1 --url http://localhost", "webhooks enable 1", "webhooks disable 1",
        "webhooks delete 1 --yes",
    )  # fmt: skip


@pytest.mark.refused(
    "hf jobs run", "hf jobs uv run", "hf jobs rerun", "hf jobs list", "hf jobs hardware", "hf jobs inspect",
    "hf jobs wait", "hf jobs cancel", "hf jobs logs", "hf jobs stats", "hf jobs expose", "hf jobs labels",
    "hf jobs ssh",
)  # fmt: skip
def test_jobs_on_the_command_line(hf: Hf, script: str) -> None:
    command_not_offered(
        hf, "jobs",
        f"jobs run {IMAGE} true", f"jobs uv run {script}", f"jobs rerun {JOB}", "jobs list",
        "jobs hardware", f"jobs inspect {JOB}", f"jobs wait {JOB}", f"jobs cancel {JOB}", f"jobs logs {JOB}",
        f"jobs stats {JOB}", f"jobs expose {JOB} 7860", f"jobs labels {JOB} --label a=b", f"jobs ssh {JOB}",
    )  # fmt: skip


@pytest.mark.refused(
    "hf jobs scheduled run", "hf jobs scheduled uv run", "hf jobs scheduled list", "hf jobs scheduled inspect",
    "hf jobs scheduled suspend", "hf jobs scheduled resume", "hf jobs scheduled trigger", "hf jobs scheduled delete",
    "hf jobs scheduled labels", "hf jobs scheduled reschedule",
)  # fmt: skip
def test_scheduled_jobs_on_the_command_line(hf: Hf, script: str) -> None:
    command_not_offered(
        hf, "jobs",
        f"jobs scheduled run @daily {IMAGE} true", f"jobs scheduled uv run @daily {script}",
        "jobs scheduled list", f"jobs scheduled inspect {JOB}", f"jobs scheduled suspend {JOB}",
        f"jobs scheduled resume {JOB}", f"jobs scheduled trigger {JOB}", f"jobs scheduled delete {JOB}",
        f"jobs scheduled labels {JOB} --label a=b", f"jobs scheduled reschedule {JOB} @daily",
    )  # fmt: skip


@pytest.mark.refused(
    "hf sandbox create", "hf sandbox exec", "hf sandbox cp", "hf sandbox kill", "hf sandbox spawn",
    "hf sandbox process ls", "hf sandbox process kill", "hf sandbox pool create", "hf sandbox pool delete",
    "hf sandbox pool ls",
)  # fmt: skip
def test_sandboxes_which_are_jobs(hf: Hf) -> None:
    command_not_offered(
        hf, "jobs",
        "sandbox create", f"sandbox exec {JOB} -- true", f"sandbox cp x {JOB}:/x", f"sandbox kill {JOB}",
        f"sandbox spawn {JOB} -- true", f"sandbox process ls {JOB}", f"sandbox process kill {JOB} 1",
        "sandbox pool create", f"sandbox pool delete {JOB}", "sandbox pool ls",
    )  # fmt: skip


@pytest.mark.refused("hf papers list", "hf papers search", "hf papers info", "hf papers read")
def test_papers_on_the_command_line(hf: Hf) -> None:
    command_not_offered(
        hf, "papers", "papers list", "papers search x", "papers info 2101.00001", "papers read 2101.00001"
    )


@pytest.mark.refused("hf datasets leaderboard", "hf spaces dev-mode", "hf spaces ssh")
def test_a_leaderboard_and_dev_mode_on_the_command_line(hf: Hf) -> None:
    command_not_offered(hf, "leaderboards of datasets", "datasets leaderboard ann/some")
    hf("repos", "create", "ann/in-dev", "--type", "space", "--space-sdk", "static")
    command_not_offered(hf, "dev mode", "spaces dev-mode ann/in-dev", "spaces ssh ann/in-dev --auto")


@pytest.mark.refused("HfApi.upload_attachment")
def test_attachments(api: HfApi, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    not_offered("files attached to discussions", lambda: api.upload_attachment(tmp_path / "x.png"))
