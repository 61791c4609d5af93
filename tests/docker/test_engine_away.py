"""The engine stops and comes back: an engine of the test's own, so that nobody else's Spaces are touched."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import docker
import pytest

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.instance import Phase
from tests.docker.place import BASE, DockerPlace
from tests.node.place import needs_root, until
from tests.node.run import run

AWAY = float(os.environ.get("SPACES_TEST_AWAY", "30"))  # seconds


class OwnEngine:
    """A dockerd with folders, a socket and a bridge of its own, and no rules.

    With `--bridge none` it would take docker0 away, which is another engine's.
    """

    def __init__(self, *words: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="spaces-engine-"))
        self.host = f"unix://{self.folder}/docker.sock"
        self.bridge = f"spt{os.getpid()}"
        self._words = words
        self._process: subprocess.Popen | None = None

    def begin(self) -> None:
        place = self.folder
        if not Path("/sys/class/net", self.bridge).exists():
            subprocess.run(["ip", "link", "add", self.bridge, "type", "bridge"], check=True)
            subprocess.run(["ip", "addr", "add", "10.254.253.1/28", "dev", self.bridge], check=True)
        argv = ["dockerd", "--data-root", place / "data", "--exec-root", place / "exec", "--pidfile", place / "pid"]
        argv += ["-H", self.host, "--bridge", self.bridge, "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
        with (place / "log").open("ab") as log:
            self._process = subprocess.Popen([*argv, *self._words], stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(docker.errors.DockerException):
                self.client().ping()
                return
            assert self._process.poll() is None, (place / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (place / "log").read_text()[-2000:]
            time.sleep(0.1)

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.host, timeout=60)

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def remove(self) -> None:
        """At once: it has no container any more."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((each for each in mounts if each.startswith(str(self.folder))), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        subprocess.run(["ip", "link", "delete", self.bridge], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def made(engine, *words):
    """An engine of our own that has the base."""
    own = OwnEngine(*words)
    own.begin()
    tar = own.folder / "base.tar"
    with tar.open("wb") as file:
        file.writelines(engine.images.get(BASE).save(named=True))
    with tar.open("rb") as file:
        own.client().images.load(file)
    tar.unlink()
    return own


@pytest.fixture(scope="module")
def live(engine):
    """Its containers outlive it."""
    needs_root()
    own = made(engine, "--live-restore")
    yield own
    own.remove()


@pytest.fixture(scope="module")
def plain(engine):
    """Its containers end with it, as Docker is installed."""
    needs_root()
    own = made(engine)
    yield own
    own.remove()


@contextlib.contextmanager
def node(own):
    """A node beside it."""
    place = DockerPlace(host=own.host)
    place.begin()
    try:
        yield place
    finally:
        place.remove()


async def two(place):
    """One that is awake, one frozen."""
    awake, asleep = place.spec(), place.spec(space="ann-asleep")
    await place.ready(awake)
    await place.ready(asleep)
    await place.backend.suspend(asleep.id, Phase.FROZEN)
    return awake, asleep


async def refused(place):
    with pytest.raises(BackendUnavailable, match="the container engine does not answer at unix://"):
        await place.backend.start(place.spec(space="ann-new"))


async def listed_once(place, *specs):
    """Also the one that is started now."""
    again = place.spec(space="ann-again")
    await place.ready(again)
    listed = [each.id for each in await place.backend.observe()]
    assert sorted(listed) == sorted(spec.id for spec in (again, *specs))
    assert len(place.containers()) == len(listed)
    await place.backend.stop_all()
    await until(lambda: not place.left())


def test_spaces_live_on_while_the_engine_is_away_and_each_is_found_again_once(live):
    async def work():
        awake, asleep = await two(place)
        live.end()
        await refused(place)
        await asyncio.sleep(AWAY)
        assert (await place.see(awake.id)).phase is Phase.READY
        assert (await place.get(awake)).endswith(b"hello"), "no engine stands between a visitor and an app"
        live.begin()
        await back(place)
        await place.backend.resume(asleep.id)
        for spec in (awake, asleep):
            assert (await place.get(spec)).endswith(b"hello")
        await listed_once(place, awake, asleep)

    with node(live) as place:
        run(place, work, AWAY + 120)


def test_spaces_that_end_with_their_engine_are_shown_as_ended_and_can_be_started_again(plain):
    async def work():
        awake, asleep = await two(place)
        plain.end()
        await refused(place)
        for spec in (awake, asleep):
            assert "away" in (await place.reach(spec, Phase.EXITED)).why
        plain.begin()
        await until(lambda: not place.containers(), 30)
        for spec in (awake, asleep):
            await place.backend.stop(spec.id)
        await listed_once(place)

    with node(plain) as place:
        run(place, work, 120)


def test_a_node_that_starts_without_an_engine_says_so_and_finds_everything_when_it_is_there(live):
    async def work():
        spec = place.spec()
        await place.ready(spec)
        live.end()
        place.kill()
        place.begin()
        with pytest.raises(BackendUnavailable, match="the container engine does not answer"):
            await place.backend.observe()
        live.begin()

        async def found():
            with contextlib.suppress(BackendUnavailable):
                return [each.id for each in await place.backend.observe()] == [spec.id]
            return False

        await until(found, 30)
        await place.reach(spec, Phase.READY)
        assert (await place.get(spec)).endswith(b"hello")

    with node(live) as place:
        run(place, work, 120)


async def back(place):
    """Until the engine gives answers to the node."""

    async def answers():
        with contextlib.suppress(BackendUnavailable):
            await place.backend.stop("nobody")
            return True
        return False

    await until(answers, 30)
