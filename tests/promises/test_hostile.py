"""A Space tries every way out, and gets none. It prints what it could do; the test reads its log."""

import json
import os
import re
import socket
from pathlib import Path

import pytest

from spaces_runtime.domain.instance import Phase
from tests.node.place import HELLO, MIB, SOMEBODY, Place, folder, needs_root, needs_user, until
from tests.node.run import run

HOSTILE = r"""
import ctypes, json, os, pathlib, socket, subprocess, sys, time
tell = json.loads(os.environ["TARGETS"])
got = {}

def attempt(name, what):
    try:
        got[name] = str(what())
    except BaseException as error:
        got[name] = "no: " + type(error).__name__ + " " + str(error)[:80]

def connect(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        sock.connect(address)
        return "connected"

libc = ctypes.CDLL(None, use_errno=True)
def call(number, *rest):
    result = libc.syscall(number, *rest)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

for name, path in tell["paths"].items():
    attempt("read " + name, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(20))
for name, address in tell["addresses"].items():
    attempt("connect " + name, lambda: connect(tuple(address)))
attempt("connect ipv6", lambda: connect(("fd00::1", 80), socket.AF_INET6))
attempt("unix socket", lambda: connect(tell["socket"], socket.AF_UNIX))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("processes", lambda: len([p for p in os.listdir("/proc") if p.isdigit()]))
attempt("environment of init", lambda: open("/proc/1/environ", "rb").read())
attempt("files of init", lambda: os.listdir("/proc/1/fd"))
attempt("kill init", lambda: os.kill(1, 9))
attempt("mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("umount", lambda: call(166, b"/usr", 0))
attempt("unshare user", lambda: call(272, 0x10000000))
attempt("clone user", lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3", lambda: call(435, 0, 0))
attempt("ptrace", lambda: call(101, 16, os.getppid(), 0, 0))
attempt("io_uring", lambda: call(425, 8, 0))
attempt("bpf", lambda: call(321, 0, 0, 0))
attempt("setuid", lambda: os.setuid(0))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("device", lambda: os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0)))
attempt("write usr", lambda: open("/usr/x", "w"))
attempt("write env", lambda: open("/env/x", "w"))
attempt("write run", lambda: open("/run/x", "w"))
attempt("write launcher", lambda: open("/launch.py", "a"))
attempt("sysctl", lambda: open("/proc/sys/kernel/hostname", "w").write("x"))
attempt("raise limit", lambda: __import__("resource").setrlimit(4, (10**9, 10**9)))
attempt("su", lambda: subprocess.run(["/bin/su", "-c", "id"], check=True, stderr=subprocess.DEVNULL))
attempt("cgroup", lambda: os.listdir("/sys/fs/cgroup"))
status = open("/proc/self/status").read()
got["status"] = {k: v.strip() for k, v in (line.split(":", 1) for line in status.splitlines()) if k in
    ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid")}
print("GOT " + json.dumps(got), flush=True)
"""


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


def host_address() -> str:
    """An address of this machine other than loopback, when it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return "192.0.2.1"
        return sock.getsockname()[0]


def test_a_hostile_space_gets_nowhere(place):
    listening = socket.create_server(("0.0.0.0", 0))
    port = listening.getsockname()[1]
    victim_port = 7860

    async def work():
        victim = place.spec(HELLO, space="bob-victim", env={"SECRET": "of-the-victim"})
        await place.ready(victim)
        layout = place.layout
        targets = {
            "paths": {
                "data": str(layout.data),
                "node": str(layout.node),
                "victim": str(layout.node / "instances" / victim.id / "disk" / "home"),
                "victim data": str(layout.volumes / "bob-victim"),
                "logs": str(layout.logs),
                "shadow": "/etc/shadow",
                "root": "/root",
                "host tmp": str(Path(__file__).parent),
                "var": "/var/log",
                "kernel memory": "/proc/kcore",
                "disk": "/dev/vda",
            },
            "addresses": {
                "host": [host_address(), port],
                "host loopback": ["127.0.0.1", port],
                "metadata": ["169.254.169.254", 80],
                "private": ["10.0.0.1", 80],
                "victim": ["127.0.0.1", victim_port],
                "internet": ["192.0.2.1", 443],
            },
            "socket": str(layout.dial_socket),
        }
        spec = place.spec(HOSTILE, space="eve-hostile", env={"TARGETS": json.dumps(targets)})
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        got = json.loads(re.search(r"GOT (.*)", place.log("eve-hostile"))[1])
        status = got.pop("status")
        assert int(got.pop("processes")) <= 3
        won = {name: how for name, how in got.items() if not how.startswith("no: ")}
        # An empty folder of the same name may stand on the way to something shown; nothing of the platform is in it.
        won = {name: how for name, how in won.items() if not (name.startswith("read ") and how in ("[]", "['plain']"))}
        assert won.pop("kill init", "None") == "None"  # the kernel drops signals to PID 1 from its own namespace
        assert won.pop("read root", "['.pyenv']") == "['.pyenv']"
        shown = {"data": str([layout.envs.relative_to(layout.data).parts[0]])}  # the environment's own place
        won = {name: how for name, how in won.items() if shown.get(name.removeprefix("read ")) != how}
        if place.user:  # PID 1 and /run have the same user as the app: what stands there is the app's own
            for own in ("environment of init", "files of init", "write run"):
                won.pop(own, None)
        assert won == {}
        assert {status[name] for name in ("CapEff", "CapPrm", "CapAmb")} == {"0000000000000000"}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert (await place.get(victim)).endswith(b"hello")
        if not place.user:
            assert int(status["Uid"].split()[0]) >= 20000

    with listening:
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


def test_a_fork_bomb_stops_at_its_limit_and_its_neighbour_answers(root_place):
    place = root_place
    bomb = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except OSError:
    print("stopped after", count, flush=True)
time.sleep(60)
"""

    async def work():
        good, bad = place.spec(), place.spec(bomb, space="eve-bomb", memory=2048 * MIB)
        await place.ready(good)
        await place.backend.start(bad)
        await until(lambda: "stopped after" in place.log("eve-bomb"), 30)
        assert int(re.search(r"stopped after (\d+)", place.log("eve-bomb"))[1]) < 1100
        assert (await place.get(good)).endswith(b"hello")
        await place.backend.stop(bad.id)
        assert not [each for each in place.left() if "eve-bomb" in each]

    run(place, work)


def test_an_app_that_eats_all_its_memory_is_ended_and_the_reason_says_so(root_place):
    place = root_place

    async def work():
        spec = place.spec("x = []\nwhile True: x.append(bytearray(10**7))", memory=128 * MIB)
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert seen.why.startswith("out of memory: limit 128 MiB")

    run(place, work)


def test_memory_cannot_be_had_by_way_of_tmp(root_place):
    place = root_place

    async def work():
        fill = "open('/tmp/a', 'wb').write(b'x' * 2**27); open('/dev/shm/b', 'wb').write(b'x' * 2**27)"
        spec = place.spec(fill, memory=128 * MIB)
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert "out of memory" in seen.why or "exited with status 1" in seen.why

    run(place, work)


def test_a_full_disk_is_full_for_its_own_space_only(root_place):
    place = root_place
    fill = """
import errno, pathlib
for place in ("/home/user", "/data"):
    total = 0
    try:
        for n in range(100):
            (pathlib.Path(place) / f"f{n}").write_bytes(b"x" * 10**7)
            total += 10
    except OSError as error:
        print(place, "full after", total, "MB", errno.errorcode[error.errno], flush=True)
"""

    async def work():
        spec = place.spec(fill, disk=64 * MIB, memory=1024 * MIB)
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert seen.why == "exited with status 0"
        found = re.findall(r"(\S+) full after (\d+) MB (\w+)", place.log())
        assert [name for name, _, _ in found] == ["/home/user", "/data"]
        assert all(int(total) < 70 and error == "ENOSPC" for _, total, error in found)

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
