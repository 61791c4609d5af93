"""Freezes a small hub of this version: `python -m tests.upgrades.freeze 0.1.0`, once, when that version is released.

What it writes is text, so that a change of it is read in a review: the database as SQL, each repo as `git fast-export`
prints it, each large file as it is. It is never written again after the release.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from tests.hub.conftest import account
from tests.storage.conftest import hub

HERE = Path(__file__).parent
LARGE = "a large file, as far as a test goes\n" * 20
SECRET = {"KEY": "of gold"}


def freeze(release: str) -> Path:
    """Make the hub, use it through its API, and write down what is left."""
    place = HERE / release
    shutil.rmtree(place, ignore_errors=True)
    for folder in ("repos", "blobs"):
        (place / folder).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(data=Path(data))
        token = _use(settings)
        layout = Layout(settings.data)
        with sqlite3.connect(layout.database) as connection:
            (place / "database.sql").write_text("\n".join(connection.iterdump()) + "\n")
        connection.close()
        for repo in sorted(layout.repos.glob("*.git")):
            export = ["git", "-c", "safe.directory=*", "--git-dir", repo, "fast-export", "--all", "--reencode=no"]
            (place / "repos" / repo.stem).write_bytes(subprocess.run(export, check=True, capture_output=True).stdout)
        for blob in layout.blobs.glob("[0-9a-f][0-9a-f]/??/*"):
            shutil.copyfile(blob, place / "blobs" / blob.name)
        shutil.copyfile(layout.database.parent / "version.json", place / "version.json")
        told = {"token": token.removeprefix("hf_"), "master": (layout.keys / "master").read_bytes().hex()}
        (place / "told.json").write_text(json.dumps(told, indent=1) + "\n")
    return place


def _use(settings: Settings) -> str:
    with hub(settings) as here:
        ann = account(here, "ann", admin=True)
        api = HfApi(endpoint=here.url, token=ann.write)
        api.create_repo("ann/model")
        files = [
            CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# A model\n"),
            CommitOperationAdd("weights.bin", io.BytesIO(LARGE.encode())),
        ]
        api.create_commit("ann/model", files, commit_message="First")
        api.create_tag("ann/model", tag="v1", tag_message="One")
        api.create_repo("ann/data", repo_type="dataset", private=True)
        api.create_repo("ann/space", repo_type="space", space_sdk="static")
        api.upload_file(
            path_or_fileobj=b"<h1>Hello</h1>", path_in_repo="index.html", repo_id="ann/space", repo_type="space"
        )
        for name, value in SECRET.items():
            api.add_space_secret("ann/space", name, value)
        api.add_space_variable("ann/space", "COLOUR", "red")
    return ann.write


def name_of(text: str) -> str:
    """Of a large file."""
    return sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    print(freeze(sys.argv[1]))
