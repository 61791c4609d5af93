"""The same app without any platform: what a person would do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

from bench.platform import HELLO, free_port


def seconds_to_answer(python: Path, packages: Path | None = None) -> float:
    """From `python app.py` to its first answer. packages: site-packages of another environment."""
    port = free_port()
    environ = os.environ | {"GRADIO_SERVER_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    environ |= {"PYTHONPATH": str(packages)} if packages else {}
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    app = subprocess.Popen([python, "app.py"], cwd=HELLO, env=environ, stdout=quiet, stderr=quiet)
    try:
        while not _answers(port):
            if app.poll() is not None:
                raise RuntimeError("the app ended before it answered")
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        app.kill()
        app.wait()


def seconds_from_nothing() -> float:
    """venv, pip with its cache warm, python app.py, first answer."""
    folder = Path(tempfile.mkdtemp(prefix="spaces-hand-"))
    try:
        _install(folder / "warm")  # fills pip's own cache
        began = time.perf_counter()
        _install(folder / "venv")
        installed = time.perf_counter() - began
        return installed + seconds_to_answer(folder / "venv/bin/python")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(venv: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin/pip", "install", "-q", "gradio==6.31.0"], check=True, capture_output=True)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/config")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()
