"""Buckets and repos inside a Space, from the unmodified client to the app and back, on a running platform."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi, Volume

from bench.platform import Platform

APP = """
import pathlib, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
BOOT = uuid.uuid4().hex

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            said = self.said()
        except OSError as error:
            said = type(error).__name__
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())

    def said(self):
        _, verb, *path = self.path.split("/")
        file = pathlib.Path("/", *path)
        if verb == "read":
            return file.read_text()
        if verb == "write":
            file.parent.mkdir(parents=True, exist_ok=True)
            return str(file.write_text("written by the app"))
        return BOOT

ThreadingHTTPServer(("0.0.0.0", 7860), Handler).serve_forever()
"""


def until(see: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not see():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)


def test_a_space_reads_a_model_and_keeps_what_it_writes_in_a_bucket(running: Platform, tmp_path: Path) -> None:
    api = HfApi(endpoint=f"http://localhost:{running.port}", token=running.token)
    api.create_repo("bench/weights", private=True)
    api.upload_file(path_or_fileobj=b"a model", path_in_repo="config.txt", repo_id="bench/weights")
    api.create_bucket("bench/kept", private=True)
    api.batch_bucket_files("bench/kept", add=[(b"from the bucket", "state/old.txt")])
    volumes = [
        Volume(type="model", source="bench/weights", mount_path="/models"),
        Volume(type="bucket", source="bench/kept", mount_path="/data", path="state"),
    ]
    api.create_repo("bench/mounted", repo_type="space", space_sdk="gradio", space_volumes=volumes)
    api.upload_file(path_or_fileobj=APP.encode(), path_in_repo="app.py", repo_id="bench/mounted", repo_type="space")
    running.until("mounted", "RUNNING")

    def app(path: str) -> str:
        return running.get("mounted", path)[1].decode()

    assert app("/read/models/config.txt") == "a model"
    assert app("/read/data/old.txt") == "from the bucket"
    assert app("/write/models/new.txt") == "OSError"
    assert app("/write/data/deep/new.txt") == "18"
    until(lambda: api.bucket_info("bench/kept").total_files == 2)
    api.download_bucket_files("bench/kept", [("state/deep/new.txt", tmp_path / "new.txt")])
    assert (tmp_path / "new.txt").read_text() == "written by the app"
    api.batch_bucket_files("bench/kept", add=[(b"changed from outside", "state/old.txt")])
    assert app("/write/data/last.txt") == "18"
    before = app("/boot")
    api.restart_space("bench/mounted")
    until(lambda: app("/boot") != before)
    assert app("/read/data/old.txt") == "changed from outside"
    assert app("/read/data/deep/new.txt") == app("/read/data/last.txt") == "written by the app"
    until(lambda: api.bucket_info("bench/kept").total_files == 3)
    api.delete_repo("bench/mounted", repo_type="space")
