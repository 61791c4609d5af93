"""The bridge of Spaces and its rules, with real containers, against a small internet of our own making."""

import json
import os
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from ipaddress import IPv4Network
from secrets import token_hex

import pytest

from spaces_runtime.node.docker.engine import Engine
from spaces_runtime.node.docker.network import NONE, Network
from spaces_runtime.node.firewall import Reach
from tests.docker.place import BASE
from tests.node.outside import DEVICE, HERE_PRIVATE, HERE_PUBLIC, METADATA, PRIVATE, PUBLIC, TRY

pytestmark = pytest.mark.usefixtures("base")
NAME = "import socket; print('NAME', socket.gethostbyname('anything.example'))"
LISTEN = (
    "import socket; s = socket.create_server(('', 7860)); print('up', flush=True)\nwhile True: s.accept()[0].close()"
)


def docker(*argv, **options):
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True, timeout=60, **options).stdout


def traces(key):
    """Whatever of a platform the kernel or the engine has."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout.splitlines()
    networks = docker("network", "ls", "--format", "{{.Name}}").splitlines()
    devices = [line.split()[0] for line in subprocess.check_output(["ip", "-br", "link"], text=True).splitlines()]
    return [line for line in (*rules, *networks, *devices) if key[:5] in line]


@pytest.fixture
def made(outside):
    """A platform's network; its Spaces ask the small internet for names, which is at a private address."""
    key = token_hex(5)
    network = Network(Engine(""), key, resolvers=(PRIVATE,))
    assert traces(key) == []
    assert network.open() == ""
    yield network
    network.close()
    assert traces(key) == []


@contextmanager
def running(network, code=LISTEN, *flags):
    """A container that prints `up`; its id and address."""
    started = docker("run", "-d", "--rm", *network, *flags, BASE, "python3", "-uc", code).strip()
    try:
        follow = subprocess.Popen(["docker", "logs", "-f", started], stdout=subprocess.PIPE, text=True)
        assert follow.stdout.readline() == "up\n"
        follow.terminate()
        follow.communicate()
        [found] = json.loads(docker("inspect", started))
        yield next(iter(found["NetworkSettings"]["Networks"].values()))["IPAddress"]
    finally:
        docker("rm", "-f", started)


def shown_at(address, container):
    """The port of this machine that leads to a container on the default bridge."""
    rules = subprocess.run(["docker", "ps", "-q"], capture_output=True, text=True, check=True).stdout.split()
    for [found] in (json.loads(docker("inspect", each)) for each in rules):
        if found["NetworkSettings"]["IPAddress"] == container:
            told = found["NetworkSettings"]["Ports"]["7860/tcp"]
            return next(int(each["HostPort"]) for each in told if each["HostIp"] == address)
    raise AssertionError(container)


def tried(targets, *network):
    flags = ("--rm", "-e", f"TARGETS={json.dumps(targets)}")
    return json.loads(re.search(r"GOT (.*)", docker("run", *flags, *network, BASE, "python3", "-c", TRY))[1])


def addresses_here():
    """IPv4 addresses of this machine, of each kind; others may have bridges of their own beside us."""
    told = json.loads(subprocess.check_output(["ip", "-json", "-4", "address"], text=True))
    devices = [each for each in told if each["ifname"].startswith(("eth", "en", "docker0", DEVICE, "spd-"))]
    return {each["local"] for device in devices for each in device["addr_info"]}


def gateway(network):
    [found] = json.loads(docker("network", "inspect", network.name(internet=True)))
    return found["IPAM"]["Config"][0]["Gateway"]


def test_a_container_reaches_the_public_internet_and_nothing_else(made):
    ours = ("--network", made.name(internet=True))
    with (
        socket.create_server(("0.0.0.0", 0)) as host,
        running(ours) as neighbour,
        running((), LISTEN, "-p", "0.0.0.0:0:7860") as foreign,
    ):
        port = host.getsockname()[1]
        shown = shown_at("0.0.0.0", foreign)
        targets = {
            "public": [PUBLIC, 8080],
            "private": [PRIVATE, 8080],
            "metadata": [METADATA, 8080],
            "neighbour": [neighbour, 7860],
            "container on the default bridge": [foreign, 7860],
            "published port of another": [HERE_PUBLIC, shown],
            "gateway, published port": [gateway(made), shown],
            "host over IPv6": ["fe80::1", port],
            **{f"host at {address}": [address, port] for address in addresses_here()},
        }
        assert {HERE_PUBLIC, HERE_PRIVATE, gateway(made), "172.17.0.1"} <= addresses_here()
        got = tried(targets, *ours)
        assert got.pop("public") == "connected"
        assert "connected" not in got.values(), got
        with socket.create_connection((neighbour, 7860), 5):  # and the host's calls are answered
            pass


def test_without_internet_a_container_has_its_loopback_device_alone(made):
    assert made.name(internet=False) == NONE
    code = "import os; print(os.listdir('/sys/class/net'), open('/proc/net/route').read().count('\\n'))"
    assert docker("run", "--rm", "--network", NONE, BASE, "python3", "-c", code).strip() == "['lo'] 1"
    assert set(tried({"public": [PUBLIC, 8080], "private": [PRIVATE, 8080]}, "--network", NONE).values()) == {"OSError"}


def test_names_are_found_although_their_server_has_a_private_address(made):
    ours = ("--rm", "--network", made.name(internet=True), "--dns", PRIVATE)
    assert docker("run", *ours, BASE, "python3", "-c", NAME) == f"NAME {PUBLIC}\n"


def test_a_build_step_reaches_no_private_network_and_nothing_of_this_machine(made, tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as host:
        port = host.getsockname()[1]
        targets = {"public": [PUBLIC, 8080], "private": [PRIVATE, 8080], "metadata": [METADATA, 8080]}
        targets |= {f"host at {address}": [address, port] for address in addresses_here()}
        (tmp_path / "try.py").write_text(TRY)
        (tmp_path / "Dockerfile").write_text(
            f"FROM {BASE}\nARG TARGETS NAME\nCOPY try.py /\nRUN python3 /try.py > /got; cat /got\n"
        )
        into = tmp_path / "out"
        program = shutil.which("docker", path="/usr/bin") or "docker"
        argv = [program, "build", "-q", "-o", into, "--build-arg", f"TARGETS={json.dumps(targets)}", tmp_path]
        env = {**os.environ, "DOCKER_BUILDKIT": "1", "PATH": "/usr/bin:/bin"}
        subprocess.run(argv, env=env, check=True, timeout=100)
    got = json.loads((into / "got").read_text().removeprefix("GOT "))
    assert got.pop("public") == "connected"
    assert "connected" not in got.values(), got


def test_the_platforms_own_public_port_is_open_wherever_it_stands(outside):
    """A laboratory's hub has a private address, and its front may be a container whose port Docker forwards."""
    key = token_hex(5)
    with socket.create_server((HERE_PRIVATE, 0)) as front, running((), LISTEN, "-p", f"{HERE_PUBLIC}:0:7860") as at:
        port, shown = front.getsockname()[1], shown_at(HERE_PUBLIC, at)
        reach = Reach(doors=(f"{HERE_PRIVATE}:{port}", f"{HERE_PUBLIC}:{shown}"))
        network = Network(Engine(""), key, reach=reach, resolvers=())
        assert network.open() == ""
        try:
            targets = {
                "front": [HERE_PRIVATE, port],
                "front in a container": [HERE_PUBLIC, shown],
                "its other address": [HERE_PUBLIC, port],
                "another port": [HERE_PRIVATE, shown],
            }
            got = tried(targets, "--network", network.name(internet=True))
        finally:
            network.close()
    assert [how == "connected" for how in got.values()] == [True, True, False, False], got
    assert traces(key) == []


def test_rules_and_network_come_back_when_somebody_removes_them(made):
    key = made.bridge.removeprefix("spd-")
    before = traces(key)
    subprocess.run(["iptables", "-w", "-F", f"SPACES-D-{key[:5]}-OUT"], check=True)
    subprocess.run(["iptables", "-w", "-D", "INPUT", "-i", made.bridge, "-j", f"SPACES-D-{key[:5]}-IN"], check=True)
    assert traces(key) != before
    made.mend()
    assert sorted(traces(key)) == sorted(before)
    docker("network", "rm", made.name(internet=True))
    assert made.bridge not in traces(key)
    made.mend()
    assert sorted(traces(key)) == sorted(before)


def test_opening_again_keeps_what_stands_and_those_who_use_it(made):
    key = made.bridge.removeprefix("spd-")
    before, ours = traces(key), ("--network", made.name(internet=True))
    with running(ours) as address:
        again = Network(Engine(""), made.name(internet=True).removeprefix("spaces-"), resolvers=(PRIVATE,))
        assert again.open() == ""
        assert again.bridge == made.bridge
        with socket.create_connection((address, 7860), 5):
            pass
    assert sorted(traces(key)) == sorted(before)


def test_two_platforms_have_networks_that_do_not_overlap(made):
    other = Network(Engine(""), token_hex(5), resolvers=())
    assert other.open() == ""
    try:
        first, second = (IPv4Network(f"{gateway(each)}/20", strict=False) for each in (made, other))
        assert not first.overlaps(second)
    finally:
        other.close()


def test_an_engine_that_is_away_is_waited_for_behind_rules_that_stand(tmp_path):
    key, at = token_hex(5), tmp_path / "engine.sock"
    network = Network(Engine(str(at)), key, resolvers=())
    assert "does not answer" in network.open()
    assert network.name(internet=True) == NONE
    assert any(line.startswith("-A INPUT") for line in traces(key))
    with passing_on(at):
        network.mend()
        assert network.name(internet=True) != NONE
        network.close()
    assert traces(key) == []


@contextmanager
def passing_on(at):
    """The real engine, at another address, as if it had just been started."""
    at.symlink_to(os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock")
    yield
    at.unlink()


def test_without_iptables_no_space_gets_a_network(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    network = Network(Engine(""), token_hex(5))
    assert network.open() == "iptables, iptables-restore, iptables-save, ip not installed"
    assert network.name(internet=True) == NONE
