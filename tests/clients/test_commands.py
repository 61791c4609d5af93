"""The hf command: each of its commands on repos, content, Spaces and accounts once, as its users type it."""

from __future__ import annotations

import json
import subprocess
from itertools import count

import pytest

from tests.clients.conftest import Hf
from tests.hub.conftest import Account

NUMBERS = count()


@pytest.fixture
def name() -> str:
    """Of a repo that is not there yet."""
    return f"ann/command-{next(NUMBERS)}"


@pytest.fixture
def model(hf: Hf, name: str) -> str:
    """With a card and a file."""
    hf("repos", "create", name)
    (hf.folder / name).mkdir(parents=True)
    (hf.folder / name / "README.md").write_text("---\nlicense: mit\n---\n# Hello\n")
    (hf.folder / name / "x.txt").write_text("hello")
    hf("upload", name, name, ".")
    return name


@pytest.mark.client(
    "hf repos create", "hf repos list", "hf repos settings", "hf repos move", "hf repos duplicate", "hf repos delete"
)
def test_hf_repos(hf: Hf, name: str) -> None:
    assert name in hf("repos", "create", name, "--type", "dataset", "--private")
    assert name in hf("repos", "list", "--type", "dataset")
    hf("repos", "settings", name, "--type", "dataset", "--public", "--gated", "auto")
    hf("repos", "move", name, f"{name}-now", "--type", "dataset")
    hf("repos", "duplicate", f"{name}-now", f"{name}-copy", "--type", "dataset")
    for each in (f"{name}-now", f"{name}-copy"):
        hf("repos", "delete", each, "--type", "dataset", "--yes")
    assert "not found" in hf("datasets", "info", f"{name}-now", fails=True).lower()


@pytest.mark.client("hf models card", "hf models info", "hf models list", "hf download", "hf upload")
def test_hf_models(hf: Hf, model: str) -> None:
    assert "# Hello" in hf("models", "card", model)
    assert json.loads(hf("models", "info", model, "--json"))["card_data"]["license"] == "mit"
    assert model in hf("models", "list", "--author", "ann", "--search", model.partition("/")[2])
    assert "x.txt" in hf("models", "list", model)
    hf("download", model, "x.txt", "--local-dir", f"{model}-down")
    assert (hf.folder / f"{model}-down/x.txt").read_text() == "hello"
    (hf.folder / "one.txt").write_text("one")
    hf("upload", model, "one.txt", "deep/one.txt", "--commit-message", "One")
    assert "deep" in hf("models", "list", model)


@pytest.mark.client("hf datasets card", "hf datasets info", "hf datasets list")
def test_hf_datasets(hf: Hf, name: str) -> None:
    hf("repos", "create", name, "--type", "dataset")
    (hf.folder / "README.md").write_text("---\nlicense: mit\n---\n# Rows\n")
    hf("upload", name, "README.md", "--type", "dataset")
    assert "# Rows" in hf("datasets", "card", name)
    assert "license:mit" in hf("datasets", "info", name)
    assert name in hf("datasets", "list", "--filter", "license:mit")


@pytest.mark.client(
    "hf repos branch create", "hf repos branch delete", "hf repos tag create", "hf repos tag list",
    "hf repos tag delete", "hf repos delete-files",
)  # fmt: skip
def test_branches_tags_and_files(hf: Hf, model: str) -> None:
    hf("repos", "branch", "create", model, "try")
    hf("repos", "branch", "delete", model, "try")
    hf("repos", "tag", "create", model, "v1", "-m", "first")
    assert "v1" in hf("repos", "tag", "list", model)
    hf("repos", "tag", "delete", model, "v1", "--yes")
    assert "v1" not in hf("repos", "tag", "list", model)
    hf("repos", "delete-files", model, "*.txt")
    assert "x.txt" not in hf("models", "list", model)


@pytest.mark.client("hf cp", "hf repos cp", "hf cache verify")
def test_copies_and_checks(hf: Hf, model: str) -> None:
    (hf.folder / "new.txt").write_text("new")
    hf("cp", "new.txt", f"hf://{model}/new.txt")
    assert hf("cp", f"hf://{model}/new.txt", "-") == "new"
    hf("repos", "cp", f"hf://{model}/new.txt", f"hf://{model}/again.txt")
    assert "again.txt" in hf("models", "list", model)
    hf("download", model)
    hf("cache", "verify", model)


@pytest.mark.client("hf lfs-enable-largefiles")
def test_large_files_of_a_clone_are_made_ready(hf: Hf) -> None:
    subprocess.run(["git", "init", "-q", hf.folder / "clone"], check=True)
    hf("lfs-enable-largefiles", "clone")
    config = (hf.folder / "clone/.git/config").read_text()
    assert "lfs-multipart-upload" in config


@pytest.mark.client(
    "hf auth whoami", "hf auth login", "hf auth token", "hf auth list", "hf auth switch", "hf auth logout"
)
def test_hf_auth(hf: Hf, bob: Account) -> None:
    assert "user: ann" in hf("auth", "whoami")
    hf("auth", "login", "--token", bob.write, token=False)
    assert "user: bob" in hf("auth", "whoami", token=False)
    assert bob.write in hf("auth", "token", token=False)
    assert "laptop" in hf("auth", "list", token=False)
    hf("auth", "switch", "--token-name", "laptop", token=False)
    hf("auth", "logout", "--token-name", "laptop", token=False)
    assert "Not logged in" in hf("auth", "whoami", token=False, fails=True)


@pytest.fixture
def space(hf: Hf, name: str) -> str:
    """Without an app."""
    hf("repos", "create", name, "--type", "space", "--space-sdk", "gradio")
    return name


@pytest.mark.client(
    "hf spaces info", "hf spaces list", "hf spaces card", "hf spaces search", "hf spaces templates",
    "hf spaces hardware",
)  # fmt: skip
def test_spaces_are_found(hf: Hf, space: str) -> None:
    assert json.loads(hf("spaces", "info", space, "--json"))["sdk"] == "gradio"
    (hf.folder / "README.md").write_text("---\nsdk: gradio\n---\n# App\n")
    hf("upload", space, "README.md", "--type", "space")
    assert space in hf("spaces", "list", "--author", "ann", "--search", space.partition("/")[2])
    assert "# App" in hf("spaces", "card", space)
    assert space in hf("spaces", "search", space.partition("/")[2], "--include-non-running")
    hf("spaces", "templates")
    assert "cpu-basic" in hf("spaces", "hardware")


@pytest.mark.client("hf spaces pause", "hf spaces restart", "hf spaces settings", "hf spaces wait", "hf spaces logs")
def test_spaces_are_run(hf: Hf, space: str) -> None:
    assert "PAUSED" in hf("spaces", "pause", space)
    assert "not running" in hf("spaces", "wait", space, "--timeout", "5", fails=True)
    hf("spaces", "restart", space)
    hf("spaces", "settings", space, "--hardware", "cpu-basic", "--sleep-time", "600")
    hf("spaces", "logs", space)


@pytest.mark.client(
    "hf spaces secrets add", "hf spaces secrets list", "hf spaces secrets delete",
    "hf spaces variables add", "hf spaces variables list", "hf spaces variables delete",
)  # fmt: skip
def test_secrets_and_variables_of_spaces(hf: Hf, space: str) -> None:
    hf("spaces", "secrets", "add", space, "-s", "KEY=s3cret")
    assert "KEY" in hf("spaces", "secrets", "list", space)
    assert "s3cret" not in hf("spaces", "secrets", "list", space)
    hf("spaces", "secrets", "delete", space, "KEY", "--yes")
    hf("spaces", "variables", "add", space, "-e", "MODE=fast")
    assert "fast" in hf("spaces", "variables", "list", space)
    hf("spaces", "variables", "delete", space, "MODE", "--yes")
    assert "MODE" not in hf("spaces", "variables", "list", space)


@pytest.mark.client("hf spaces volumes set", "hf spaces volumes list", "hf spaces volumes delete")
def test_volumes_of_spaces(hf: Hf, space: str, model: str) -> None:
    hf("spaces", "volumes", "set", space, "-v", f"hf://{model}:/model")
    assert "/model" in hf("spaces", "volumes", "list", space)
    hf("spaces", "volumes", "delete", space, "--yes")
    assert "/model" not in hf("spaces", "volumes", "list", space)


@pytest.mark.client("hf buckets move", "hf buckets settings", "hf buckets remove", "hf sync")
def test_buckets_move_are_set_and_kept_in_step(hf: Hf, name: str) -> None:
    hf("buckets", "create", name)
    (hf.folder / "synced").mkdir(exist_ok=True)
    (hf.folder / "synced/a.txt").write_text("a")
    hf("sync", "synced", f"hf://buckets/{name}")
    hf("buckets", "settings", name, "--private")
    hf("buckets", "move", name, f"{name}-now")
    assert "a.txt" in hf("buckets", "list", f"{name}-now", "-R")
    hf("buckets", "remove", f"{name}-now/a.txt", "--yes")
    assert "a.txt" not in hf("buckets", "list", f"{name}-now", "-R")
