"""What a build may write: a disk of its own size as root, and a watch for everybody."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.layout import BUILDER
from spaces_runtime.domain.ports.engine import Job
from spaces_runtime.node.capabilities import look
from spaces_runtime.node.job_disk import Scratch
from spaces_runtime.node.jobs import JobRunner
from tests.node.place import MIB, SOMEBODY, SYSTEM_PYTHON, Place, folder, needs_user, until
from tests.node.run import run

LIMIT = 48 * MIB
FILL = "import sys\nwith open('large', 'wb') as file:\n    while True: file.write(b'x' * 2**20); file.flush()"
TAKE = "import os\nwith open('large', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 2**30)"


def job(place, code, *, scratch=True, name="b1", python=sys.executable) -> Job:
    work = place.layout.builds / name
    if not work.exists():
        work.mkdir(parents=True)
        os.chown(work, place.user or BUILDER, place.user or BUILDER)
    log = place.layout.logs / "ann-hello"
    log.mkdir(exist_ok=True)
    os.chown(log, place.user or 0, place.user or 0)
    return Job(
        id=name,
        argv=(python, "-c", code),
        env={"PATH": "/usr/bin"},
        writes=(str(work),),
        scratch=str(work) if scratch else "",
        memory=512 * MIB,
        cpus=1,
        seconds=30.0,
        log=str(log / "build.log"),
        disk=LIMIT,
    )


def held(path: Path) -> int:
    """Bytes on disk."""
    ended = subprocess.run(["du", "-sB1", path], capture_output=True, text=True, check=True)
    return int(ended.stdout.split()[0])


def test_a_build_with_a_disk_of_its_own_cannot_take_more_however_fast(place):
    before = held(place.layout.data)

    async def work():
        for code in (FILL, TAKE):
            end = await place.jobs.run(job(place, code))
            assert end.status != 0
        assert held(place.layout.data) - before < 2 * MIB, "what it left was kept"
        await until(lambda: not place.left())

    run(place, work)


def test_a_build_that_fills_its_disk_says_the_limit(place):
    async def work():
        end = await place.jobs.run(job(place, FILL))
        assert end.why == "out of disk: limit 48 MiB"

    run(place, work)


def test_what_a_build_leaves_comes_back_but_for_what_is_no_file(place):
    code = """
import os
os.makedirs("made/deep", 0o700)
open("made/deep/result", "w").write(open("given").read() + " and made")
os.symlink("/etc/passwd", "made/link")
os.mkfifo("made/pipe")
os.chmod("made/deep/result", 0o4600)
"""

    async def work():
        ask = job(place, code)
        folder = Path(ask.writes[0])
        (folder / "given").write_text("given")
        os.chown(folder / "given", BUILDER, BUILDER)
        assert (await place.jobs.run(ask)).status == 0
        result = folder / "made" / "deep" / "result"
        assert result.read_text() == "given and made"
        assert (result.stat().st_mode & 0o7777, result.stat().st_uid) == (0o660, BUILDER)
        assert os.readlink(folder / "made" / "link") == "/etc/passwd"
        assert not (folder / "made" / "pipe").exists()
        assert not place.left()

    run(place, work)


def test_a_file_with_holes_is_not_written_out(place):
    async def work():
        end = await place.jobs.run(job(place, "import os; os.truncate(os.open('x', os.O_CREAT | os.O_RDWR), 2**31)"))
        assert "larger than the disk" in end.why
        assert held(place.layout.builds) < MIB

    run(place, work)


def test_what_a_build_writes_into_shared_folders_counts(place):
    async def work():
        end = await place.jobs.run(job(place, FILL, scratch=False))
        assert end.why == "out of disk: limit 48 MiB"

    run(place, work)


def test_what_its_ended_children_wrote_counts_too(place):
    code = "import subprocess\nwhile True: subprocess.run(['dd', 'if=/dev/zero', 'of=x', 'bs=1M', 'count=8'])"

    async def work():
        end = await place.jobs.run(job(place, code, scratch=False))
        assert end.why == "out of disk: limit 48 MiB"

    run(place, work)


def test_a_disk_goes_with_a_cancelled_build_and_with_a_killed_node(place):
    wait = "print('begun', flush=True); import time; time.sleep(60)"

    def begun(count):
        log = place.layout.logs / "ann-hello" / "build.log"
        return log.exists() and log.read_text().count("begun") == count

    async def work():
        running = asyncio.create_task(place.jobs.run(job(place, wait)))
        await until(lambda: begun(1))
        assert any("b1" in line for line in place.left())
        running.cancel()
        await asyncio.wait((running,))
        await until(lambda: not place.left())
        running = asyncio.create_task(place.jobs.run(job(place, wait)))
        await until(lambda: begun(2))
        place.kill()
        await asyncio.wait((running,))
        place.begin()
        await until(lambda: not place.left())

    run(place, work)


@pytest.fixture
def user_place():
    needs_user()
    made = Place(folder(), user=SOMEBODY)
    made.begin()
    yield made
    made.remove()


@pytest.mark.parametrize(("code", "scratch"), [(FILL, True), (TAKE, True), (FILL, False)])
def test_an_ordinary_user_s_build_is_watched(user_place, code, scratch):
    wait = "\nimport time; time.sleep(60)"

    async def work():
        end = await user_place.jobs.run(job(user_place, code + wait, scratch=scratch, python=SYSTEM_PYTHON))
        assert end.why == "out of disk: limit 48 MiB"

    run(user_place, work)


def test_a_stranger_s_code_is_not_run_where_no_sandbox_can_be_made(place):
    machine, _ = look(place.layout, port=place.port, trusting=False, internet=False, trial=True)
    bare = replace(machine, bwrap="", refused="user namespaces are off", permit="sysctl -w x=1")

    async def work():
        with pytest.raises(Unavailable) as refused:
            await JobRunner(bare).run(job(place, "open('ran', 'w')"))
        assert "user namespaces are off" in refused.value.why
        assert "sysctl -w x=1" in refused.value.then
        assert not (place.layout.builds / "b1" / "ran").exists()

    try:
        run(place, work)
    finally:
        machine.remove()


def test_what_lies_in_a_watched_folder_is_counted(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x").write_bytes(b"x" * MIB)
    (tmp_path / "link").symlink_to("/")
    assert MIB <= Scratch(folder=tmp_path, mounted=None, size=0).used() < 2 * MIB
