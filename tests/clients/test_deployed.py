"""From a push by an unmodified client to an answer through an unmodified client, on a running platform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from bench.kernel import is_asleep
from bench.platform import HELLO, Platform

CALL = """
import sys
from gradio_client import Client
client = Client(sys.argv[1], verbose=False)
print(client.predict(*sys.argv[3:], api_name=sys.argv[2]))
"""
SLOW = """
import time
import gradio as gr

time.sleep(20)
gr.Interface(lambda text: text.upper(), "text", "text", api_name="upper").launch()
"""
TELL = """
import os
import gradio as gr

gr.Interface(lambda name: os.environ.get(name, "-"), "text", "text", api_name="tell").launch()
"""
README = "---\ntitle: {name}\nsdk: gradio\nsdk_version: 6.31.0\n---\n"


@pytest.fixture
def home(tmp_path: Path, running: Platform) -> dict[str, str]:
    """The environment of a person who uses this hub."""
    url = f"http://localhost:{running.port}"
    return os.environ | {"HF_ENDPOINT": url, "HF_TOKEN": running.token, "HF_HOME": str(tmp_path / "hf")}


def predict(home: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CALL, *words], env=home, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def folder(at: Path, name: str, app: str) -> Path:
    at.mkdir()
    (at / "README.md").write_text(README.format(name=name))
    (at / "app.py").write_text(app)
    return at


def api(running: Platform) -> HfApi:
    return HfApi(endpoint=f"http://localhost:{running.port}", token=running.token)


def test_upload_folder_deploys_and_a_client_named_by_the_space_gets_its_answer(running: Platform, home):
    hub = api(running)
    hub.create_repo("bench/uploaded", repo_type="space", space_sdk="gradio")
    hub.upload_folder(repo_id="bench/uploaded", repo_type="space", folder_path=HELLO)
    running.until("uploaded", "RUNNING")
    assert predict(home, "bench/uploaded", "/greet", "Ada") == "Hello, Ada!"
    assert hub.get_space_runtime("bench/uploaded").stage == "RUNNING"


def test_a_secret_and_a_variable_reach_the_app_and_the_secret_nobody_else(running: Platform, home, tmp_path):
    hub = api(running)
    hub.create_repo("bench/told", repo_type="space", space_sdk="gradio")
    hub.add_space_secret("bench/told", "HIDDEN", "s3cret-value")
    hub.add_space_variable("bench/told", "SHOWN", "plain")
    hub.upload_folder(repo_id="bench/told", repo_type="space", folder_path=folder(tmp_path / "a", "told", TELL))
    running.until("told", "RUNNING")
    assert predict(home, "bench/told", "/tell", "HIDDEN") == "s3cret-value"
    assert predict(home, "bench/told", "/tell", "SHOWN") == "plain"
    assert predict(home, "bench/told", "/tell", "SPACE_ID") == "bench/told"
    shown = f"{hub.get_space_secrets('bench/told')}{running.api('GET', '/api/spaces/bench/told')}"
    assert "HIDDEN" in shown
    assert "s3cret-value" not in shown
    assert "s3cret-value" not in (running.data / "log").read_text()


def test_a_client_is_held_while_an_app_takes_twenty_seconds_to_start(running: Platform, home, tmp_path):
    hub = api(running)
    hub.create_repo("bench/slow", repo_type="space", space_sdk="gradio")
    hub.upload_folder(repo_id="bench/slow", repo_type="space", folder_path=folder(tmp_path / "a", "slow", SLOW))
    running.until("slow", "RUNNING")
    running.spaces("space", "sleep", "bench/slow", "--rung", "cold")
    assert is_asleep("bench/slow", "cold")
    with pytest.raises(RuntimeError, match=r"it is cold, which is deeper than frozen\. Wake it first"):
        running.spaces("space", "sleep", "bench/slow", "--rung", "frozen")
    assert predict(home, "bench/slow", "/upper", "held") == "HELD"


def test_gradio_deploy_puts_a_folder_on_its_address(running: Platform, home, tmp_path):
    (tmp_path / "home").mkdir()
    app = folder(tmp_path / "deployed", "deployed", TELL)
    command = [str(Path(sys.executable).with_name("gradio")), "deploy", "--title", "deployed", "--app-file", "app.py"]
    done = subprocess.run(
        command, cwd=app, env=home | {"HOME": str(tmp_path / "home")}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    running.until("deployed", "RUNNING")
    assert predict(home, "bench/deployed", "/tell", "SPACE_REPO_NAME") == "deployed"
