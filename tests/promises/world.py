"""Small Spaces, visitors who never stop asking, and what the kernel knows of a platform."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.kernel import processes
from bench.platform import Platform, commit, git

GENEROUS = 120.0  # seconds: for a machine that does other things too
ROLES = ("hub", "scheduler", "node", "gateway", "live")
APP = """
import http.server, json, os, time, uuid
told = {"says": %(says)r, "born": uuid.uuid4().hex, "env": {k: v for k, v in os.environ.items() if "KEPT" in k}}
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
time.sleep(%(slow)r)
Server(("0.0.0.0", 7860), Answer).serve_forever()
"""


def app(says: str = "hello", slow: float = 0.0) -> str:
    """An app of the standard library alone. slow: seconds until it listens."""
    return APP % {"says": says, "slow": slow}


def readme(*lines: str, sdk: str = "gradio") -> str:
    """A README with a block of settings."""
    return "\n".join(("---", "title: small", f"sdk: {sdk}", *lines, "---", ""))


def name_of(what: str) -> str:
    """Unlike any other on this machine: other platforms may run beside this one."""
    return f"{what}-{uuid4().hex[:6]}"


class Work:
    """A working copy of a Space of the user `bench`."""

    def __init__(self, here: Platform, what: str) -> None:
        self.here, self.name = here, name_of(what)
        self.folder = Path(tempfile.mkdtemp(prefix="spaces-work-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        git(self.folder, "init", "-q", "-b", "main")
        here.create(self.name)

    @property
    def full(self) -> str:
        return f"bench/{self.name}"

    def commit(self, files: dict[str, str | bytes]) -> str:
        """The whole content from now on; the revision."""
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()
        for name, content in files.items():
            (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        commit(self.folder, "work")
        return (self.folder / ".git/refs/heads/main").read_text().strip()

    def pushing(self, token: str = "") -> subprocess.Popen[str]:
        """A push that is under way."""
        url = f"http://bench:{token or self.here.token}@127.0.0.1:{self.here.port}/spaces/{self.full}"
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.Popen(
            ["git", "-C", str(self.folder), "push", "--force", url, "HEAD:main"],
            env=os.environ | quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def push(self, files: dict[str, str | bytes], *, fails: bool = False) -> str:
        """Commit and push; all that git said."""
        self.commit(files)
        process = self.pushing()
        said, _ = process.communicate(timeout=GENEROUS)
        assert (process.returncode != 0) is fails, said
        return said

    def deploy(self, says: str = "hello", *lines: str, slow: float = 0.0) -> dict[str, Any]:
        """Push a good revision and wait until visitors get it; what it tells."""
        self.push({"README.md": readme(*lines), "app.py": app(says, slow)})
        return self.tells(says)

    def tells(self, says: str) -> dict[str, Any]:
        """Wait until visitors get this revision."""
        return until(
            lambda: (told := self.visit()) and told["says"] == says and told,
            lambda: f"{self.name} says {says}, but {self.runtime()}",
            2 * GENEROUS,  # a first environment is fetched
        )

    def visit(self) -> dict[str, Any] | None:
        """One visit; None when it is not the app that answers."""
        status, body = self.here.get(self.name, "/", timeout=GENEROUS)
        return json.loads(body) if status == 200 and body.startswith(b"{") else None

    def runtime(self) -> dict[str, Any]:
        found: dict[str, Any] = self.here.api("GET", f"/api/spaces/{self.full}/runtime")
        return found

    def stage(self, *stages: str, why: str = "") -> str:
        """Wait for a stage whose reason has these words; the whole reason."""
        found = until(
            lambda: (now := self.runtime())["stage"] in stages and why in now["why"] and now,
            lambda: f"{self.name} is in {stages} with '{why}', but {self.runtime()}",
        )
        return str(found["why"])

    def set(self, what: str, key: str, value: str) -> None:
        """A variable or a secret."""
        self.here.api("POST", f"/api/spaces/{self.full}/{what}", {"key": key, "value": value})

    def said(self) -> str:
        """The last the platform's own log has of it: for a test that fails."""
        lines = (self.here.data / "log").read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if self.full in line or "warning" in line or "error" in line)[-6000:]

    def sandboxes(self) -> set[str]:
        """Network namespaces in which it runs."""
        return {found for pid in processes(self.full) if (found := namespace(pid))}


class Visitors:
    """Some who ask a Space again and again, each time on a new connection, while the block runs."""

    def __init__(self, work: Work, count: int = 2, every: float = 0.01) -> None:
        self.work, self._every = work, every
        self.seen: list[dict[str, Any]] = []
        self.failed: list[str] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        until(lambda: self.seen, "the first visitor is answered")
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(GENEROUS)

    def goes_on(self) -> None:
        """Returns when somebody was answered who came after this call."""
        before = len(self.seen) + len(self._threads)
        until(lambda: len(self.seen) > before, lambda: f"visitors go on; failed: {self.failed[-3:]}")

    def _ask(self) -> None:
        while not self._end.wait(self._every):
            began = time.monotonic()
            try:
                status, body = self.work.here.get(self.work.name, "/", timeout=GENEROUS)
            except (OSError, HTTPException) as error:
                self.failed.append(f"{error!r} after {time.monotonic() - began:.1f} s")
                continue
            if status == 200 and body.startswith(b"{"):
                self.seen.append(json.loads(body))
            else:
                self.failed.append(f"{status} {body[:200]!r} after {time.monotonic() - began:.1f} s")


def until(found: Callable[[], Any], what: str | Callable[[], str], seconds: float = GENEROUS) -> Any:
    """Wait until it is found; what it is. Answers that do not come count as not found."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := found():
                return value
        except (OSError, HTTPException, RuntimeError):
            pass  # the platform is being killed
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")


def ask(here: Platform, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One request to the hub as it is; status and body."""
    connection = HTTPConnection("127.0.0.1", here.port, timeout=GENEROUS)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    said = answer.status, answer.read()
    connection.close()
    return said


# What the kernel says


def with_words(*words: str) -> list[int]:
    """Processes whose command line has all of these."""
    return [pid for pid in pids() if all(word in _read(pid, "cmdline").replace("\0", " ") for word in words)]


def pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def role(here: Platform, which: str) -> list[int]:
    """The platform's processes of one role."""
    if which == "live":
        return [
            pid for pid in with_words("valkey-server") if str(here.data) in _read(pid, "cmdline") + _link(pid, "cwd")
        ]
    return with_words("spaces_runtime.cli.serve", str(here.data), f"--role {which}")


def kill(here: Platform, which: str) -> None:
    """`kill -9` of every process of a role; returns when the kernel has ended them."""
    victims = role(here, which)
    assert victims, f"no {which} to kill"
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not set(victims) & set(role(here, which)), f"{which} is gone")


def leftovers(here: Platform, namespaces: set[str]) -> list[str]:
    """All that a stopped platform may not leave. namespaces: those its Spaces ran in."""
    data = str(here.data)
    found = []
    for pid in pids():
        told = [_read(pid, "cmdline"), _read(pid, "environ"), *(_link(pid, name) for name in ("cwd", "root", "exe"))]
        if pid != os.getpid() and any(data in text for text in told):
            found.append(f"process {pid}: {told[0]!r}")
        if namespace(pid) in namespaces:
            found.append(f"process {pid} in a network namespace of a Space: {told[0]!r}")
        found += [f"descriptor of a namespace in {pid}" for link in _descriptors(pid) if link in namespaces]
    found += [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if data in line]
    found += [f"socket {line}" for line in Path("/proc/net/unix").read_text().splitlines() if data in line]
    for loop in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            text = loop.read_text()
        except OSError:
            continue  # detached this moment
        if data in text:
            found.append(f"loop device {loop}: {text}")
    return found + [f"file {path}" for path in here.data.glob("run/*.sock")]


def groups() -> set[Path]:
    """Control groups of platforms on this machine."""
    return {
        folder
        for tree in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir())
        for folder in tree.glob("spaces-*")
    }


def groups_of(pid: int) -> set[str]:
    """Names of the platforms' groups that a process is in."""
    return {part for part in _read(pid, "cgroup").replace("\n", "/").split("/") if part.startswith("spaces-")}


def namespace(pid: int) -> str:
    """The network namespace it is in; empty: it ended."""
    return _link(pid, "ns/net")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def _descriptors(pid: int) -> list[str]:
    try:
        return [_link(pid, f"fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []
