"""Large uploads by today's client, beside a server that throws the bytes away; and how a Space wakes meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench.content import LARGE, STEP, make, send_object, upload_path
from bench.platform import HELLO, ROOT, Platform, free_port, platform, working_copy
from bench.rows import Row, at_least, at_most, median, row
from bench.wake import answered, put_to_sleep

SIZE = 10**9  # bytes, of a file sent by Xet
ROUNDS = 3  # of each side, in turn
CYCLES = 20  # of sleep and wake while uploads run
PATIENCE = 300  # seconds, for one upload, or for all cycles
CLIENT = """
import sys, time
from huggingface_hub import HfApi
api, (_, source, path) = HfApi(), sys.argv
began = time.perf_counter()
api.upload_file(path_or_fileobj=source, path_in_repo=path, repo_id="bench/uploads")
print(time.perf_counter() - began)
"""


def rows() -> list[Row]:
    """hub.upload.xet and hub.upload.wake."""
    with platform() as running, tempfile.TemporaryDirectory(prefix="spaces-bench-", dir=running.data.parent) as folder:
        running.create("hello")
        running.push(working_copy(HELLO), "hello")
        running.until("hello", "RUNNING")
        running.until_compiled()  # nothing is built beside what is measured
        return [_xet(running, Path(folder)), _wake(running, Path(folder))]


def _xet(running: Platform, folder: Path) -> Row:
    running.api("POST", "/api/repos/create", {"name": "uploads", "type": "model"})
    source, ours, theirs = folder / "random", [], []
    with _discarding() as port:
        for number in range(ROUNDS):
            _randomise(source)  # anew: chunks that a server knows are not sent to it
            name = f"{number}.bin"
            ours.append(SIZE / _sent(running.port, running.token, source, name) / 1e6)
            if SIZE not in _sizes(running, name):
                raise RuntimeError(f"the platform does not have {name} whole")
            theirs.append(SIZE / _sent(port, running.token, source, name) / 1e6)
            if _received(port) < SIZE * (number + 1):
                raise RuntimeError(f"only {_received(port)} bytes were sent to the server that discards")
    source.unlink()
    return row(
        "hub.upload.xet", median(ours), "MB/s", rival="the same client, a server that discards",
        rival_value=median(theirs), target="none, reported", judge=at_least(0.0),
        note=f"HfApi.upload_file of {SIZE / 1e9:g} GB of random bytes, nothing cached, through the gateway, until the "
        f"commit; p50 of {ROUNDS} rounds in turn, from {min(ours):.0f} to {max(ours):.0f}, "
        f"discarded {min(theirs):.0f} to {max(theirs):.0f}",
    )  # fmt: skip


def _randomise(source: Path) -> None:
    with source.open("wb") as file:
        while rest := SIZE - file.tell():
            file.write(os.urandom(min(STEP, rest)))
        os.fsync(file.fileno())


def _sent(port: int, token: str, source: Path, name: str) -> float:
    """Seconds that the call took, in a process of its own that knows nothing of earlier uploads."""
    with tempfile.TemporaryDirectory(prefix="spaces-client-") as home:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        environ |= {"HF_HOME": home, "HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_TOKEN": token}
        command = [sys.executable, "-c", CLIENT, str(source), name]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the client did not upload: {done.stderr}")
    return float(done.stdout)


def _sizes(running: Platform, name: str) -> list[int]:
    """Of the file, as the platform tells it: one, or none."""
    tree = running.api("GET", "/api/models/bench/uploads/tree/main")
    return [entry["size"] for entry in tree if entry["path"] == name]


@contextmanager
def _discarding() -> Iterator[int]:
    """The port of a server that throws away what it is sent."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "bench.discard", str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                _received(port)
                break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _received(port: int) -> int:
    """Bytes of content that were thrown away so far."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/received")
    received: int = json.loads(connection.getresponse().read())
    connection.close()
    return received


def _wake(running: Platform, folder: Path) -> Row:
    source = folder / "large"
    name = make(source)
    idle = median([answered(running) for _ in range(CYCLES)])
    under_way, enough = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        uploads = threads.submit(_keep_uploading, running, source, name, under_way, enough)
        uploads.add_done_callback(lambda _: under_way.set())  # so that one that failed is told, not waited for
        try:
            awake, frozen = _cycles(running, under_way)
        finally:
            enough.set()
        speeds = uploads.result(PATIENCE)
    source.unlink()
    woken, not_asleep = median(frozen), median(awake)
    adds = woken - not_asleep
    return row(
        "hub.upload.wake", woken, "ms", rival="the same app awake, during the same uploads", rival_value=not_asleep,
        target="adds ≤ 5 ms", judge=at_most(5.0), of=adds,
        note=f"p50 of {CYCLES} cycles, each within an LFS upload of {LARGE / 1e9:g} GB; adds {adds:.2f} ms; the kernel "
        f"said frozen before each; {len(speeds)} uploads at {median(speeds):.0f} MB/s; awake with no upload {idle:.2f}",
    )  # fmt: skip


def _keep_uploading(
    running: Platform, source: Path, name: str, under_way: threading.Event, enough: threading.Event
) -> list[float]:
    """One after the other, each to a repo that lacks the object, so that all is sent and hashed again; MB/s of each."""
    speeds: list[float] = []
    while not enough.is_set():
        repo = f"large-{len(speeds)}"
        running.api("POST", "/api/repos/create", {"name": repo, "type": "model"})
        path = upload_path(running, repo, name)
        began = time.perf_counter()
        under_way.set()
        try:
            send_object(running, path, source)
        finally:
            under_way.clear()
        speeds.append(LARGE / (time.perf_counter() - began) / 1e6)
    return speeds


def _cycles(running: Platform, under_way: threading.Event) -> tuple[list[float], list[float]]:
    """Milliseconds awake and from frozen, in turn; only those count that lie within an upload from end to end."""
    awake: list[float] = []
    frozen: list[float] = []
    deadline = time.monotonic() + PATIENCE
    while len(awake) < CYCLES or len(frozen) < CYCLES:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(frozen)} wakes within uploads")
        _within(running, under_way, awake)
        put_to_sleep(running, "frozen")
        _within(running, under_way, frozen)
    return awake, frozen


def _within(running: Platform, under_way: threading.Event, took: list[float]) -> None:
    """One answer; counted when an upload was under way before and after it."""
    if not under_way.wait(PATIENCE):
        raise TimeoutError("no upload is under way")
    milliseconds = answered(running)
    if under_way.is_set():
        took.append(milliseconds)
