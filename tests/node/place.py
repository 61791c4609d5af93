"""A data folder with a real node in a process of its own, and apps small enough to start in a moment."""

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

ROOT = Path(__file__).parents[2]
MIB = 2**20
SOMEBODY = 12345  # an ordinary user
SYSTEM_PYTHON = "/usr/bin/python3.11"  # one that an ordinary user can read
HELLO = """
import http.server
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
NODE = """
import asyncio, sys
from pathlib import Path
from spaces_runtime.domain.layout import Layout
from spaces_runtime.node.serve import serve
words = {name: name in sys.argv for name in ("internet", "trusting")}
asyncio.run(serve(Layout(Path(sys.argv[1])), port=int(sys.argv[2]), **words))
"""


async def until(true, seconds=15.0):
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


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Place:
    """A node that can be killed and started again. user: None is root."""

    def __init__(self, data: Path, *, user: int | None = None, words: tuple[str, ...] = ()) -> None:
        self.layout, self.user, self.port, self.words = Layout(data), user, free_port(), words
        self.key = hashlib.sha256(str(data).encode()).hexdigest()[:10]
        self.backend = ProcessBackend(self.layout)
        self.dialer = NodeDialer(self.layout.dial_socket)
        self.jobs = NodeJobs(self.layout.node_socket)
        self.node: subprocess.Popen | None = None
        self.count = 0
        python = SYSTEM_PYTHON if user else sys.executable
        self.env = self.layout.envs / "plain"
        for folder in (self.layout.envs, self.layout.builds, self.layout.logs, self.layout.run):
            folder.mkdir(parents=True)
        subprocess.run([python, "-m", "venv", "--without-pip", self.env], check=True)
        if user:
            subprocess.run(["chown", "-R", f"{user}:{user}", data], check=True)

    def begin(self) -> None:
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        python = SYSTEM_PYTHON if self.user else sys.executable
        paths = os.pathsep.join((str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))))
        self.node = subprocess.Popen(
            [*as_user, python, "-c", *self.program()],
            env=os.environ | {"PYTHONPATH": paths},
        )
        deadline = time.monotonic() + 15
        while not self._listens():
            assert self.node.poll() is None, "the node ended"
            assert time.monotonic() < deadline, "the node does not listen"
            time.sleep(0.01)

    def program(self) -> list[str]:
        """The node's program, and its arguments."""
        return [NODE, str(self.layout.data), str(self.port), *self.words]

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
            sock.connect(str(self.layout.node_socket))
            return True
        return False

    def kill(self) -> None:
        self.node.kill()
        self.node.wait()

    def spec(self, app=HELLO, *, space="ann-hello", memory=512 * MIB, disk=256 * MIB, env=None, base="") -> StartSpec:
        self.count += 1
        code = self.layout.builds / space / f"code{self.count}"
        code.mkdir(parents=True)
        (code / "app.py").write_text(app)
        artifact = Artifact(
            kind=ArtifactKind.ENVIRONMENT,
            digest="d",
            location=str(self.env),
            code=str(code),
            base=base,
            command=("/env/bin/python", "/launch.py", "app.py"),
            port=7860,
        )
        return StartSpec(
            id=InstanceId(f"{space}-{self.count}"),
            space=SpaceId(space),
            build=BuildKey(RevisionId("a" * 40)),
            spec=Digest("5" * 64),
            artifact=artifact,
            setup=Setup(hardware=Hardware(name="test", cpus=1, memory=memory, disk=disk)),
            env={"SECRET": "hush", **(env or {})},
        )

    def has_ended(self, spec) -> bool:
        """As it can be seen without a node."""
        return bool((self.layout.node / "instances" / spec.id / "exit").read_bytes())

    async def see(self, instance):
        return next((each for each in await self.backend.observe() if each.id == instance), None)

    async def ready(self, spec):
        await self.backend.start(spec)
        return await self.reach(spec, Phase.READY)

    async def reach(self, spec, phase):
        async def there():
            seen = await self.see(spec.id)
            return seen if seen and seen.phase is phase else None

        return await until(there)

    def log(self, space="ann-hello") -> str:
        path = self.layout.logs / space / "run.log"
        return path.read_text() if path.exists() else ""

    async def get(self, spec) -> bytes:
        reader, writer = await asyncio.open_connection(sock=await self.dialer.dial(spec.id))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    def left(self) -> list[str]:
        """Everything of instances that the kernel or the disk still has; the node's own trial is none."""
        data = str(self.layout.data)
        loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout.splitlines()
        return [
            *(
                str(path)
                for path in Path("/sys/fs/cgroup").glob(f"**/spaces-{self.key}/*")
                if path.is_dir() and not path.name.startswith("trial-")
            ),
            *(line for line in Path("/proc/self/mounts").read_text().splitlines() if data in line),
            *(str(path) for path in (self.layout.node / "instances").iterdir() if not path.name.startswith("trial-")),
            *(line for line in loops if data in line),
            *(f"process {pid}" for pid in self.processes()),
        ]

    def processes(self) -> list[int]:
        """Living processes of this place other than the node."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != self.node.pid:
                with contextlib.suppress(OSError):
                    groups = (folder / "cgroup").read_text()
                    grouped = f"spaces-{self.key}" in groups and f"spaces-{self.key}/trial-" not in groups
                    owned = self.user and folder.stat().st_uid == self.user
                    dead = (folder / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
                    if (grouped or owned) and not dead:
                        found.append(int(folder.name))
        return found

    async def end(self) -> None:
        self.dialer.close()
        with contextlib.suppress(Exception):
            await self.backend.stop_all()
        await self.backend.close()

    def remove(self) -> None:
        """After a failed test too."""
        if self.node and self.node.poll() is None:
            self.node.send_signal(signal.SIGTERM)
            self.node.wait(10)
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.layout.data, ignore_errors=True)


def folder() -> Path:
    """Short enough for a socket's name, and open to every user on the way."""
    made = Path(tempfile.mkdtemp(prefix="spaces-node-"))
    made.chmod(0o711)
    return made


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make users, control groups and mounts")


def needs_user() -> None:
    """An ordinary user of our own making, who may make sandboxes."""
    needs_root()
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"an ordinary user cannot read this Python, and there is no {SYSTEM_PYTHON}")
    tried = subprocess.run(
        ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", "unshare", "-U", "true"],
        check=False,
    )
    if tried.returncode:
        pytest.skip("ordinary users may not make user namespaces here")
