"""A Space in a container tries every way out, and gets none; what it needs of the platform, it gets."""

import json
import os
import re
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from spaces_runtime.domain.instance import Phase
from tests.docker.place import DockerPlace
from tests.node.outside import DEVICE, HERE_PRIVATE, HERE_PUBLIC, METADATA, PRIVATE, PUBLIC
from tests.node.place import HELLO, MIB, needs_root
from tests.node.run import run
from tests.promises.hostile import HOSTILE, tried, won
from tests.promises.test_hostile import (  # noqa: F401 - they hold for every engine
    test_a_space_reads_its_own_data_and_no_other_s_under_a_user_of_its_own,
    test_memory_cannot_be_had_by_way_of_tmp,
    test_secrets_stand_in_no_list_of_processes_and_in_no_record,
)

NUMBERS = r"""
import ctypes, json, os, signal
libc, got, wrong = ctypes.CDLL(None, use_errno=True), {}, [ctypes.c_long(-1)] * 6
for number in set(range(463)) - {60, 231}:  # without exit and exit_group
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        signal.alarm(1)  # some wait for ever
        result = libc.syscall(ctypes.c_long(number), *wrong)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.write(theirs, str(ctypes.get_errno() if result == -1 else 0).encode())
        os._exit(0)
    os.close(theirs)
    got[number] = os.read(ours, 10).decode()
    os.close(ours)
print(json.dumps(got))
"""
FROM_INSIDE = r"""
import os, time, urllib.request
def get(url, **headers):
    deadline = time.monotonic() + 10
    while True:  # the node may be a moment later than an app that asks with its first line
        try:
            return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5).read().decode()
        except OSError as error:
            if time.monotonic() > deadline:
                return str(error)
port = os.environ["PORT_OF_THE_PLATFORM"]
print("HUB", get(f"http://localhost:{port}/api"), flush=True)
print("SPACE", get(f"http://127.9.8.7:{port}/", Host=f"ann-hello.localhost:{port}"), flush=True)
print("DEVICES", sorted(os.listdir("/sys/class/net")), flush=True)
"""


@pytest.fixture
def root_place(place):
    """What the tests of every engine call it."""
    return place


@pytest.fixture
def place(base):
    needs_root()
    made = DockerPlace(base=base, words=("internet",))
    made.begin()
    yield made
    made.remove()
    assert made.key[:5] not in subprocess.check_output(["iptables-save"], text=True)


@pytest.fixture
def victim(place):
    return place.spec(HELLO, space="bob-victim", env={"SECRET": "of-the-victim"})


def address_of(place, spec):
    """Of its container, in the network of Spaces."""
    [container] = [each for each in place.containers() if each.labels["spaces.instance"] == spec.id]
    [network] = container.attrs["NetworkSettings"]["Networks"].values()
    return network["IPAddress"], network["Gateway"]


def addresses_here(port):
    """Of this machine, of each kind, with somebody who listens: others may have bridges of their own beside us."""
    told = json.loads(subprocess.check_output(["ip", "-json", "-4", "address"], text=True))
    kinds = ("lo", "eth", "en", "docker0", DEVICE)
    devices = [each for each in told if each["ifname"].startswith(kinds)]
    return {f"host at {a['local']} of {d['ifname']}": [a["local"], port] for d in devices for a in d["addr_info"]}


def targets(place, victim, port):
    at, gateway = address_of(place, victim)
    return {
        **addresses_here(port),
        "gateway": [gateway, port],
        "metadata": [METADATA, 8080],
        "private": [PRIVATE, 8080],
        "victim": [at, 7860],
        "victim by loopback": ["127.0.0.1", 7860],
        "public": [PUBLIC, 8080],
    }


def test_a_hostile_space_gets_nowhere(place, victim, outside):
    async def work():
        await place.ready(victim)
        aims = targets(place, victim, listening.getsockname()[1])
        assert {f"host at {each} of {DEVICE}" for each in (HERE_PUBLIC, HERE_PRIVATE)} <= set(aims)
        got, status = await tried(place, victim, 0, aims)
        check(place, got, status, user=20000)
        assert (await place.get(victim)).endswith(b"hello")

    with socket.create_server(("0.0.0.0", 0)) as listening:
        run(place, work)


def check(place, got, status, *, user):
    """Only the public internet was reached, and nothing but what stands in the image was read."""
    assert got.pop("connect public") == "connected"
    assert int(got.pop("processes")) <= 3
    left = won(place, got)
    assert left.pop("kill init", "None") == "None"  # the kernel drops signals to PID 1 from its own namespace
    for own in ("environment of init", "files of init"):  # PID 1 is the Space's own user's, as the engine starts it
        left.pop(own, None)
    inside = json.loads(left.pop("read var", "[]").replace("'", '"'))
    assert set(inside) <= {"apt", "alternatives.log", "bootstrap.log", "btmp", "dpkg.log", "faillog", "lastlog", "wtmp"}
    assert left.pop("read kernel memory", "b''") == "b''"  # the engine hides it behind nothing
    assert left.pop("read host tmp", "[]") == "[]"
    left.pop("cgroup", None)  # its own alone, and read-only
    assert left == {}
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(each) >= user for each in status["Uid"].split()} == {True}


def test_an_image_of_the_authors_own_gets_no_further(place, victim, outside, tmp_path):
    """One that says it runs as root, with everything that a file in it could grant."""
    (tmp_path / "app.py").write_text(HOSTILE)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {place.base}\nCOPY app.py /app.py\n"
        "RUN cp /usr/bin/python3.11 /usr/bin/rooted && chmod 6755 /usr/bin/rooted\n"
        'USER root\nENTRYPOINT ["/usr/bin/rooted", "/app.py"]\n'
    )
    image, _ = place.client.images.build(path=str(tmp_path), rm=True, labels={"spaces.platform": place.key})

    async def work():
        await place.ready(victim)
        aims = {"paths": {"data": str(place.layout.data), "node": str(place.layout.node)}}
        aims["addresses"] = targets(place, victim, listening.getsockname()[1])
        aims["sockets"] = {"the node": str(place.layout.node_socket), "the engine": "/var/run/docker.sock"}
        spec = place.image_spec(image.id, space="eve-image", env={"TARGETS": json.dumps(aims)})
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        got = json.loads(re.search(r"GOT (.*)", place.log("eve-image"))[1])
        check(place, got, got.pop("status"), user=1000)

    try:
        with socket.create_server(("0.0.0.0", 0)) as listening:
            run(place, work)
    finally:
        for each in place.containers():
            each.remove(force=True)
        place.client.images.remove(image.id, force=True)


@contextmanager
def gateway(place):
    """What stands at the platform's port: says what it was asked for."""

    def answer():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                head = connection.recv(65536).decode()
                host = re.search(r"(?im)^host: (\S+)", head)[1]
                body = f"{head.split()[1]} of {host}".encode()
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with socket.create_server(("127.0.0.1", place.port)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(("internet", "devices"), [(True, "['eth0', 'lo']"), (False, "['lo']")])
def test_the_hub_and_other_spaces_are_reached_by_name_with_and_without_internet(place, internet, devices):
    async def work():
        spec = place.spec(FROM_INSIDE, space="ann-inside", env={"PORT_OF_THE_PLATFORM": str(place.port)})
        spec = replace(spec, setup=replace(spec.setup, internet=internet))
        with gateway(place):
            await place.backend.start(spec)
            await place.reach(spec, Phase.EXITED)
        said = place.log("ann-inside")
        assert f"HUB /api of localhost:{place.port}\n" in said
        assert f"SPACE / of ann-hello.localhost:{place.port}\n" in said
        assert f"DEVICES {devices}\n" in said

    run(place, work)


def test_nothing_of_a_space_is_left_once_it_has_ended(place):
    async def work():
        before = listed(place)
        spec = place.spec(memory=256 * MIB)
        await place.ready(spec)
        assert listed(place) != before
        await place.backend.stop(spec.id)
        assert listed(place) == before
        assert place.left() == []

    run(place, work)
    place.node.terminate()
    place.node.wait(20)
    assert [line for line in listed(place) if place.key[:5] in line] == []


def listed(place):
    """All containers, networks, volumes, devices, mounts and rules of this machine that are not another platform's."""
    found = []
    for what in (("ps", "-a"), ("network", "ls"), ("volume", "ls")):
        found += subprocess.check_output(["docker", *what, "--format", "{{json .}}"], text=True).splitlines()
    found += subprocess.check_output(["iptables-save"], text=True).splitlines()
    found += [
        f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines() if str(place.layout.data) in line
    ]
    found += [f"device {name}" for name in os.listdir("/sys/class/net")]
    return sorted(line for line in found if place.key[:5] in line or str(place.layout.data) in line)


def test_containers_may_make_the_engines_own_system_calls_without_io_uring(place, base, tmp_path):
    """Each number is tried with arguments that are all wrong: EPERM comes from the filter, as far as both differ."""
    from spaces_runtime.node.docker.seccomp import profile

    (tmp_path / "profile.json").write_text(profile())
    plain, ours, free = (
        numbers(base, *flag) for flag in ((), (f"seccomp={tmp_path}/profile.json",), ("seccomp=unconfined",))
    )
    refused = {number for number in free if plain[number] == "1" != free[number]}
    assert len(refused) > 30
    assert {number for number in refused if ours[number] != "1"} == set()
    stricter = {int(number) for number in free if ours[number] == "1" and plain[number] not in ("1", "38")}
    assert {425, 426, 427} <= {int(number) for number in free if ours[number] == "1"}
    assert stricter - {101, 301, 425, 426, 427} == set()  # ptrace, fanotify_mark, and io_uring where it was allowed


def numbers(base, *security):
    flags = [word for each in ("no-new-privileges", *security) for word in ("--security-opt", each)]
    argv = [
        "docker",
        "run",
        "--rm",
        "--init",
        "--user",
        "20001:20001",
        "--cap-drop",
        "ALL",
        "--network",
        "none",
        *flags,
    ]
    return json.loads(subprocess.check_output([*argv, base, "python3", "-c", NUMBERS], text=True, timeout=60))
