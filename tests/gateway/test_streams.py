"""Streams leave as they come, both ways, and each side hears of the other's end."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time

import h11
import pytest

from spaces_runtime.domain.settings import GatewaySettings
from spaces_runtime.gateway.frames import Frames
from tests.gateway.world import HOST, SPACE, until

H = b"Host: " + HOST.encode() + b"\r\n"
SWITCH = b"GET /ws HTTP/1.1\r\n" + H + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n"


def frame(data: bytes, opcode: int = 1) -> bytes:
    """A masked frame of a client."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + data


def test_an_event_leaves_at_once_and_a_visitor_who_goes_is_noticed(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        await one.send("GET", "/sse", {"Host": HOST})
        await one.head()
        assert await one.data() == b"data: tick\n\n"
        assert app.streams == 1
        one.close()
        await asyncio.wait_for(app.gone.wait(), 1)

    within(story)


def test_the_added_delay_of_an_event_is_below_a_millisecond(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        await one.send("GET", "/sse", {"Host": HOST})
        await one.head()
        await one.data()
        (stream,) = app.writers
        took = []
        for _ in range(100):
            began = time.perf_counter()
            stream.write(b"3\r\nabc\r\n")
            assert await one.data() == b"abc"
            took.append(time.perf_counter() - began)
        assert statistics.median(took) < 0.001

    within(story)


def test_an_app_that_dies_mid_stream_leaves_no_proper_end(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        await one.send("GET", "/dies", {"Host": HOST})
        await one.head()
        assert await one.data() == b"half"
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            await one.event()

    within(story)


def test_a_large_upload_streams_through_with_little_memory(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        size = 64 * 2**20
        one.writer.write(b"POST /upload HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % size)
        block = os.urandom(2**20)
        for _ in range(64):
            one.writer.write(block)
            await one.writer.drain()
        answer = await one.reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in answer
        assert await one.reader.readexactly(8) == b"%d" % size

    within(story)


def test_a_slow_reader_slows_the_app_instead_of_filling_memory(within):
    async def story(here):
        app = await here.awake()
        wrote = 0

        async def big(reader, writer, seen):
            nonlocal wrote
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * 2**20))
            for _ in range(256):
                writer.write(b"x" * 2**20)
                await writer.drain()
                wrote += 2**20
            return True

        app._big = big
        one = await here.talk()
        one.writer.write(b"GET /big HTTP/1.1\r\n" + H + b"\r\n")
        await one.reader.readuntil(b"\r\n\r\n")
        before = -1
        while wrote != before:  # until nothing moves any more
            before = wrote
            await asyncio.sleep(0.3)
        assert wrote < 64 * 2**20
        left = 256 * 2**20
        while left:
            left -= len(await one.reader.read(2**20))
        assert wrote == 256 * 2**20

    within(story)


def test_a_websocket_carries_bytes_both_ways_and_ends_with_either_side(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        one.writer.write(SWITCH + frame(b"early"))
        head = await one.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(SWITCHED)
        assert b"Upgrade: websocket" in head
        assert await one.reader.readexactly(len(frame(b"early"))) == frame(b"early")
        one.writer.write(frame(b"x" * 50000))
        assert await one.reader.readexactly(len(frame(b"x" * 50000))) == frame(b"x" * 50000)
        for writer in tuple(app.writers):
            writer.close()
        assert await asyncio.wait_for(one.reader.read(), 2) == b""

    within(story)


def test_an_upgrade_the_app_declines_is_an_ordinary_answer(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        got = await one.raw(SWITCH.replace(b"/ws", b"/plain") + b"GET /smuggled HTTP/1.1\r\n" + H + b"\r\n")
        assert got.count(b"HTTP/1.1 200 OK") == 1

    within(story)


def test_a_stale_pooled_connection_costs_a_reader_nothing(within):
    async def story(here):
        app = await here.awake()
        assert (await here.get("/a")).status == 200
        for writer in tuple(app.writers):
            writer.close()  # as servers do after some idle seconds
        assert (await here.get("/b")).status == 200
        assert app.opened == 2

    within(story)


def test_a_request_that_a_closing_app_did_not_begin_is_repeated_once(within):
    """The app closes in the moment in which a request is on its way: no check before can see that."""

    async def story(here):
        app = await here.awake()
        refused = 0

        async def once(reader, writer, seen):
            nonlocal refused
            refused += 1
            if refused == 1:
                return False
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return True

        app._once = once
        await here.get("/warm")
        assert (await here.get("/once")).body == b"ok"
        assert refused == 2

    within(story)


def test_a_post_whose_body_was_sent_is_never_repeated(within):
    async def story(here):
        app = await here.awake()
        came = 0

        async def once(reader, writer, seen):
            nonlocal came
            came += 1
            return False

        app._once = once
        one = await here.talk()
        await one.ask("GET", "/warm", {"Host": HOST})
        assert (await one.ask("POST", "/once", {"Host": HOST}, b"pay")).status == 502
        assert came == 1

    within(story)


def test_idle_connections_to_an_app_are_given_up_before_it_gives_them_up(within):
    async def story(here):
        app = await here.awake()
        await here.get("/a")
        assert len(app.writers) == 1
        await until(lambda: not app.writers, 6)

    within(story)


def test_an_open_heartbeat_is_held_not_inside_and_outlives_its_app(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        await one.send("GET", "/heartbeat/abc123", {"Host": HOST})
        await one.head()
        assert await one.data() == b"data: ALIVE\n\n"
        await here.close()
        await until(lambda: here.quiet(connections=1))  # nobody inside, one held
        await app.stop()
        del here.apps.of["i1"]
        app.gone.clear()
        assert (await here.wakes_asked()) == 0
        await here.app()
        await here.open()
        assert await one.data() == b"data: ALIVE\n\n"  # the new instance's
        assert here.apps.of["i1"].seen[-1].line == "GET /heartbeat/abc123 HTTP/1.1"

    within(story)


def test_a_heartbeat_to_a_sleeping_space_is_answered_without_waking_it(within):
    async def story(here):
        await here.publish()
        await here.close()
        await here.known()
        one = await here.talk()
        await one.send("GET", "/gradio_api/heartbeat/abc", {"Host": HOST})
        head, _ = await one.head()
        assert head.status_code == 200
        await until(here.held)
        assert (await here.wakes_asked()) == 0
        await here.app()
        here.apps.of["i1"]._gradio_api = here.apps.of["i1"]._heartbeat
        await here.open()
        assert await one.data() == b"data: ALIVE\n\n"

    within(story)


def test_a_silent_websocket_is_held_and_a_message_brings_it_inside_again(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        one.writer.write(SWITCH)
        await one.reader.readuntil(b"\r\n\r\n")
        await until(here.held)
        await here.close()
        await until(lambda: here.quiet(connections=1))
        one.writer.write(frame(b"hello"))
        await until(lambda: here.asked(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.reader.read(1), 0.2)  # the app may be frozen: nothing is sent to it
        await here.open()
        assert await one.reader.readexactly(len(frame(b"hello"))) == frame(b"hello")
        await here.close()
        await until(here.touched)
        assert not await here.quiet(connections=1)

    within(story, GatewaySettings(silent=0.2))


def test_pings_and_pongs_are_no_messages():
    heard = Frames()
    assert not heard.feed(frame(b"", 9))
    assert not heard.feed(frame(b"x" * 100, 10))
    assert heard.feed(frame(b"hi"))
    assert not heard.feed(frame(b"", 8))


def test_messages_are_found_however_their_bytes_are_cut():
    told = frame(b"", 9) + frame(b"y" * 1000, 2) + frame(b"", 10) + frame(b"abc", 1)
    heard = Frames()
    assert [heard.feed(told[n : n + 1]) for n in range(len(told))].count(True) == 2
    long = b"\x82\x7f" + (70000).to_bytes(8, "big") + b"z" * 70000 + b"\x89\x00"
    heard = Frames()
    assert heard.feed(long)
    assert not heard.feed(b"\x8a\x00")


def test_answers_never_cross_among_thousands_of_mixed_requests_with_aborts(within):
    async def story(here):
        app = await here.awake()
        app.answers["/close"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nends"

        async def visitor(number: int) -> int:
            good = 0
            one = await here.talk()
            for turn in range(40):
                name, kind = f"{number}-{turn}", (number * 7 + turn * 13) % 8
                try:
                    if kind == 0:  # leaves in the middle
                        await one.send("GET", f"/sse?{name}", {"Host": HOST})
                        one.close()
                        one = await here.talk()
                    elif kind == 1:
                        one.writer.write(b"POST /x HTTP/1.1\r\n" + H + b"Content-Length: 50\r\n\r\nhalf")
                        one.close()
                        one = await here.talk()
                    elif kind == 2:
                        assert (await one.ask("HEAD", f"/h?{name}", {"Host": HOST})).body == b""
                    elif kind == 3:
                        assert (await one.ask("GET", "/close", {"Host": HOST})).body == b"ends"
                    else:
                        body = name.encode() * (kind * 50) if kind > 5 else b""
                        framing = {"Transfer-Encoding": "chunked"} if kind == 7 else {}
                        method = "POST" if body else "GET"
                        answer = await one.ask(method, f"/echo?{name}", {"Host": HOST, **framing}, body)
                        told = json.loads(answer.body)
                        assert told["line"] == f"{method} /echo?{name} HTTP/1.1"
                        assert told["size"] == len(body)
                    good += 1
                except h11.LocalProtocolError:
                    one.close()
                    one = await here.talk()
            one.close()
            return good

        counts = await asyncio.gather(*(visitor(number) for number in range(60)))
        assert sum(counts) > 2000
        await until(lambda: app.streams == 0)

    within(story)


def test_the_seen_activity_is_told_within_two_seconds(within):
    async def story(here):
        await here.awake()
        await here.get("/")
        began = time.time()
        await until(here.touched)
        assert time.time() - began < 2
        seen = (await here.activity.seen([SPACE]))[SPACE]
        assert abs(seen.touched_at - began) < 2

    within(story)
