"""Blobs that the hub hands over are sent by the gateway; nobody else can make it send one."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from spaces_runtime.domain.handing import Handed, blob_path, handed
from spaces_runtime.domain.ids import Sha256
from tests.gateway.test_files import _open
from tests.gateway.world import until

CONTENT = (bytes(range(256)) * 12_000)[:3_000_000]  # the same in every process: tests are named by its hash
NAME = Sha256(sha256(CONTENT).hexdigest())
HUB = "localhost"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The blob in its place."""
    path = blob_path(tmp_path / "blobs", NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def answer(told: str, status: str = "200 OK") -> bytes:
    head = f'HTTP/1.1 {status}\r\nETag: "{NAME}"\r\nX-Spaces-Blob: {told}\r\nContent-Length: 0\r\n\r\n'
    return head.encode()


def test_a_blob_is_sent_with_the_hubs_headers_and_its_true_length(within, kept):
    async def story(here):
        here.hub.answers["/file"] = answer(f"{NAME} 0 3000000")
        here.hub.answers["/part"] = answer(f"{NAME} 1000 1999000", "206 Partial Content")
        one = await here.talk()
        for _ in range(2):  # over one connection: the framing is right
            whole = await one.ask("GET", "/file", {"Host": HUB})
            assert (whole.status, whole.body == CONTENT) == (200, True)
            assert whole.get("content-length") == "3000000"
            assert whole.get("etag") == f'"{NAME}"'
            assert whole.get("x-spaces-blob") is None
            part = await one.ask("GET", "/part", {"Host": HUB})
            assert (part.status, part.body == CONTENT[1000:2_000_000]) == (206, True)
        one.close()
        assert here.hub.seen[-1].get("x-spaces-takes") == "blobs"

    within(story)


def test_an_empty_blob_is_sent_too(within, tmp_path):
    empty = Sha256(sha256(b"").hexdigest())
    path = blob_path(tmp_path / "blobs", empty)
    path.parent.mkdir(parents=True)
    path.touch()

    async def story(here):
        here.hub.answers["/file"] = answer(f"{empty} 0 0")
        assert (await here.get("/file", host=HUB)).body == b""

    within(story)


def test_a_blob_that_is_gone_or_too_short_is_an_error_and_not_half_an_answer(within, kept):
    async def story(here):
        here.hub.answers["/gone"] = answer(f"{'0' * 64} 0 10")
        here.hub.answers["/short"] = answer(f"{NAME} 0 3000001")
        for path in ("/gone", "/short"):
            assert (await here.get(path, host=HUB)).status == 500

    within(story)


def test_a_hub_that_goes_away_within_its_answer_is_asked_again(within, kept):
    async def story(here):
        one = await here.talk()
        here.hub.answers["/file"] = answer(f"{NAME} 0 3000000")
        await one.ask("GET", "/file", {"Host": HUB})  # from here on the hub's connection is an old one
        half = answer(f"{NAME} 0 3000000").replace(b"Content-Length: 0", b"Content-Length: 5")

        async def dies(reader, writer, seen) -> bool:
            here.hub.answers["/half"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
            writer.write(half + b"ab")
            await writer.drain()
            return False

        here.hub._half = dies
        got = await one.ask("GET", "/half", {"Host": HUB})
        one.close()
        assert (got.status, got.body) == (404, b"gone")

    within(story)


def test_an_app_cannot_make_the_gateway_send_a_blob(within, kept):
    async def story(here):
        app = await here.awake()
        app.answers["/file"] = answer(f"{NAME} 0 3000000")
        got = await here.get("/file", X_Spaces_Takes="blobs")
        assert (got.status, got.body) == (200, b"")
        assert got.get("x-spaces-blob") is None
        assert app.seen[-1].get("x-spaces-takes") is None

    within(story)


def test_a_reader_who_leaves_leaves_no_open_file(within, kept):
    async def story(here):
        here.hub.answers["/file"] = answer(f"{NAME} 0 50000000")
        with kept.open("r+b") as file:
            file.truncate(50_000_000)
        one = await here.talk()
        await one.send("GET", "/file", {"Host": HUB})
        await one.head()
        assert _open(kept) == 1
        one.close()
        await until(lambda: _open(kept) == 0)

    within(story)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x 0 1",
        f"{NAME} 0",
        f"{NAME} -1 5",
        f"../../{NAME[6:]} 0 1",
        f"{NAME.upper()} 0 1",
        f"{NAME} 0 1 ",
        "\u0661",
    ],
)
def test_only_what_the_hub_would_say_is_understood(value):
    assert handed(value) is None
    assert handed(Handed(sha256=NAME, start=3, length=4).told) == Handed(sha256=NAME, start=3, length=4)
