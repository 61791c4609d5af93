"""A Space tries every way out, and gets none. It prints what it could do; the test reads its log."""

import os
import re
import socket
from pathlib import Path

import pytest

from spaces_runtime.domain.instance import Phase
from tests.node.place import HELLO, MIB, SOMEBODY, Place, folder, needs_root, needs_user, until
from tests.node.run import run
from tests.promises.hostile import tried, won


@pytest.fixture(params=["as root", "as a user"])
def place(request):
    if request.param == "as root":
        needs_root()
        made = Place(folder())
    else:
        needs_user()
        made = Place(folder(), user=SOMEBODY)
    made.begin()
    yield made
    made.remove()


def test_a_hostile_space_gets_nowhere(place):
    async def work():
        victim = place.spec(HELLO, space="bob-victim", env={"SECRET": "of-the-victim"})
        await place.ready(victim)
        got, status = await tried(place, victim, listening.getsockname()[1])
        assert int(got.pop("processes")) <= 3
        left = won(place, got)
        assert left.pop("kill init", "None") == "None"  # the kernel drops signals to PID 1 from its own namespace
        if place.user:  # PID 1 and /run have the same user as the app: what stands there is the app's own
            for own in ("environment of init", "files of init", "write run"):
                left.pop(own, None)
        assert left == {}
        assert {status[name] for name in ("CapEff", "CapPrm", "CapAmb")} == {"0000000000000000"}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert (await place.get(victim)).endswith(b"hello")
        if not place.user:
            assert int(status["Uid"].split()[0]) >= 20000

    with socket.create_server(("0.0.0.0", 0)) as listening:
        run(place, work)


def rooted():
    needs_root()
    made = Place(folder())
    made.begin()
    return made


@pytest.fixture
def root_place():
    made = rooted()
    yield made
    made.remove()


def test_memory_cannot_be_had_by_way_of_tmp(root_place):
    place = root_place

    async def work():
        fill = "open('/tmp/a', 'wb').write(b'x' * 2**27); open('/dev/shm/b', 'wb').write(b'x' * 2**27)"
        spec = place.spec(fill, memory=128 * MIB)
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert "out of memory" in seen.why or "exited with status 1" in seen.why

    run(place, work)


def test_a_flood_of_output_is_kept_within_the_log_s_limit(root_place):
    place = root_place

    async def work():
        spec = place.spec("for n in range(700_000): print('x' * 80)")
        await place.backend.start(spec)
        await until(lambda: exited(place, spec), 40)
        sizes = [path.stat().st_size for path in (place.layout.logs / "ann-hello").iterdir()]
        assert len(sizes) == 2
        assert sum(sizes) <= 50_000_000

    run(place, work)


async def exited(place, spec):
    return (await place.see(spec.id)).phase is Phase.EXITED


def test_a_space_reads_its_own_data_and_no_other_s_under_a_user_of_its_own(root_place):
    place = root_place
    write = "import os; open('/data/mine', 'w').write(str(os.getuid())); print(os.getuid(), os.listdir('/data'))"

    async def work():
        first, second = place.spec(write, space="ann-one"), place.spec(write, space="bob-two")
        for spec in (first, second):
            await place.backend.start(spec)
            await place.reach(spec, Phase.EXITED)
        users = [re.search(r"Z (\d+) \['mine'\]", place.log(name))[1] for name in ("ann-one", "bob-two")]
        assert len(set(users)) == 2
        await place.backend.stop(first.id)
        again = place.spec("print(open('/data/mine').read())", space="ann-one")
        await place.backend.start(again)
        await place.reach(again, Phase.EXITED)
        assert place.log("ann-one").rstrip().endswith(users[0])

    run(place, work)


def test_secrets_stand_in_no_list_of_processes_and_in_no_record(root_place):
    place = root_place

    async def work():
        spec = place.spec(env={"TOKEN": "tok-en-of-ann"})
        await place.ready(spec)
        for pid in (name for name in os.listdir("/proc") if name.isdigit()):
            try:
                assert b"tok-en-of-ann" not in Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
        for path in (place.layout.node / "instances" / spec.id).glob("*"):
            if path.is_file() and path.name != "disk.img":
                assert b"tok-en-of-ann" not in path.read_bytes()

    run(place, work)
