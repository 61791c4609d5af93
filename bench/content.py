"""Committing, uploading and downloading content through a whole platform."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from bench.platform import Platform, free_port, platform
from bench.rows import Row, at_least, at_most, median, row

COMMITS = 15
FILES, FILE_SIZE = 100, 1024  # of a commit; bytes
LARGE = 2 * 10**9  # bytes
STEP = 2**20
ROUNDS = 5  # downloads of each side, in turn
BUFFER = 2**20
SPARE = 64  # MB that a process may grow by during an upload, whatever its size
NGINX = "daemon off; user root; pid {folder}/pid; error_log {folder}/log; worker_processes 1; events {{}}\n"
SITE = "http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"


def rows() -> list[Row]:
    """hub.commit100, hub.upload, hub.upload.memory, hub.download."""
    with platform() as running, tempfile.TemporaryDirectory(prefix="spaces-bench-", dir=running.data.parent) as folder:
        running.api("POST", "/api/repos/create", {"name": "content", "type": "model"})
        commits = _commits(running)
        source = Path(folder) / "large"
        name = make(source)
        upload, memory = _upload(running, source, name)
        source.unlink()
        return [commits, upload, memory, _download(running, name)]


def _commits(running: Platform) -> Row:
    took = []
    for number in range(COMMITS):
        lines = [{"key": "header", "value": {"summary": f"commit {number}", "description": ""}}]
        for file in range(FILES):
            content = base64.b64encode(os.urandom(FILE_SIZE)).decode()
            value = {"path": f"{number}/{file}.txt", "content": content, "encoding": "base64"}
            lines.append({"key": "file", "value": value})
        body = "\n".join(json.dumps(line) for line in lines).encode()
        began = time.perf_counter()
        _send(running, "POST", "/api/models/bench/content/commit/main", body)
        took.append((time.perf_counter() - began) * 1000)
    one_by_one = _synced_files()
    return row(
        "hub.commit100", median(took), "ms", rival="100 files written and synced one by one", rival_value=one_by_one,
        target="≤ 300 ms", judge=at_most(300.0),
        note=f"p50 of {COMMITS} commits of {FILES} new files of {FILE_SIZE} bytes, by HTTP, answered when on disk; "
        f"the slowest {max(took):.0f} ms",
    )  # fmt: skip


def _synced_files() -> float:
    """Milliseconds."""
    with tempfile.TemporaryDirectory(prefix="spaces-bench-") as folder:
        began = time.perf_counter()
        for number in range(FILES):
            with (Path(folder) / str(number)).open("wb") as file:
                file.write(os.urandom(FILE_SIZE))
                file.flush()
                os.fsync(file.fileno())
        return (time.perf_counter() - began) * 1000


def make(source: Path) -> str:
    """A file no disk can make smaller; its sha256."""
    told, piece = hashlib.sha256(), os.urandom(STEP)
    with source.open("wb") as file:
        for number in range(LARGE // STEP + 1):
            some = (number.to_bytes(8, "big") + piece[8:])[: LARGE - file.tell()]
            told.update(some)
            file.write(some)
        os.fsync(file.fileno())
    return told.hexdigest()


def _upload(running: Platform, source: Path, name: str) -> tuple[Row, Row]:
    copied = _copied(source)
    before = _memory(running, afresh=True)
    path = upload_path(running, "content", name)
    began = time.perf_counter()
    send_object(running, path, source)
    seconds = time.perf_counter() - began
    grew = {role: size - before.get(role, 0) for role, size in _memory(running).items()}
    lines = [
        {"key": "header", "value": {"summary": "large", "description": ""}},
        {"key": "lfsFile", "value": {"path": "large.bin", "algo": "sha256", "oid": name, "size": LARGE}},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    _send(running, "POST", "/api/models/bench/content/commit/main", body)
    ours, theirs = LARGE / seconds / 1e6, LARGE / copied / 1e6
    speed = row(
        "hub.upload", ours, "MB/s", rival="cp and fsync", rival_value=theirs,
        target="≥ 0.5 of a plain copy, hashing included", judge=at_least(0.5), of=ours / theirs,
        note=f"one LFS object of {LARGE / 1e9:g} GB through the gateway, answered when hashed and on disk",
    )  # fmt: skip
    most = max(grew.values())
    memory = row(
        "hub.upload.memory", most, "MB", rival="the size of the file", rival_value=LARGE / 1e6,
        target=f"≤ {SPARE} MB", judge=at_most(SPARE),
        note="growth of the peak, " + ", ".join(f"{role} {size:.0f} MB" for role, size in grew.items()),
    )  # fmt: skip
    return speed, memory


def upload_path(running: Platform, repo: str, name: str) -> str:
    """Where the hub wants the object for this repo; it must not have it yet."""
    wanted = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": name, "size": LARGE}]}
    told = running.api("POST", f"/bench/{repo}.git/info/lfs/objects/batch", wanted)
    href: str = told["objects"][0]["actions"]["upload"]["href"]
    return urlsplit(href).path


def send_object(running: Platform, path: str, source: Path) -> None:
    """Send it there as one LFS object; returns when it is hashed and on disk."""
    with source.open("rb") as file:
        connection = HTTPConnection("127.0.0.1", running.port, timeout=600, blocksize=STEP)
        connection.request("PUT", path, file, {"Content-Length": str(LARGE)})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"upload: {answer.status} {answer.read()!r}")
        connection.close()


def _copied(source: Path) -> float:
    """Seconds for a copy on the same disk, synced."""
    copy = source.with_name("copy")
    began = time.perf_counter()
    shutil.copyfile(source, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    copy.unlink()
    return seconds


def _memory(running: Platform, *, afresh: bool = False) -> dict[str, float]:
    """Peak resident memory of hub and gateways, MB. afresh: the peak counts from now on, and is what they have now."""
    found: dict[str, float] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            role = words[words.index("--role") + 1] if "--role" in words and str(running.data) in words else ""
            if role not in ("hub", "gateway"):
                continue
            if afresh:
                (folder / "clear_refs").write_text("5")
            status = (folder / "status").read_text()
        except OSError:
            continue  # ended
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1000
        found[role] = max(found.get(role, 0.0), peak)
    return found


def _download(running: Platform, name: str) -> Row:
    path = "/bench/content/resolve/main/large.bin"
    blob = running.data / "blobs" / name[:2] / name[2:4] / name
    with _nginx(blob) as port:
        ours, theirs = [_fetched(running.port, path)], []
        for _ in range(ROUNDS):
            ours.append(_fetched(running.port, path))
            if port:
                theirs.append(_fetched(port, f"/{name}"))
    value, rival = median(ours), median(theirs) if theirs else None
    return row(
        "hub.download", value, "MB/s", rival="nginx" if port else "nginx, which is not installed", rival_value=rival,
        target="≥ 0.5 of nginx", judge=at_least(0.5), of=value / rival if rival else 0.0,
        note=f"{LARGE / 1e9:g} GB by /resolve/ through the gateway, the same file by nginx with sendfile; "
        f"one client, p50 of {ROUNDS} rounds in turn",
    )  # fmt: skip


@contextmanager
def _nginx(blob: Path) -> Iterator[int]:
    """Its port, with the blob's folder as root; 0: it is not installed."""
    program = shutil.which("nginx", path=os.defpath + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        yield 0
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="spaces-nginx-") as folder:
        config = Path(folder) / "conf"
        config.write_text(NGINX.format(folder=folder) + SITE.format(port=port, root=blob.parent))
        process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _fetched(port: int, path: str) -> float:
    """MB/s, read and thrown away."""
    buffer = bytearray(BUFFER)
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        size = connection.recv_into(buffer)
        head, _, body = bytes(buffer[:size]).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"no answer: {head[:300]!r}")
        total = len(body)
        while size := connection.recv_into(buffer):
            total += size
    if total != LARGE:
        raise RuntimeError(f"{total} bytes came instead of {LARGE}")
    return total / (time.perf_counter() - began) / 1e6


def _send(running: Platform, method: str, path: str, body: bytes) -> None:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/x-ndjson"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")
