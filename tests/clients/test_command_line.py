"""The hf command against the hub."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.clients.conftest import Run

HF = str(Path(sys.executable).with_name("hf"))


def test_hf_uploads_and_downloads(run: Run) -> None:
    said = run(f"""
        import os, pathlib, subprocess
        def hf(*words):
            done = subprocess.run([{HF!r}, *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout
        pathlib.Path("up").mkdir()
        content = os.urandom(500_000)
        pathlib.Path("up/x.bin").write_bytes(content)
        pathlib.Path("up/notes.md").write_text("hello")
        hf("upload", "ann/from-the-command-line", "up", ".", "--repo-type", "dataset")
        hf("download", "ann/from-the-command-line", "--repo-type", "dataset", "--local-dir", "down")
        assert pathlib.Path("down/x.bin").read_bytes() == content
        hf("repos", "tag", "create", "ann/from-the-command-line", "v1", "--repo-type", "dataset")
        print(hf("auth", "whoami"))
    """)
    assert "ann" in said


def test_a_name_that_is_taken_and_a_repo_that_is_not_are_said(run: Run) -> None:
    said = run(f"""
        import subprocess
        def hf(*words):
            done = subprocess.run([{HF!r}, *words], capture_output=True, text=True)
            assert done.returncode != 0
            return done.stdout + done.stderr
        subprocess.run([{HF!r}, "repos", "create", "ann/taken-twice"], check=True, capture_output=True)
        print(hf("repos", "create", "ann/taken-twice"))
        print(hf("download", "ann/there-is-none"))
    """)
    assert "already created this model repo" in said
    assert "not found" in said.lower()
