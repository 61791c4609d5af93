"""What a Space keeps is there whichever engine runs it: /data, buckets it writes, repos it reads at a revision."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import pytest

from spaces_runtime.domain.instance import Phase
from tests.docker.place import DockerPlace
from tests.node.place import NODE, needs_root
from tests.node.run import run
from tests.node.test_volumes import READS, forever, listing, snapshot, written

APPENDS = """
import os, pathlib
kept = pathlib.Path("/data/deep/er")
kept.mkdir(parents=True, exist_ok=True)
(kept / os.environ["NAME"]).write_text("x")
with open("/data/log", "a") as log: log.write(os.environ["NAME"] + " ")
print("has", open("/data/log").read().split(), sorted(os.listdir(kept)), flush=True)
"""


class EitherEngine(DockerPlace):
    """One data folder, one node at a time: of this engine or of that."""

    engine = "process"

    def program(self) -> list[str]:
        if self.engine == "docker":
            return super().program()
        return [NODE, str(self.layout.data), str(self.port), *self.words]

    async def change(self, engine: str) -> None:
        """As an operator does: `spaces up` ends with its Spaces, and begins with another engine."""
        await self.backend.stop_all()
        self.node.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.node.wait, 20)
        self.engine = engine
        self.begin()


@pytest.fixture
def either(base):
    needs_root()
    made = EitherEngine(base=base)
    made.begin()
    yield made
    made.remove()


def test_data_survives_a_change_of_engine_there_and_back(either):
    async def work():
        for count, engine in enumerate(("process", "docker", "process", "docker")):
            if count:
                await either.change(engine)
            for turn in range(2):  # the second is a restart on the same engine
                spec = either.spec(APPENDS, env={"NAME": f"{engine}{count}{turn}"})
                await either.backend.start(spec)
                seen = await either.reach(spec, Phase.EXITED)
                assert seen.why == "exited with status 0", either.log()
                await either.backend.stop(spec.id)
        last = [line for line in either.log().splitlines() if " has [" in line][-1]
        assert "['process00', 'process01', 'docker10', 'docker11', 'process20', " in last
        assert last.count("docker31") == 2
        assert not either.left()

    run(either, work)


def test_volumes_are_mounted_into_a_container_as_into_a_sandbox(either):
    async def work():
        await either.change("docker")
        mount = listing(either, 10.0, **{"sub/b.txt": b"bee", "gone.txt": b"gone", "kept.txt": b"kept"})
        spec = replace(either.spec(forever(READS)), mounts=(snapshot(either), mount))
        await either.ready(spec)
        assert "ay|bee|OSError|OSError|refused|refused" in either.log()
        await either.backend.stop(spec.id)
        removed, sent = written(either)
        assert (removed["removed"], sent["files"]) == (["gone.txt"], {"new.txt": "new", "sub/b.txt": "bee two"})
        assert (either.layout.mounts / "repo-1" / "a.txt").read_text() == "ay"
        assert not either.left()

    run(either, work)


def test_what_a_bucket_was_sent_by_one_engine_is_there_for_the_other(either):
    async def work():
        first = listing(either, 10.0, **{"a.txt": b"a"})
        app = 'import pathlib\npathlib.Path("/data/a.txt").write_text("mine")\nimport http.server\n'
        spec = replace(either.spec(forever(app)), mounts=(first,))
        await either.ready(spec)
        await either.change("docker")
        later = listing(either, 20.0, waiting=True, **{"a.txt": b"a"})  # what was sent has not arrived yet
        reads = 'import pathlib, http.server\nprint("reads", pathlib.Path("/data/a.txt").read_text(), flush=True)\n'
        again = replace(either.spec(forever(reads)), mounts=(later,))
        await either.ready(again)
        assert "reads mine" in either.log()

    run(either, work)
