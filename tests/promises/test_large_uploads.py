"""Large uploads: the hub reads them from the sender's own socket, whatever the sender does in between."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.platform import Platform
from spaces_runtime.domain.handing import LARGE
from tests.promises.world import ask, kill, role, until

SIZE = 3 * LARGE + 7
PIECE = 2**18


@pytest.fixture(scope="module")
def repo(here: Platform) -> str:
    here.api("POST", "/api/repos/create", {"name": "large", "type": "model"})
    return "bench/large"


@pytest.fixture
def content() -> bytes:
    return os.urandom(SIZE)


def wanted(here: Platform, repo: str, content: bytes) -> str:
    """Where the hub wants it."""
    objects = [{"oid": sha256(content).hexdigest(), "size": len(content)}]
    told = here.api("POST", f"/{repo}.git/info/lfs/objects/batch", {"operation": "upload", "objects": objects})
    href: str = told["objects"][0]["actions"]["upload"]["href"]
    return urlsplit(href).path


def held(here: Platform, repo: str, content: bytes) -> bool:
    objects = [{"oid": sha256(content).hexdigest(), "size": len(content)}]
    told = here.api("POST", f"/{repo}.git/info/lfs/objects/batch", {"operation": "download", "objects": objects})
    return "actions" in told["objects"][0]


def begun(here: Platform, path: str, length: int, early: bytes, *headers: str) -> socket.socket:
    """A request's head with the first bytes of its body, in one piece."""
    sender = socket.create_connection(("127.0.0.1", here.port), 60)
    lines = (f"PUT {path} HTTP/1.1", f"Host: localhost:{here.port}", f"Content-Length: {length}", *headers)
    sender.sendall("\r\n".join((*lines, "", "")).encode() + early)
    return sender


def answer(sender: socket.socket) -> tuple[int, bytes]:
    """Status, and all that comes until the other side closes."""
    said = b""
    while piece := sender.recv(PIECE):
        said += piece
    sender.close()
    return int(said.split(b" ", 2)[1]) if said else 0, said


def incoming(here: Platform) -> list[Path]:
    return list((here.data / "blobs" / "incoming").glob("*"))


def reads(here: Platform) -> Iterator[str]:
    """The hub's sockets that are a sender's: connected to the gateways' public port."""
    local = f":{here.port:04X}"
    for pid in role(here, "hub"):
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        mine = {row[9] for row in rows if row[1].endswith(local) and row[3] == "01"}
        for number in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inode = os.readlink(number).removeprefix("socket:[").removesuffix("]")
            except OSError:
                continue
            if inode in mine:
                yield inode


@pytest.mark.parametrize("early", [0, 1, 100_000])
def test_what_came_with_the_head_and_what_comes_after_is_one_file(here, repo, content, early):
    sender = begun(here, wanted(here, repo, content), SIZE, content[:early])
    if os.geteuid() == 0:
        until(lambda: list(reads(here)), "the hub holds the sender's socket")
    for at in range(early, SIZE, PIECE):
        sender.sendall(content[at : at + PIECE])
    status, said = answer(sender)
    assert (status, b"connection: close" in said.lower()) == (200, True), said
    assert held(here, repo, content)
    assert not list(reads(here))


def test_a_sender_who_waits_for_leave_gets_it(here, repo, content):
    sender = begun(here, wanted(here, repo, content), SIZE, b"", "Expect: 100-continue")
    assert sender.recv(100).startswith(b"HTTP/1.1 100")
    sender.sendall(content)
    assert answer(sender)[0] == 200


def test_what_is_sent_after_the_file_is_no_request(here, repo, content):
    sender = begun(here, wanted(here, repo, content), SIZE, b"")
    smuggled = f"GET /api/whoami-v2 HTTP/1.1\r\nHost: localhost:{here.port}\r\n\r\n".encode()
    sender.sendall(content + smuggled)
    status, said = answer(sender)
    assert (status, said.count(b"HTTP/1.1")) == (200, 1)


def test_a_sender_who_stops_half_way_leaves_nothing(here, repo, content):
    path = wanted(here, repo, content)
    before = incoming(here)
    sender = begun(here, path, SIZE, content[:1000])
    sender.sendall(content[1000 : SIZE // 2])
    sender.shutdown(socket.SHUT_WR)
    sender.close()
    until(lambda: not list(reads(here)), "the hub lets go of the socket")
    until(lambda: incoming(here) == before, "nothing half stays")
    assert not held(here, repo, content)


def test_a_wrong_file_is_refused_with_its_reason(here, repo, content):
    sender = begun(here, wanted(here, repo, content), SIZE, b"")
    sender.sendall(os.urandom(SIZE))
    status, said = answer(sender)
    assert (status, b"sha256" in said) == (422, True)
    assert not held(here, repo, content)


def test_who_is_refused_at_once_reads_why_while_still_sending(here, repo, content):
    sender = begun(here, "/api/lfs/not-a-ticket", SIZE, content[:1000])
    status, said = answer(sender)
    assert (status, b"not one of ours" in said) == (403, True)


def test_nobody_outside_can_name_a_socket(here, repo, content):
    path = wanted(here, repo, content)
    status, said = ask(here, "PUT", path, content[:10], X_Spaces_Body=f"{'0' * 32} {SIZE - 10}")
    assert (status, b"10 came" in said) == (422, True)


def test_a_hub_that_is_killed_meanwhile_ends_the_upload_and_its_successor_takes_it(here, repo, content):
    path = wanted(here, repo, content)
    sender = begun(here, path, SIZE, content[:1000])
    until(lambda: list(reads(here)) or os.geteuid(), "the hub holds the sender's socket")
    kill(here, "hub")
    assert answer(sender)[0] == 502
    until(lambda: role(here, "hub") and ask(here, "GET", "/api/models")[0] == 200, "the hub is back")
    sender = begun(here, path, SIZE, content)
    assert answer(sender)[0] == 200
    assert held(here, repo, content)
