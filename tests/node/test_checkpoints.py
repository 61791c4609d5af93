"""Apps that leave memory for disk and come back: what comes with them, what is refused, and what is left."""

import asyncio
import contextlib
import json
import os
import stat
import time
from pathlib import Path

import pytest

from spaces_runtime.domain.errors import RungFailed
from spaces_runtime.domain.instance import Phase
from spaces_runtime.node.capabilities import probe
from spaces_runtime.node.paging import swap_free
from tests.node.place import HELLO, Place, folder, needs_root, until
from tests.node.run import run

RICH = """
import http.server, json, os, subprocess, sys, tempfile, threading, time
count, beats = 0, [0]
notes = open("/data/notes", "a+")
gone = tempfile.TemporaryFile()
gone.write(b"deleted"); gone.flush()
twice = "import sys\\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
child = subprocess.Popen([sys.executable, "-c", twice], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def beat():
    while True: time.sleep(0.01); beats[0] += 1
threading.Thread(target=beat, daemon=True).start()
class Rich(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global count
        count += 1
        notes.write(f"{count}\\n"); notes.flush(); notes.seek(0)
        gone.seek(0)
        child.stdin.write(f"{count}\\n"); child.stdin.flush()
        told = {"count": count, "beats": beats[0], "notes": notes.read().split(), "gone": gone.read().decode(),
                "child": child.stdout.readline().strip(), "secret": os.environ["SECRET"], "pid": os.getpid()}
        body = json.dumps(told).encode()
        print("answered", count, flush=True)
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Rich).serve_forever()
"""
REFUSED = """
import ctypes, os
rules = ctypes.CDLL(None).syscall(444, (ctypes.c_uint64 * 1)(1), 8, 0)  # landlock_create_ruleset
print("rules" if rules >= 0 else "none", flush=True)
"""
ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(1000)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def shared():
    """One node for all that leave it as it was."""
    needs_root()
    made = Place(folder())
    made.begin()
    asyncio.run(deep(made))
    yield made
    made.remove()


@pytest.fixture
def own():
    """A node to be killed."""
    needs_root()
    made = Place(folder())
    made.begin()
    yield made
    made.remove()


async def deep(place):
    """Until the node knows whether it can."""

    async def found():
        ability = await place.backend.ability()
        return next((finding for finding in ability.findings if finding.subject == "checkpoints"), None)

    finding = await until(found, 40)
    await place.backend.close()
    if not finding.holds:
        pytest.skip(f"{finding.says} {finding.remedy}")


async def told(place, spec):
    return json.loads((await place.get(spec)).split(b"\r\n\r\n", 1)[1])


def image(place, spec):
    return place.layout.node / "instances" / spec.id / "image"


@pytest.mark.parametrize("rung", [Phase.CHECKPOINTED, Phase.PACKED])
def test_memory_threads_children_and_open_files_come_back(shared, rung):
    async def work():
        spec = shared.spec(RICH, space=f"ann-rich-{rung.value}")
        await shared.ready(spec)
        before = await told(shared, spec)
        await shared.backend.suspend(spec.id, rung)
        assert (await shared.see(spec.id)).phase is rung
        await shared.backend.resume(spec.id)
        assert (await shared.see(spec.id)).phase is Phase.READY
        after = await told(shared, spec)
        assert (after["count"], after["pid"], after["gone"]) == (before["count"] + 1, before["pid"], "deleted")
        assert after["notes"] == [*before["notes"], str(after["count"])]
        assert after["child"] == str(after["count"]) * 2
        assert after["secret"] == "hush"
        await until(lambda: f"answered {after['count']}" in shared.log(spec.space))

        async def beats():
            return (await told(shared, spec))["beats"] > after["beats"]

        await until(beats)
        assert not image(shared, spec).exists()

    run(shared, work)


def test_asleep_on_disk_it_holds_no_memory_and_uses_no_processor(shared):
    async def work():
        spec = shared.spec(RICH, space="ann-still")
        await shared.ready(spec)
        await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        seen = await shared.see(spec.id)
        assert seen.memory < 10 * 2**20
        assert seen.connections == 0
        pids = [pid for pid in shared.processes() if spec.id in Path(f"/proc/{pid}/cgroup").read_text()]
        running = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
        assert not any(b"app.py" in line for line in running), "the kernel has no process of the app"
        before = [cpu_of(pid) for pid in pids]
        await asyncio.sleep(0.5)  # nothing happens in it, and that is what is looked at
        assert [cpu_of(pid) for pid in pids] == before

    run(shared, work)


def cpu_of(pid):
    return Path(f"/proc/{pid}/schedstat").read_text().split()[0]


def test_what_is_on_disk_can_be_read_by_root_only(shared):
    async def work():
        spec = shared.spec(space="ann-private")
        await shared.ready(spec)
        await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        kept = image(shared, spec)
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
        assert {path.stat().st_uid for path in (kept, *kept.iterdir())} == {0}
        await shared.backend.suspend(spec.id, Phase.PACKED)
        packed = kept.with_name("image.tar.zst")
        assert not kept.exists()
        assert (stat.S_IMODE(packed.stat().st_mode), packed.stat().st_uid) == (0o600, 0)

    run(shared, work)


@pytest.mark.parametrize(
    ("app", "why"),
    [(REFUSED, "landlock-ruleset"), (ORPHAN, "it left processes behind")],
    ids=["by the kernel", "by us"],
)
def test_an_app_that_cannot_be_dumped_runs_on_and_the_reason_is_said(shared, app, why):
    async def work():
        space = f"ann-refused-{len(app)}"
        spec = shared.spec(app + RICH, space=space)
        await shared.ready(spec)
        if "landlock" in why and "rules" not in await until(lambda: shared.log(space)):
            pytest.skip("this kernel has no landlock, and nothing else that an app may open is refused")
        before = await told(shared, spec)
        with pytest.raises(RungFailed, match=why):
            await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        after = await told(shared, spec)
        assert (after["count"], after["pid"]) == (before["count"] + 1, before["pid"])
        assert (await shared.see(spec.id)).phase is Phase.READY
        assert not image(shared, spec).exists()
        await shared.backend.suspend(spec.id, Phase.FROZEN)
        with pytest.raises(RungFailed, match=why):
            await shared.backend.suspend(spec.id, Phase.PACKED)
        assert (await told(shared, spec))["count"] == before["count"] + 2, "thawed, so that the visitor is answered"

    run(shared, work)


def test_two_wakes_at_once_are_one_and_one_during_the_dump_waits_for_it(shared):
    async def work():
        spec = shared.spec(RICH, space="ann-hurried")
        await shared.ready(spec)
        first = await told(shared, spec)
        falling = asyncio.create_task(shared.backend.suspend(spec.id, Phase.CHECKPOINTED))
        await until(image(shared, spec).exists)
        await asyncio.gather(*(shared.backend.resume(spec.id) for _ in range(3)))
        await falling
        assert (await told(shared, spec))["count"] == first["count"] + 1

    run(shared, work)


def test_connections_to_an_app_end_before_its_memory_goes(shared):
    async def work():
        spec = shared.spec(RICH, space="ann-held")
        await shared.ready(spec)
        reader, writer = await asyncio.open_connection(sock=await shared.dialer.dial(spec.id))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
        await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    run(shared, work)


def shortened(image):
    for pages in image.glob("pages-*.img"):
        os.truncate(pages, 4096)


def garbled(image):
    tree = image / "pstree.img"
    tree.write_bytes(bytes(tree.stat().st_size))


def of_another_kernel(image):
    note = image / "made-with.json"
    note.write_text(note.read_text().replace(os.uname().release, "2.6.32"))


@pytest.mark.parametrize("damage", [shortened, garbled, of_another_kernel])
def test_a_damaged_image_ends_the_instance_with_a_reason_and_leaves_nothing(shared, damage):
    async def work():
        spec = shared.spec(space=f"ann-{damage.__name__}")
        await shared.ready(spec)
        await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        damage(image(shared, spec))
        began = time.monotonic()
        with pytest.raises(RungFailed):
            await shared.backend.resume(spec.id)
        assert time.monotonic() - began < 5, "a visitor waits"
        seen = await shared.reach(spec, Phase.EXITED)
        assert seen.why.startswith("could not be woken: ")
        assert "it starts anew" in shared.log(spec.space)
        await shared.backend.stop(spec.id)
        assert not [line for line in shared.left() if spec.id in line]

    run(shared, work)


@pytest.mark.parametrize("rung", [Phase.CHECKPOINTED, Phase.PACKED])
def test_stopping_what_sleeps_on_disk_leaves_nothing(shared, rung):
    async def work():
        spec = shared.spec(space=f"ann-stopped-{rung.value}")
        await shared.ready(spec)
        await shared.backend.suspend(spec.id, rung)
        began = time.monotonic()
        await shared.backend.stop(spec.id)
        assert time.monotonic() - began < 2, "there is no app to be asked to end"
        assert await shared.see(spec.id) is None
        assert not [line for line in shared.left() if spec.id in line]

    run(shared, work)


def test_a_new_node_finds_what_sleeps_on_disk_and_wakes_it(own):
    async def work():
        await deep(own)
        disk, packed = own.spec(RICH), own.spec(RICH, space="ann-packed")
        for spec, rung in ((disk, Phase.CHECKPOINTED), (packed, Phase.PACKED)):
            await own.ready(spec)
            before = await told(own, spec)
            await own.backend.suspend(spec.id, rung)
        since = (await own.see(disk.id)).since
        own.kill()
        own.begin()
        seen = await own.see(disk.id)
        assert (seen.phase, seen.since) == (Phase.CHECKPOINTED, since)
        assert (await own.see(packed.id)).phase is Phase.PACKED
        for spec in (disk, packed):
            await own.backend.resume(spec.id)
            assert (await told(own, spec))["count"] == before["count"] + 1
        await own.backend.stop_all()
        await until(lambda: not own.left())

    run(own, work)


@pytest.mark.parametrize("verb", ["dump", "restore"])
def test_a_node_killed_in_the_middle_loses_no_memory_of_an_app(own, verb):
    async def work():
        await deep(own)
        spec = own.spec(RICH)
        await own.ready(spec)
        before = await told(own, spec)
        if verb == "restore":
            await own.backend.suspend(spec.id, Phase.CHECKPOINTED)
        act = own.backend.suspend(spec.id, Phase.CHECKPOINTED) if verb == "dump" else own.backend.resume(spec.id)
        going = asyncio.create_task(act)
        await until((image(own, spec) / f"{verb}.said").exists)
        own.kill()
        with contextlib.suppress(Exception):
            await going
        own.begin()
        seen = await own.see(spec.id)
        assert seen.phase in (Phase.READY, Phase.CHECKPOINTED)
        if seen.phase is Phase.CHECKPOINTED:
            await own.backend.resume(spec.id)
        assert (await told(own, spec))["count"] == before["count"] + 1
        await own.backend.suspend(spec.id, Phase.FROZEN)
        await own.backend.resume(spec.id)
        assert (await told(own, spec))["count"] == before["count"] + 2
        await own.backend.stop(spec.id)
        await until(lambda: not own.left())

    run(own, work)


def test_the_doctor_tries_it_beside_a_running_node_and_leaves_nothing(shared):
    found = probe(shared.layout, port=shared.port, trusting=False, internet=False)
    told = {finding.subject: finding for finding in found}
    assert told["checkpoints"].holds
    assert "moves sleeping Spaces from memory to disk and back" in told["checkpoints"].says
    assert told["swap"].holds == (swap_free() > 0)
    assert not list(Path("/sys/fs/cgroup").glob(f"**/trial-{os.getpid()}"))
    assert not list((shared.layout.node / "instances").glob("trial-*"))


def test_the_trial_of_a_node_leaves_nothing(own):
    async def work():
        await deep(own)
        assert not list(Path("/sys/fs/cgroup").glob(f"**/spaces-{own.key}/trial-*"))
        assert not list((own.layout.node / "instances").iterdir())

    run(own, work)


def test_an_instance_that_starts_is_not_taken_down(shared):
    async def work():
        spec = shared.spec("import time; time.sleep(1000)", space="ann-slow")
        await shared.backend.start(spec)
        await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
        assert (await shared.see(spec.id)).phase is Phase.STARTING

    run(shared, work)


def test_a_checkpointed_app_can_be_frozen_again_after_it_woke(shared):
    async def work():
        spec = shared.spec(HELLO, space="ann-again")
        await shared.ready(spec)
        for _ in range(3):
            await shared.backend.suspend(spec.id, Phase.FROZEN)
            await shared.backend.suspend(spec.id, Phase.CHECKPOINTED)
            await shared.backend.resume(spec.id)
            assert (await shared.get(spec)).endswith(b"hello")

    run(shared, work)


def test_memory_of_a_frozen_app_goes_to_swap_and_comes_back_as_it_is_touched(own):
    if swap_free() < 2**28:
        pytest.skip("there is no swap on this machine, and a test makes none")

    async def work():
        async def offered():
            return Phase.PAGED in (await own.backend.ability()).rungs

        await until(offered, 40)
        spec = own.spec("ballast = bytearray(b'x' * 2**26)\n" + RICH)
        await own.ready(spec)
        before = await told(own, spec)
        await own.backend.suspend(spec.id, Phase.FROZEN)
        held = resident(own, spec)
        await own.backend.suspend(spec.id, Phase.PAGED)
        assert (await own.see(spec.id)).phase is Phase.PAGED
        assert resident(own, spec) < held - 2**26, "all of the ballast and more has left memory"
        await own.backend.resume(spec.id)
        assert (await told(own, spec))["count"] == before["count"] + 1
        await own.backend.suspend(spec.id, Phase.PAGED)
        await own.backend.suspend(spec.id, Phase.CHECKPOINTED)
        await own.backend.resume(spec.id)
        assert (await told(own, spec))["count"] == before["count"] + 2

    run(own, work)


def resident(place, spec):
    """Bytes that the app's processes have in memory, by the kernel's word."""
    pids = [pid for pid in place.processes() if spec.id in Path(f"/proc/{pid}/cgroup").read_text()]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE")
