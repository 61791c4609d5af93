"""Builds: confined, limited, logged, and ended with their caller."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import BackendUnavailable, Invalid
from spaces_runtime.domain.layout import BUILDER
from spaces_runtime.domain.ports.engine import Job, JobEnd
from tests.node.place import MIB, ROOT, until
from tests.node.run import run


def job(place, code, *, seconds=30.0, memory=512 * MIB, name="b1", **more) -> Job:
    work = place.layout.builds / name
    if not work.exists():
        work.mkdir(parents=True)
        os.chown(work, BUILDER, BUILDER)
    (place.layout.logs / "ann-hello").mkdir(exist_ok=True)
    return Job(
        id=name,
        argv=(sys.executable, "-c", code),
        env={"PATH": "/usr/bin", "LANG": "C.UTF-8"},
        writes=(str(work),),
        memory=memory,
        cpus=1,
        seconds=seconds,
        log=str(place.layout.logs / "ann-hello" / "build.log"),
        **more,
    )


def build_log(place) -> str:
    path = place.layout.logs / "ann-hello" / "build.log"
    return path.read_text() if path.exists() else ""


def test_a_build_runs_as_the_builder_sees_only_its_folders_and_is_logged_with_stamps(place):
    code = f"""
import os, builder, json
print(json.dumps([os.getuid(), sorted(os.listdir({str(place.layout.data)!r})), dict(os.environ).get("SECRET", "")]))
open("result.json", "w").write("made")
"""

    async def work():
        given = place.layout.data / "given"
        given.mkdir()
        (given / "x").write_text("x")
        assert await place.jobs.run(job(place, code, reads=(str(given),))) == JobEnd(status=0)
        assert (place.layout.builds / "b1" / "result.json").read_text() == "made"
        line = re.fullmatch(r"(\S+Z) (\[.*\])\n", build_log(place))
        assert json.loads(line[2]) == [BUILDER, ["builds", "given"], ""]

    run(place, work)


def test_a_job_has_a_network_only_where_it_was_given_one(place):
    code = "print('sees', [line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line])"

    async def work():
        assert (await place.jobs.run(job(place, code, name="closed"))).status == 0
        assert "sees ['lo']" in build_log(place)
        assert (await place.jobs.run(job(place, code, name="open", network=True))).status == 0
        lines = Path("/proc/net/dev").read_text().splitlines()
        ours = [line.split(":")[0].strip() for line in lines if ":" in line]
        assert f"sees {ours}" in build_log(place)

    run(place, work)


def test_a_build_s_status_is_told(place):
    async def work():
        assert await place.jobs.run(job(place, "raise SystemExit(7)")) == JobEnd(status=7)

    run(place, work)


def test_a_build_that_takes_too_long_or_too_much_is_ended_and_says_which(place):
    async def work():
        late = await place.jobs.run(job(place, "import time; time.sleep(60)", seconds=0.5))
        assert late.why == "out of time: limit 0.5 s"
        large = await place.jobs.run(job(place, "x = b'x' * 2**30", memory=128 * MIB))
        assert large.why == "out of memory: limit 128 MiB"
        await until(lambda: not place.left())

    run(place, work)


def test_a_cancelled_build_ends_with_all_its_processes(place):
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('begun', flush=True); time.sleep(60)"

    async def work():
        running = asyncio.create_task(place.jobs.run(job(place, code)))
        await until(lambda: "begun" in build_log(place))
        assert place.processes()
        running.cancel()
        await asyncio.wait((running,))
        await until(lambda: not place.processes())

    run(place, work)


def test_a_build_ends_when_its_caller_is_killed(place):
    program = f"""
import asyncio
from pathlib import Path
from spaces_runtime.backends.process import NodeJobs
from spaces_runtime.domain.sandbox import hear_job
asyncio.run(NodeJobs(Path({str(place.layout.node_socket)!r})).run(hear_job(__import__("json").loads(input()))))
"""

    async def work():
        from spaces_runtime.domain.sandbox import tell_job

        told = json.dumps(tell_job(job(place, "print('begun', flush=True); import time; time.sleep(60)")))
        caller = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, cwd=ROOT)
        caller.stdin.write(told.encode() + b"\n")
        caller.stdin.close()
        await until(lambda: "begun" in build_log(place))
        caller.kill()
        caller.wait()
        await until(lambda: not place.processes())

    run(place, work)


def test_a_build_ends_with_a_killed_node_when_the_next_one_starts(place):
    async def work():
        running = asyncio.create_task(
            place.jobs.run(job(place, "print('begun', flush=True); import time; time.sleep(60)"))
        )
        await until(lambda: "begun" in build_log(place))
        place.kill()
        with pytest.raises(BackendUnavailable):
            await running
        place.begin()
        await until(lambda: not place.processes())

    run(place, work)


def test_a_build_may_not_write_outside_the_data_folder_nor_log_elsewhere(place):
    async def work():
        good = job(place, "pass")
        fields = {name: getattr(good, name) for name in Job.__slots__}
        with pytest.raises(Invalid):
            await place.jobs.run(Job(**fields | {"writes": ("/etc",)}))
        with pytest.raises(Invalid):
            await place.jobs.run(Job(**fields | {"log": "/etc/cron.d/x"}))

    run(place, work)


def test_a_build_can_freeze_up_neither_the_node_nor_another_build(place):
    async def work():
        slow = asyncio.create_task(place.jobs.run(job(place, "import time; time.sleep(2)", name="slow")))
        assert (await place.jobs.run(job(place, "pass", name="quick"))).status == 0
        assert not slow.done()
        assert (await slow).status == 0

    run(place, work)
