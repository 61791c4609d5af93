"""A small internet of our own making: another machine, in a network namespace, with one address of each kind."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

import pytest

from spaces_runtime.node.internet import PROGRAMS
from tests.node.place import needs_root

PUBLIC, PRIVATE, METADATA = "45.77.199.2", "172.31.199.2", "169.254.169.254"
HERE_PUBLIC, HERE_PRIVATE = "45.77.199.1", "172.31.199.1"  # of this machine
DEVICE = "vtest0"
SERVE = r"""
import socket, threading
def names():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 53))
    while True:
        asked, whom = sock.recvfrom(512)
        question = asked[12 : asked.index(b"\0", 12) + 5]
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes((45, 77, 199, 2)) if question[-4:-2] == b"\0\1" else b""
        counts = b"\0\1\0" + bytes((bool(answer),)) + b"\0\0\0\0"
        sock.sendto(asked[:2] + b"\x81\x80" + counts + question + answer, whom)
threading.Thread(target=names, daemon=True).start()
s = socket.create_server(("", 8080))
print("up", flush=True)
while True:
    s.accept()[0].close()
"""
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
    """It: a port answers on the public, the private and the metadata address, and names are answered on 53."""
    needs_root()
    if any(shutil.which(name) is None for name in PROGRAMS):
        pytest.skip("iproute2 and iptables are not installed")
    server = subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", f"input()\n{SERVE}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    name, addresses = DEVICE, ("45.77.199.{}/30", "172.31.199.{}/30")
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
        subprocess.run([*inside, "addr", "add", f"{METADATA}/32", "dev", "e0"], check=True)
        subprocess.run(["ip", "route", "add", f"{METADATA}/32", "via", PRIVATE, "dev", name], check=True)
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
    deadline = time.monotonic() + 10
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
