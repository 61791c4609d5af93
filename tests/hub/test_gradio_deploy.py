"""`gradio deploy`, unmodified, in a folder with an app."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

GRADIO = Path(sys.executable).with_name("gradio")
ANSWERS = "cpu-upgrade\ny\nKEY\nhunter2\n\nn\nn\n"  # hardware; secrets; requirements.txt; GitHub action


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    made.mkdir()
    (made / "app.py").write_text("import gradio as gr\n\ngr.Interface(str.upper, 'text', 'text').launch()\n")
    (made / "requirements.txt").write_text("")
    return made


@pytest.mark.client("gradio deploy")
def test_gradio_deploy_makes_the_space_pushes_the_folder_and_sets_the_secret(folder, home, api: HfApi, hub):
    command = [GRADIO, "deploy", "--title", "shout", "--app-file", "app.py"]
    done = subprocess.run(
        command, cwd=folder, env=home, input=ANSWERS, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "login" not in done.stdout.lower()  # the token's role is `write`, so nobody is asked to sign in again
    files = api.list_repo_files("ann/shout", repo_type="space")
    assert {"app.py", "requirements.txt", "README.md"} <= set(files)
    runtime = api.get_space_runtime("ann/shout")
    assert (runtime.stage, runtime.requested_hardware) == ("BUILDING", "cpu-upgrade")
    assert set(api.get_space_secrets("ann/shout")) == {"KEY"}
    assert api.space_info("ann/shout").sdk == "gradio"
    assert "hunter2" not in done.stdout + done.stderr


def test_gradio_client_finds_the_host_and_the_stage(api: HfApi, hub, make):
    """Client("ann/x") reads `host` from the repo info, then polls the runtime while it is BUILDING."""
    from gradio_client import Client

    repo = make()
    info = api.space_info(repo.full)
    assert info.host
    assert info.host.startswith("http://")
    assert info.subdomain == f"ann-{repo.name}"
    api.pause_space(repo.full)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        patch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
        with pytest.raises(ValueError, match="invalid state: PAUSED"):
            Client(repo.full, verbose=False)
