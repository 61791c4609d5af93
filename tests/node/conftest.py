"""A real node in a process of its own, and apps small enough to start in a moment."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.backends.process import NodeDialer, NodeJobs, ProcessBackend
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Phase, StartSpec
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.setup import Setup

MIB = 2**20
HELLO = """
import http.server, sys
print("hello from the app")
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Hello).serve_forever()
"""
NODE = "import asyncio,sys; from pathlib import Path; from spaces_runtime.node.serve import serve; from spaces_runtime.domain.layout import Layout; asyncio.run(serve(Layout(Path(sys.argv[1])), port=int(sys.argv[2]), internet=False))"


async def until(true, seconds=10.0):
    """Wait for the thing itself; returns what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)


class Place:
    """A data folder with a node that can be killed and started again."""

    def __init__(self, data: Path, port: int) -> None:
        self.layout = Layout(data)
        self.port = port
        self.key = hashlib.sha256(str(data).encode()).hexdigest()[:10]
        self.backend = ProcessBackend(self.layout)
        self.dialer = NodeDialer(self.layout.dial_socket)
        self.jobs = NodeJobs(self.layout.node_socket)
        self.node: subprocess.Popen | None = None
        for folder in (self.layout.envs, self.layout.builds, self.layout.logs):
            folder.mkdir(parents=True)
        self.env = self.layout.envs / "plain"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.env], check=True)
        self.count = 0

    def begin(self) -> None:
        self.node = subprocess.Popen([sys.executable, "-c", NODE, str(self.layout.data), str(self.port)])
        deadline = time.monotonic() + 15
        while not self._listens():
            assert self.node.poll() is None, "the node ended"
            assert time.monotonic() < deadline, "the node does not listen"
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
            sock.connect(str(self.layout.node_socket))
            return True
        return False

    def kill(self) -> None:
        self.node.kill()
        self.node.wait()

    def spec(self, app=HELLO, *, space="ann-hello", memory=512 * MIB, disk=256 * MIB, env=None, **files) -> StartSpec:
        self.count += 1
        code = self.layout.builds / space / f"code{self.count}"
        code.mkdir(parents=True)
        (code / "app.py").write_text(app)
        for name, text in files.items():
            (code / name).write_text(text)
        artifact = Artifact(
            kind=ArtifactKind.ENVIRONMENT,
            digest="d",
            location=str(self.env),
            code=str(code),
            command=("/env/bin/python", "/launch.py", "app.py"),
            port=7860,
        )
        return StartSpec(
            id=InstanceId(f"{space}-{self.count}"),
            space=SpaceId(space),
            build=BuildKey(RevisionId("a" * 40)),
            spec=Digest("s" * 64),
            artifact=artifact,
            setup=Setup(hardware=Hardware(name="test", cpus=1, memory=memory, disk=disk)),
            env={"SECRET": "hush", **(env or {})},
        )

    async def see(self, instance):
        return next((each for each in await self.backend.observe() if each.id == instance), None)

    async def ready(self, spec):
        await self.backend.start(spec)
        return await self.reach(spec, Phase.READY)

    async def reach(self, spec, phase):
        async def there():
            seen = await self.see(spec.id)
            return seen if seen and seen.phase is phase else None

        return await until(there, 15)

    def log(self, space="ann-hello") -> str:
        path = self.layout.logs / space / "run.log"
        return path.read_text() if path.exists() else ""

    async def get(self, spec) -> bytes:
        sock = await self.dialer.dial(spec.id)
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    def left(self) -> list[str]:
        """Everything of instances that the kernel or the disk still has."""
        groups = [str(p) for root in Path("/sys/fs/cgroup").rglob(f"spaces-{self.key}/*") if root.is_dir() for p in [root]]
        mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(self.layout.data) in line]
        files = [str(p) for p in (self.layout.node / "instances").iterdir()]
        loops = [line for line in subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout.splitlines() if str(self.layout.data) in line]
        return [*groups, *mounts, *files, *loops, *map(str, self.processes())]

    def processes(self) -> list[int]:
        """Processes of sandboxes of this place: bubblewrap's monitors, and what runs below /launch.py or /init.py."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    if f"spaces-{self.key}" in (folder / "cgroup").read_text():
                        found.append(int(folder.name))
        return found

    async def end(self) -> None:
        if self.node.poll() is None:
            await self.backend.stop_all()
        await self.backend.close()
        self.dialer.close()
        self.node.send_signal(signal.SIGTERM)
        self.node.wait(10)


@pytest.fixture
def port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def place(port):
    """As root: with every limit this machine has."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    data = Path(tempfile.mkdtemp(prefix="spaces-node-"))
    data.chmod(0o711)
    made = Place(data, port)
    made.begin()
    yield made
    if made.node.poll() is None:
        made.node.kill()
        made.node.wait()
    shutil.rmtree(data, ignore_errors=True)
