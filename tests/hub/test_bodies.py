"""Bodies that the hub reads from the sender's own socket: what a slow line or a silent one comes to."""

from __future__ import annotations

import asyncio
import socket

import pytest
from fastapi import FastAPI, Request

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.domain.handing import BODY, Passed
from spaces_runtime.hub import bodies
from spaces_runtime.hub.bodies import Bodies, content_of

SIZE = 6000
NUMBER = "0" * 32


async def received(send) -> bytes:
    """What the hub reads of SIZE bytes while `send` sends over a connection of its own."""
    app = FastAPI()
    app.state.bodies = Bodies(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        app.state.bodies._expected(NUMBER).set_result(server.accept()[0])

    async def nothing():
        return {"type": "http.request", "body": b"", "more_body": False}

    told = Passed(number=NUMBER, rest=SIZE).told
    scope = {"type": "http", "app": app, "headers": [(BODY.lower().encode(), told.encode())]}
    sending = asyncio.create_task(send(sender))
    try:
        async with content_of(Request(scope, nothing)) as content:
            return b"".join([piece async for piece in content])
    finally:
        await sending
        sender.close()


async def slowly(sender: socket.socket) -> None:
    for _ in range(SIZE // 1000):
        sender.sendall(b"x" * 1000)
        await asyncio.sleep(0.1)


async def half(sender: socket.socket) -> None:
    sender.sendall(b"x" * (SIZE // 2))


def test_a_slow_line_is_not_taken_for_a_silent_one(monkeypatch):
    monkeypatch.setattr(bodies, "SILENT", 0.25)  # less than all of it takes, more than each pause
    assert asyncio.run(received(slowly)) == b"x" * SIZE


def test_a_sender_who_falls_silent_is_told_how_much_is_missing(monkeypatch):
    monkeypatch.setattr(bodies, "SILENT", 0.25)
    with pytest.raises(Invalid, match=f"{SIZE // 2} bytes before its end"):
        asyncio.run(received(half))
