"""From an empty folder to a demo that answers: `python -m bench.demo`; `--check` verifies it, and its sleep, and ends.

Everything goes the way a newcomer's own work would: the commands of `spaces`, `huggingface_hub` for models and data,
`git push` for the Space, `gradio_client` for predictions.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import disable_progress_bars, logging

from bench.platform import ROOT, SPACES, free_port, spaces
from bench.progress import Progress
from example_spaces.fetch.packages import FetchError
from example_spaces.fetch.recipes import RECIPES, fetch

EXAMPLE = ROOT / "example_spaces" / "movie-genres"
USER = "demo"
SPACE = f"{USER}/{EXAMPLE.name}"
PORT = 7800
START = 90.0  # seconds until `spaces up` says ready
DEPLOY = 900.0  # seconds from the push to an answer, on a machine that downloads torch first
STOP = 10.0  # seconds `spaces up` has after SIGTERM
ASKPASS = '#!/bin/sh\nprintf %s "$DEMO_TOKEN"\n'


class DemoError(Exception):
    """The message says what went wrong, and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One run. data: the platform's folder. repos: where models and films are kept between runs."""

    data: Path
    port: int
    repos: Path
    progress: Progress

    @property
    def log(self) -> Path:
        """What the platform writes."""
        return self.data / "demo.log"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def shown(self) -> dict[str, Any]:
        """The Space as scripts see it."""
        return json.loads(spaces(self.data, "space", "show", SPACE, "--json"))


def main() -> int:
    """Exit 0 when what was asked for was reached."""
    asked = _arguments()
    disable_progress_bars()
    logging.set_verbosity_error()  # "nothing has changed" is no warning here
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends the platform
    progress = Progress()
    began = time.monotonic()
    try:
        with _folder(asked) as data:
            demo = Demo(data=data, port=asked.port or _port(), repos=asked.repos, progress=progress)
            _fetch(demo)
            with _platform(demo) as process:
                token = _deploy(demo)
                progress.say(f"deployed after {time.monotonic() - began:.0f} s")
                _check(demo, token) if asked.check else _stay(demo, process)
    except (DemoError, FetchError, HfHubHTTPError, RuntimeError) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1 if asked.check else 0
    if asked.check:
        progress.say(f"all of it holds ({time.monotonic() - began:.0f} s)")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="a fresh folder, verify, sleep, wake, stop")
    parser.add_argument("--data", type=Path, default=ROOT / "demo-data", help="the data folder; not with --check")
    parser.add_argument("--port", type=int, help=f"{PORT}, or a free one where that is taken")
    parser.add_argument("--repos", type=Path, default=ROOT / ".cache" / "repos", help="where models are kept")
    return parser.parse_args()


@contextmanager
def _folder(asked: argparse.Namespace) -> Iterator[Path]:
    """The data folder; that of a check is new and does not stay."""
    if not asked.check:
        asked.data.mkdir(parents=True, exist_ok=True)
        yield asked.data.resolve()
        return
    data = Path(tempfile.mkdtemp(prefix="spaces-demo-"))
    data.chmod(0o711)  # the platform's other users pass through
    try:
        yield data
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _port() -> int:
    """The usual one, unless somebody listens there."""
    try:
        urllib.request.urlopen(f"http://localhost:{PORT}/", timeout=2).close()
    except urllib.error.HTTPError:
        return free_port()
    except OSError:
        return PORT
    return free_port()


def _fetch(demo: Demo) -> None:
    for recipe in RECIPES:
        with demo.progress.step(f"{recipe.name}: from packages to a repo"):
            fetch(recipe, demo.repos, demo.repos / ".packages", demo.progress.now)


@contextmanager
def _platform(demo: Demo) -> Iterator[subprocess.Popen[str]]:
    """`spaces up` from ready to gone; raises DemoError when it does not end as it promises."""
    command = [str(SPACES), "up", "--data", str(demo.data), "--port", str(demo.port)]
    with demo.log.open("a") as log:
        # A group of its own: Ctrl-C is for us, and we end it in order.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, process_group=0)
    try:
        with demo.progress.step("spaces up"):
            _until_ready(demo, process)
        yield process
    finally:
        with demo.progress.step("stop"):
            process.terminate()
            try:
                status = process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                raise DemoError(f"spaces up still runs {STOP:.0f} s after SIGTERM. {_tail(demo)}") from None
    if status:
        raise DemoError(f"spaces up ended with exit status {status}. {_tail(demo)}")


def _until_ready(demo: Demo, process: subprocess.Popen[str]) -> None:
    late = threading.Timer(START, process.terminate)
    late.start()
    line = process.stdout.readline() if process.stdout else ""
    late.cancel()
    if line.strip() != f"ready {demo.url}":
        raise DemoError(f"spaces up said {line.strip()!r}, not that it is ready. {_tail(demo)}")


def _deploy(demo: Demo) -> str:
    """User, models, films, Space, first answer. Returns the user's token."""
    with demo.progress.step(f"user {USER} and a token"):
        token = _token(demo)
    hub = HfApi(endpoint=demo.url, token=token)
    for recipe in RECIPES:
        with demo.progress.step(f"upload {USER}/{recipe.name}"):
            hub.create_repo(f"{USER}/{recipe.name}", repo_type=recipe.kind, exist_ok=True)
            hub.upload_folder(
                repo_id=f"{USER}/{recipe.name}",
                repo_type=recipe.kind,
                folder_path=demo.repos / recipe.name,
                commit_message="Upload from packages",
            )
    with demo.progress.step(f"git push {SPACE}"):
        hub.create_repo(SPACE, repo_type="space", space_sdk="gradio", exist_ok=True)
        _push(demo, token)
    with demo.progress.step("build and start"):
        _until_running(demo, hub)
    with demo.progress.step("a real prediction"):
        _verify(demo, token, "--first")
    return token


def _token(demo: Demo) -> str:
    """Of the demo's user; made once a data folder, kept where only its owner reads."""
    kept = demo.data / "demo.json"
    if not kept.is_file():
        kept.touch(mode=0o600)
        kept.write_text(json.dumps({"user": USER, "password": secrets.token_urlsafe(12)}))
    login = json.loads(kept.read_text())
    if "token" not in login:
        if USER not in spaces(demo.data, "user", "list").split():
            spaces(demo.data, "user", "add", USER, "--password-stdin", stdin=login["password"] + "\n")
        login["token"] = spaces(demo.data, "token", "create", USER, "--role", "write").strip()
        kept.write_text(json.dumps(login))
    return login["token"]


def _push(demo: Demo, token: str) -> None:
    """Clone, put the example's files in, commit, push; nothing to push is fine."""
    with tempfile.TemporaryDirectory() as folder:
        clone, askpass = Path(folder) / "clone", Path(folder) / "askpass"
        askpass.write_text(ASKPASS)
        askpass.chmod(0o700)
        environ = os.environ | {"GIT_ASKPASS": str(askpass), "DEMO_TOKEN": token, "GIT_TERMINAL_PROMPT": "0"}
        environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        _git(environ, "clone", "--quiet", f"http://{USER}@localhost:{demo.port}/spaces/{SPACE}", str(clone))
        shutil.copytree(EXAMPLE, clone, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        _git(environ, "-C", str(clone), "add", "--all")
        if not _git(environ, "-C", str(clone), "status", "--porcelain"):
            return
        author = ["-c", f"user.name={USER}", "-c", f"user.email={USER}@localhost"]
        _git(environ, "-C", str(clone), *author, "commit", "--quiet", "--message", "Films by genre")
        _git(environ, "-C", str(clone), "push", "--quiet", "origin", "HEAD:main")


def _git(environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(["git", *words], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"git {' '.join(words[:4])} failed:\n{done.stderr.strip()}")
    return done.stdout


def _until_running(demo: Demo, hub: HfApi) -> None:
    deadline = time.monotonic() + DEPLOY
    threading.Thread(target=_tell_build, args=(demo, hub), daemon=True).start()
    while time.monotonic() < deadline:
        runtime = hub.get_space_runtime(SPACE)
        if runtime.stage != "BUILDING":
            demo.progress.now(f"{runtime.stage} {_reason(runtime.raw)}".strip())
        if runtime.stage == "RUNNING":
            return
        if runtime.stage.endswith("_ERROR") or runtime.stage == "NO_APP_FILE":
            built = "--build" if runtime.stage == "BUILD_ERROR" else "--tail=40"
            lines = spaces(demo.data, "space", "logs", SPACE, built).splitlines()[-40:]
            raise DemoError("\n".join([f"{SPACE} is {runtime.stage}: {_reason(runtime.raw)}", *lines]))
        time.sleep(0.3)
    raise DemoError(f"{SPACE} does not run after {DEPLOY:.0f} s: {json.dumps(demo.shown())}")


def _tell_build(demo: Demo, hub: HfApi) -> None:
    """The build's own last line is what a person waits for."""
    for line in hub.fetch_space_logs(SPACE, build=True, follow=True):
        if hub.get_space_runtime(SPACE).stage != "BUILDING":
            return
        demo.progress.now(line.strip())


def _reason(runtime: dict[str, Any]) -> str:
    return str(runtime.get("errorMessage") or "")


def _verify(demo: Demo, token: str, *options: str) -> None:
    """verify.py in a process of its own: the clients read HF_ENDPOINT when they are imported."""
    command = [sys.executable, str(EXAMPLE / "verify.py"), SPACE, *options]
    environ = os.environ | {"HF_ENDPOINT": demo.url, "HF_TOKEN": token}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    demo.progress.say(done.stdout.rstrip())
    if done.returncode:
        raise DemoError(f"verify.py: {done.stderr.strip()}")


def _stay(demo: Demo, process: subprocess.Popen[str]) -> None:
    """Until Ctrl-C, or until the platform ends by itself."""
    shown = demo.shown()
    login = json.loads((demo.data / "demo.json").read_text())
    demo.progress.say(f"\n  the demo   {shown['url']}\n  its page   {demo.url}/spaces/{SPACE}")
    demo.progress.say(f"  the hub    {demo.url}   (sign in as {login['user']}, password {login['password']})")
    demo.progress.say(f"  its log    {demo.log}\n\nCtrl-C stops it all; {demo.data} stays and is used again.")
    process.wait()


def _check(demo: Demo, token: str) -> None:
    """What the demo promises, asleep and awake."""
    with demo.progress.step("verify.py"):
        _verify(demo, token)
    for rung in ("frozen", "cold"):
        with demo.progress.step(f"asleep: {rung}"):
            reached = _sleep(demo, rung)
        if reached:
            with demo.progress.step(f"a visit wakes it from {rung}"):
                _visit(demo)
            with demo.progress.step(f"a real prediction after {rung}"):
                _verify(demo, token, "--first")


def _sleep(demo: Demo, rung: str) -> bool:
    """False: this machine has no such rung, as `spaces doctor` says too."""
    try:
        spaces(demo.data, "space", "sleep", SPACE, "--rung", rung)
    except RuntimeError as refused:
        if rung == "frozen" and os.geteuid() != 0:
            demo.progress.say(f"     without root it is not frozen here: {refused}")
            return False
        raise
    if (found := demo.shown()["rung"]) != rung:
        raise DemoError(f"{SPACE} should be {rung} and is {found}")
    return True


def _visit(demo: Demo) -> None:
    """One request on a new connection, as an API client sends it: held until the app answers."""
    host = demo.shown()["host"]
    began = time.monotonic()
    with urllib.request.urlopen(f"{host}/config", timeout=120) as answer:
        found = json.load(answer)
    demo.progress.say(f"     the request itself took {time.monotonic() - began:.3f} s")
    if not found.get("components"):
        raise DemoError(f"{host}/config is not the app's")
    if (rung := demo.shown()["rung"]) != "running":
        raise DemoError(f"{SPACE} was visited, answered, and is {rung}")


def _tail(demo: Demo) -> str:
    return "\n".join(["Its last lines:", *demo.log.read_text(errors="replace").splitlines()[-20:]])


if __name__ == "__main__":
    sys.exit(main())
