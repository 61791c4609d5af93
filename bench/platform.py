"""A running platform in a folder of its own, used as a newcomer would: by its commands and by git."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SPACES = Path(sys.executable).with_name("spaces")
HELLO = ROOT / "example_spaces" / "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """token: of the user `bench`, who may write."""

    data: Path
    port: int
    process: subprocess.Popen[str]
    token: str

    def spaces(self, *words: str) -> str:
        """Run a command of `spaces`; its output."""
        return spaces(self.data, *words)

    def show(self, name: str) -> dict[str, Any]:
        """A Space as scripts see it."""
        shown: dict[str, Any] = json.loads(self.spaces("space", "show", name, "--json"))
        return shown

    def create(self, name: str, sdk: str = "gradio") -> None:
        """Create a Space of the user."""
        self.api("POST", "/api/repos/create", {"name": name, "type": "space", "sdk": sdk})

    def api(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """A call with the token."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def push(self, folder: Path, name: str) -> None:
        """`git push` of a working copy, over whatever is there."""
        url = f"http://bench:{self.token}@127.0.0.1:{self.port}/spaces/bench/{name}"
        git(folder, "push", "-q", "--force", url, "HEAD:main")

    def until(self, name: str, stage: str, seconds: float = 300.0) -> dict[str, Any]:
        """Wait for a stage of bench/<name>; a state of error ends the wait."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            runtime: dict[str, Any] = self.api("GET", f"/api/spaces/bench/{name}/runtime")
            if runtime["stage"] == stage:
                return runtime
            if runtime["stage"].endswith("ERROR"):
                raise RuntimeError(f"{name}: {runtime}")
            time.sleep(0.02)
        raise TimeoutError(f"{name} is not {stage} after {seconds:.0f} s: {runtime}")

    def until_compiled(self, seconds: float = 300.0) -> None:
        """Wait until the bytecode of every environment is there; it comes in the background after a first build."""
        deadline = time.monotonic() + seconds
        while any((self.data / "store" / "envs").glob("*/uncompiled.json")) and time.monotonic() < deadline:
            time.sleep(0.2)

    def get(self, name: str, path: str = "/config", timeout: float = 60.0) -> tuple[int, bytes]:
        """One request to bench/<name> on a new connection, as a visitor."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("GET", path, headers={"Host": f"bench-{name}.localhost:{self.port}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body


@contextmanager
def platform(settings: str = "", **environ: str) -> Iterator[Platform]:
    """Start, with a user and a token; stop and remove everything at the end. settings: text of spaces.toml."""
    data = Path(tempfile.mkdtemp(prefix="spaces-bench-"))
    data.chmod(0o755)
    (data / "spaces.toml").write_text(settings)
    port = free_port()
    try:
        process = up(data, port, **environ)
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise
    try:
        spaces(data, "user", "add", "bench", "--password-stdin", stdin="benchmarks\n")
        token = spaces(data, "token", "create", "bench", "--role", "write").strip()
        yield Platform(data=data, port=port, process=process, token=token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        shutil.rmtree(data, ignore_errors=True)


def up(data: Path, port: int, **environ: str) -> subprocess.Popen[str]:
    """`spaces up`, ready; what it says is appended to `log` in the data folder."""
    command = [str(SPACES), "up", "--data", str(data), "--port", str(port)]
    with (data / "log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | environ)
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("ready "):
        process.terminate()
        process.wait(20)
        raise RuntimeError((data / "log").read_text())
    return process


def spaces(data: Path, *words: str, stdin: str = "") -> str:
    """One command on this data folder; its standard output."""
    done = subprocess.run(
        [str(SPACES), *words, "--data", str(data)], check=False, input=stdin, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"spaces {' '.join(words)}: {done.stderr}")
    return done.stdout


def working_copy(of: Path) -> Path:
    """A git repo with the files of a folder, committed."""
    folder = Path(tempfile.mkdtemp(prefix="spaces-copy-"))
    shutil.copytree(of, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "First")
    return folder


def commit(folder: Path, message: str) -> None:
    """Everything as it is now."""
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", message)


def git(folder: Path, *words: str) -> None:
    """One git command, quiet, never asking."""
    environ = os.environ | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
    }
    subprocess.run(["git", "-C", str(folder), *words], check=True, env=environ, capture_output=True)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
