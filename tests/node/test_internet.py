"""A Space with internet reaches public addresses and nothing else, against a small internet of our own making."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys

import pytest

from spaces_runtime.domain.instance import Phase
from spaces_runtime.node.firewall import resolvers
from spaces_runtime.node.internet import PROGRAMS, Internet
from tests.node.place import HELLO, Place, folder, needs_root, until
from tests.node.run import run

SERVE = (
    "import socket; s = socket.create_server(('', 8080)); print('up', flush=True)\nwhile True: s.accept()[0].close()"
)
TRY = r"""
import json, os, socket
got = {}
for name, address in json.loads(os.environ["TARGETS"]).items():
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    sock.settimeout(3)
    try:
        sock.connect(tuple(address))
        got[name] = "connected"
    except OSError as error:
        got[name] = type(error).__name__
print("GOT " + json.dumps(got), flush=True)
"""


@pytest.fixture
def outside():
    """Another machine, in a network namespace: one public and one private address."""
    needs_root()
    if any(shutil.which(name) is None for name in PROGRAMS):
        pytest.skip("iproute2 and iptables are not installed")
    server = subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", f"input()\n{SERVE}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    name, addresses = "vtest0", ("45.77.199.{}/30", "172.31.199.{}/30")
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["ip", "link", "del", name], check=True, stderr=subprocess.DEVNULL)
    try:
        wait_for_namespace(server.pid)
        inside = ["nsenter", "-t", str(server.pid), "-n", "ip"]
        subprocess.run(
            ["ip", "link", "add", name, "type", "veth", "peer", "name", "e0", "netns", str(server.pid)], check=True
        )
        for address in addresses:
            subprocess.run(["ip", "addr", "add", address.format(1), "dev", name], check=True)
            subprocess.run([*inside, "addr", "add", address.format(2), "dev", "e0"], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        subprocess.run([*inside, "link", "set", "e0", "up"], check=True)
        server.stdin.write(b"\n")
        server.stdin.flush()
        assert server.stdout.readline() == b"up\n"
        yield
    finally:
        server.kill()
        server.wait()
        server.stdin.close()
        server.stdout.close()


def wait_for_namespace(pid):
    import os
    import time

    deadline = time.monotonic() + 10
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_the_public_internet_is_reached(outside):
    place = Place(folder(), words=("internet",))
    net = Internet(key=place.key, resolvers=())

    async def work():
        with socket.create_server(("0.0.0.0", 0)) as host:
            port = host.getsockname()[1]
            victim = place.spec(HELLO, space="bob-victim")
            await place.ready(victim)
            targets = {
                "public": ["45.77.199.2", 8080],
                "private": ["172.31.199.2", 8080],
                "metadata": ["169.254.169.254", 80],
                "host, public address": ["45.77.199.1", port],
                "host, private address": ["172.31.199.1", port],
                "host, our side of the pair": [net.addresses(1)[0], port],
                "victim": [net.addresses(0)[1], 7860],
                "victim's pair": [net.addresses(0)[0], port],
                "host over IPv6": ["fe80::1", port],
            }
            wait = "import time, pathlib\nwhile 'eth0' not in open('/proc/net/route').read(): time.sleep(0.01)\n"
            spec = place.spec(wait + TRY, space="eve-out", env={"TARGETS": json.dumps(targets)})
            await place.backend.start(spec)
            await place.reach(spec, Phase.EXITED)
            got = json.loads(re.search(r"GOT (.*)", place.log("eve-out"))[1])
            assert got.pop("public") == "connected"
            assert "connected" not in got.values(), got
            assert (await place.get(victim)).endswith(b"hello")
        await place.backend.stop_all()
        await until(lambda: not place.left())
        await until(lambda: f"sp{place.key[:5]}" not in subprocess.check_output(["ip", "link"], text=True))

    place.begin()
    try:
        run(place, work)
    finally:
        place.remove()
    assert place.key[:5] not in subprocess.check_output(["iptables-save"], text=True)


def test_name_servers_on_loopback_are_not_for_spaces():
    texts = [
        "# here\nnameserver 127.0.0.53\nsearch x",
        "nameserver 9.9.9.9\nnameserver ::1\nnameserver 10.0.0.2\nnameserver",
    ]
    assert resolvers(texts) == ("9.9.9.9", "10.0.0.2")


def test_no_two_spaces_have_an_address_in_common():
    net = Internet(key="ab12ab12ab", resolvers=())
    seen = {address for number in range(1000) for address in net.addresses(number)}
    assert len(seen) == 2000
