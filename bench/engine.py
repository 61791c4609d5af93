"""What the container engine costs through the platform, beside the same by hand."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker

from bench.platform import SPACES, free_port
from bench.rows import Row, at_most, median, row
from builder.artifact import Artifact, ArtifactKind
from builder.image import base
from spaces_runtime.backends.process import NodeDialer, ProcessBackend
from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.hardware import GIB, Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Phase, StartSpec
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.setup import Setup

STARTS = 9
WAKES = 40
WITHIN = 30.0  # seconds
PORT = 7860
APP = f"""
import http.server
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", {PORT}), Hello).serve_forever()
"""
ASK = b"GET / HTTP/1.0\r\n\r\n"


def rows() -> list[Row]:
    """engine.docker.start.vs_docker_run and engine.docker.wake.frozen."""
    client = docker.from_env()
    with _image(client) as image, _node() as layout:
        return asyncio.run(_measured(layout, client, image))


async def _measured(layout: Layout, client: docker.DockerClient, image: str) -> list[Row]:
    backend, dialer = ProcessBackend(layout), NodeDialer(layout.dial_socket)
    try:
        ours, by_hand = [], []
        for number in range(STARTS):  # turn by turn: this machine is never equally busy for long
            ours.append(await _started(backend, dialer, image, number))
            by_hand.append(await asyncio.to_thread(_by_hand, client, image))
        awake, frozen = await _woken(backend, dialer, image)
    finally:
        await backend.stop_all()
        await backend.close()
        dialer.close()
    return [
        row(
            "engine.docker.start.vs_docker_run", median(ours), "s", rival="docker run, the same image",
            rival_value=median(by_hand), target="≤ 1.2 x", judge=at_most(1.2), of=median(ours) / median(by_hand),
            note=f"from the order to the first right answer; {STARTS} of each in turn, the middle ones",
        ),
        row(
            "engine.docker.wake.frozen", frozen * 1000, "ms", rival="the same app, awake", rival_value=awake * 1000,
            target="adds ≤ 20 ms", judge=at_most(20.0), of=(frozen - awake) * 1000,
            note=f"{WAKES} cycles, the middle one; adds {(frozen - awake) * 1000:.1f} ms",
        ),
    ]  # fmt: skip


async def _started(backend: ProcessBackend, dialer: NodeDialer, image: str, number: int) -> float:
    spec = _spec(image, number)
    began = time.perf_counter()
    await backend.start(spec)
    await _until_right(lambda: _asked(dialer, spec.id))
    took = time.perf_counter() - began
    await backend.stop(spec.id)
    return took


async def _woken(backend: ProcessBackend, dialer: NodeDialer, image: str) -> tuple[float, float]:
    """Seconds for an answer: awake, and frozen before."""
    spec = _spec(image, STARTS)
    await backend.start(spec)
    await _until_right(lambda: _asked(dialer, spec.id))
    awake = [await _timed(lambda: _asked(dialer, spec.id)) for _ in range(WAKES)]
    frozen = []
    for _ in range(WAKES):
        await backend.suspend(spec.id, Phase.FROZEN)
        if (await backend.observe())[0].phase is not Phase.FROZEN:
            raise RuntimeError("the node does not say that it is frozen")
        frozen.append(await _timed(lambda: _thawed(backend, dialer, spec.id)))
    return median(awake), median(frozen)


async def _thawed(backend: ProcessBackend, dialer: NodeDialer, instance: InstanceId) -> bool:
    await backend.resume(instance)
    return await _asked(dialer, instance)


async def _timed(act: Callable[[], Awaitable[bool]]) -> float:
    began = time.perf_counter()
    if not await act():
        raise RuntimeError("a wrong answer")
    return time.perf_counter() - began


async def _asked(dialer: NodeDialer, instance: InstanceId) -> bool:
    """False: it does not listen yet, or what listens takes no orders yet."""
    with suppress(ConnectionError, BackendUnavailable):
        reader, writer = await asyncio.open_connection(sock=await dialer.dial(instance))
        writer.write(ASK)
        answer = await reader.read()
        writer.close()
        return answer.endswith(b"hello")
    return False


async def _until_right(act: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await act():  # noqa: ASYNC110 an app tells nobody that it is there
            await asyncio.sleep(0.005)


def _by_hand(client: docker.DockerClient, image: str) -> float:
    """Seconds from `docker run` to the first right answer."""
    began = time.perf_counter()
    name = subprocess.run(["docker", "run", "-d", image], capture_output=True, text=True, check=True).stdout.strip()
    container = client.containers.get(name)
    try:
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        while not _answers(address):
            if time.perf_counter() - began > WITHIN:
                raise RuntimeError("the container does not answer")
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        container.remove(force=True)


def _answers(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, PORT), timeout=1) as sock:
        sock.sendall(ASK)
        return b"".join(iter(lambda: sock.recv(4096), b"")).endswith(b"hello")
    return False


@contextmanager
def _image(client: docker.DockerClient) -> Iterator[str]:
    """One that says hello, as an author would make it: from the base, with an app of its own."""
    below = os.environ.get("SPACES_TEST_BASE", base.name())
    plain = client.containers.create(below, ["true"])
    changes = f"USER 1000\nEXPOSE {PORT}\nCMD {json.dumps(['python3', '-c', APP])}"
    made = plain.commit(changes=changes)
    plain.remove()
    try:
        yield made.id
    finally:
        client.images.remove(made.id, force=True)


@contextmanager
def _node() -> Iterator[Layout]:
    """The node of a platform alone: what comes before it is measured elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="spaces-bench-"))
    layout = Layout(folder)
    environ = os.environ | {"SPACES_ENGINE": "docker", "SPACES_PORT": str(free_port())}
    words = [SPACES, "--data", folder, "serve", "--role", "node"]
    node = subprocess.Popen(words, env=environ, stdout=sys.stderr, stderr=sys.stderr)
    try:
        _until_listening(layout.node_socket, node)
        yield layout
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait(WITHIN)
        shutil.rmtree(folder, ignore_errors=True)


def _until_listening(path: Path, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WITHIN
    while True:
        with socket.socket(socket.AF_UNIX) as sock, suppress(OSError):
            sock.connect(str(path))
            return
        if node.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the node does not listen")
        time.sleep(0.02)


def _spec(image: str, number: int) -> StartSpec:
    artifact = Artifact(kind=ArtifactKind.IMAGE, digest="d", location=image, command=(), port=PORT)
    return StartSpec(
        id=InstanceId(f"bench-{number}"),
        space=SpaceId("bench"),
        build=BuildKey(RevisionId("a" * 40)),
        spec=Digest("5" * 64),
        artifact=artifact,
        setup=Setup(hardware=Hardware(name="bench", cpus=2, memory=GIB, disk=GIB)),
        env={},
    )
