"""How a gateway listens, ends, and stands alone in front of one app."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import subprocess
import sys

import pytest
import uvloop

from spaces_runtime.gateway.serve import listen, serve_bare
from tests.gateway.app import App
from tests.gateway.world import DEADLINE, HOST, talk, until

BARE = """
import asyncio, signal, sys, uvloop
from spaces_runtime.gateway.serve import serve_bare
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve_bare("127.0.0.1", int(sys.argv[1]), 0, lambda url: print(url, flush=True), stop)
uvloop.run(main())
"""


def test_two_gateways_share_a_port_and_every_loopback_address():
    one = listen(0, public=False)
    port = one[0].getsockname()[1]
    two = listen(port, public=False)
    for address in ("127.0.0.1", "127.1.2.3"):
        socket.create_connection((address, port), 2).close()
    for sock in (*one, *two):
        sock.close()


def test_in_local_mode_the_network_is_not_listened_to():
    sockets = listen(0, public=False)
    device = sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0")
    assert device == b"lo"
    assert all(sock.getsockname()[0] in ("0.0.0.0", "::1") for sock in sockets)
    for sock in sockets:
        sock.close()


def test_a_port_in_use_by_another_program_is_an_error():
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        with pytest.raises(OSError, match="in use") as caught:
            listen(other.getsockname()[1], public=False)
    assert caught.value.errno == errno.EADDRINUSE


def test_an_ending_gateway_finishes_what_is_in_flight_and_drops_what_never_ends(within):
    async def story(here):
        app = await here.awake()
        inside, idle, tab = await here.talk(), await here.talk(), await here.talk()
        await inside.send("GET", "/wait", {"Host": HOST})
        await idle.ask("GET", "/", {"Host": HOST})
        await tab.send("GET", "/heartbeat/x", {"Host": HOST})
        await tab.head()
        await until(lambda: len(app.seen) == 3)
        here.stop.set()
        assert await asyncio.wait_for(idle.reader.read(), 3) == b""
        app.released.set()
        answer = await inside.answer()
        assert answer.body == b"done"
        assert not here.task.done() or here.task.exception() is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.wait_for(here.talk(), 1)

    within(story)


def test_a_bare_gateway_announces_itself_serves_one_app_and_ends_on_sigterm():
    async def story():
        app = await App().start()
        command = (sys.executable, "-c", BARE, str(app.port))
        bare = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        try:
            async with asyncio.timeout(DEADLINE):
                url = (await bare.stdout.readline()).decode().strip()
            port = int(url.rpartition(":")[2])
            one = await talk(port)
            answer = await one.ask("GET", "/x", {"Host": f"localhost:{port}", "Authorization": "Bearer hf_x"})
            assert answer.status == 200
            assert app.seen[-1].get("authorization") == "Bearer hf_x"
            assert app.seen[-1].get("host") == f"localhost:{port}"
        finally:
            bare.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                assert await bare.wait() == 0
            await app.stop()

    uvloop.run(story())


def test_a_bare_gateway_without_its_app_says_so():
    async def story():
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        stop, url = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve_bare("127.0.0.1", port, 0, url.set_result, stop))
        one = await talk(int((await url).rpartition(":")[2]))
        assert (await one.ask("GET", "/", {"Host": "x"})).status == 502
        stop.set()
        await asyncio.wait_for(task, DEADLINE)

    uvloop.run(story())
