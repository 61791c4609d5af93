"""Bytes that peers were caught by: refused in one clear sentence, or read exactly as RFC 9112 says."""

from __future__ import annotations

import json

import pytest

from spaces_runtime.domain.settings import GatewaySettings
from tests.gateway.world import HOST, until

H = b"Host: " + HOST.encode() + b"\r\n"
POST, TE = b"POST / HTTP/1.1\r\n" + H, b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "content-length twice": (400, POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
    "content-length twice, differing": (400, POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab"),
    "content-length as a list": (400, POST + b"Content-Length: 2, 2\r\n\r\nab"),
    "content-length with a sign": (400, POST + b"Content-Length: +2\r\n\r\nab"),
    "both framings": (400, POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "both framings, turned": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"),
    "chunked, identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "gzip, chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked in HTTP/1.0": (400, b"POST / HTTP/1.0\r\n" + H + TE + b"\r\n0\r\n\r\n"),
    "folded header": (400, b"GET / HTTP/1.1\r\n" + H + b"A: b\r\n c\r\n\r\n"),
    "bare line feed after the request line": (400, b"GET / HTTP/1.1\n" + H + b"\r\n"),
    "bare line feed after a header": (400, b"GET / HTTP/1.1\r\n" + H + b"A: b\nC: d\r\n\r\n"),
    "bare line feed after a chunk size": (400, POST + TE + b"\r\n3\nabc\r\n0\r\n\r\n"),
    "space before the colon": (400, b"GET / HTTP/1.1\r\n" + H + b"A : b\r\n\r\n"),
    "NUL in a header": (400, b"GET / HTTP/1.1\r\n" + H + b"A: b\0c\r\n\r\n"),
    "control character in a header": (400, b"GET / HTTP/1.1\r\n" + H + b"A: b\x01c\r\n\r\n"),
    "another host in the target": (400, b"GET http://other.localhost/ HTTP/1.1\r\n" + H + b"\r\n"),
    "another port in the target": (400, b"GET http://" + HOST.encode() + b":1/ HTTP/1.1\r\n" + H + b"\r\n"),
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET / HTTP/1.1\r\n" + H + H + b"\r\n"),
    "a Host with a path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a Host with a user": (400, b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    "an empty Host": (400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "upgrade with a body": (400, POST + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc"),
    "CONNECT": (405, b"CONNECT a:1 HTTP/1.1\r\n" + H + b"\r\n"),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + H + b"\r\n"),
    "asterisk": (400, b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\n" + H + b"\r\n"),
    "a space in the target": (400, b"GET /a b HTTP/1.1\r\n" + H + b"\r\n"),
    "HTTP/2 by hope": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/0.9 spelled out": (505, b"GET / HTTP/0.9\r\n" + H + b"\r\n"),
    "TLS on a plain port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "an unknown method": (400, b"BREW / HTTP/1.1\r\n" + H + b"\r\n"),
    "another expectation": (417, POST + b"Expect: miracles\r\nContent-Length: 1\r\n\r\n"),
    "a head over the limit": (431, b"GET / HTTP/1.1\r\n" + H + b"A: " + b"x" * 70000 + b"\r\n\r\n"),
    "a head that never ends": (431, b"GET / HTTP/1.1\r\n" + H + b"A: " + b"x" * 200000),
    "a target over the limit": (431, b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n" + H + b"\r\n"),
    "three hundred headers": (431, b"GET / HTTP/1.1\r\n" + H + b"A: b\r\n" * 300 + b"\r\n"),
    "empty lines for ever": (431, b"\r\n" * 50000),
}  # fmt: skip


def test_each_is_refused_in_one_sentence_and_never_reaches_the_app(within):
    async def story(here):
        app = await here.awake()
        for name, (status, raw) in REFUSED.items():
            one = await here.talk()
            got = await one.raw(raw)
            head, _, body = got.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d " % status), (name, got[:200])
            assert b"Connection: close" in head, name
            assert json.loads(body)["error"].endswith("."), name
            one.close()
        assert app.seen == []

    within(story)


def test_a_second_request_smuggled_behind_a_refused_one_is_not_served(within):
    async def story(here):
        app = await here.awake()
        smuggled = b"GET /smuggled HTTP/1.1\r\n" + H + b"\r\n"
        one = await here.talk()
        await one.raw(
            b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled
        )
        assert not [seen for seen in app.seen if "smuggled" in seen.line]

    within(story)


def test_an_absolute_target_on_the_same_host_is_a_path(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        await one.raw(b"GET http://" + HOST.encode() + b"/x?y HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        assert app.seen[-1].line == "GET /x?y HTTP/1.1"

    within(story)


def test_a_chunked_body_arrives_whole_without_its_trailers(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        chunks = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Spaces-Evil: 1\r\n\r\n"
        await one.raw(b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
        assert app.seen[-1].body == b"abcde"
        assert "x-spaces-evil" not in app.seen[-1].names()

    within(story)


def test_endless_trailers_end_the_request(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        one.writer.write(b"POST /wait HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: ")
        got = await one.raw(b"x" * 1_000_000)
        assert got.startswith(b"HTTP/1.1 431 ")

    within(story)


def test_requests_sent_ahead_are_answered_in_order(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        ahead = b"".join(b"POST /%d HTTP/1.1\r\n" % n + H + b"Content-Length: 3\r\n\r\nabc" for n in range(20))
        got = await one.raw(ahead + b"GET /last HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        lines = [part.split(b" HTTP")[0] for part in got.split(b'"line": "POST ')[1:]]
        assert lines == [b"/%d" % n for n in range(20)]
        assert b"GET /last" in got

    within(story)


def test_http_1_0_gets_no_chunks_and_keeps_its_connection_when_it_asks(within):
    async def story(here):
        app = await here.awake()
        app.answers["/chunks"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        one = await here.talk()
        got = await one.raw(b"GET /chunks HTTP/1.0\r\n" + H + b"\r\n")
        assert got.endswith(b"\r\n\r\nabc")
        assert b"chunked" not in got
        one = await here.talk()
        got = await one.raw(
            b"GET /a HTTP/1.0\r\n" + H + b"Connection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n" + H + b"\r\n"
        )
        assert b"Connection: keep-alive" in got
        assert b"GET /a" in got
        assert b"GET /b" in got

    within(story)


def test_head_and_304_have_no_body_and_the_connection_goes_on(within):
    async def story(here):
        app = await here.awake()
        app.answers["/304"] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"
        one = await here.talk()
        head = await one.ask("HEAD", "/x", {"Host": HOST})
        assert (head.status, head.body) == (200, b"")
        assert int(head.get("content-length")) > 0
        unchanged = await one.ask("GET", "/304", {"Host": HOST})
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert (await one.ask("GET", "/y", {"Host": HOST})).status == 200
        assert app.opened == 1

    within(story)


def test_a_body_sent_to_head_never_becomes_another_answer(within):
    async def story(here):
        app = await here.awake()
        app.answers["/evil"] = (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )
        one = await here.talk()
        await one.ask("HEAD", "/evil", {"Host": HOST})
        assert b"evil" not in (await one.ask("GET", "/next", {"Host": HOST})).body

    within(story)


def test_words_behind_an_answer_never_become_the_next_one(within):
    async def story(here):
        app = await here.awake()
        app.answers["/two"] = (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )
        one = await here.talk()
        assert (await one.ask("GET", "/two", {"Host": HOST})).body == b"a"
        assert b"GET /next" in (await one.ask("GET", "/next", {"Host": HOST})).body

    within(story)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_an_app_that_speaks_no_http_is_a_bad_gateway(within, answer):
    async def story(here):
        app = await here.awake()
        app.answers["/bad"] = answer
        got = await here.get("/bad")
        assert got.status == 502
        assert b"app" in got.body

    within(story)


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: "]
)
def test_an_app_whose_head_or_trailer_never_ends_is_cut_off(within, begin):
    async def story(here):
        app = await here.awake()

        async def endless(reader, writer, seen):
            writer.write(begin)
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

        app._endless = endless
        one = await here.talk()
        await one.raw(b"GET /endless HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        await until(lambda: not app.writers)

    within(story)


def test_an_answer_without_length_ends_with_its_connection(within):
    async def story(here):
        app = await here.awake()
        app.answers["/old"] = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold"
        assert (await here.get("/old")).body == b"old"

    within(story)


def test_hints_before_the_answer_pass_but_100_does_not(within):
    async def story(here):
        app = await here.awake()
        app.answers["/hint"] = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        )
        one = await here.talk()
        got = await one.raw(b"GET /hint HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 103 ")
        assert got.endswith(b"ok")

    within(story)


def test_a_client_that_expects_100_is_told_to_go_on_before_its_body(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        one.writer.write(b"POST / HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.writer.write(b"abc")
        await one.reader.readuntil(b"\r\n\r\n")
        assert app.seen[-1].body == b"abc"
        assert app.seen[-1].get("expect") is None

    within(story)


def test_a_body_that_breaks_off_is_seen_by_the_app_at_once(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        one.writer.write(b"POST /x HTTP/1.1\r\n" + H + b"Content-Length: 100\r\n\r\nhalf")
        await until(lambda: app.writers != set())
        one.close()
        await until(lambda: app.writers == set())
        assert app.seen[-1].body == b""

    within(story)


def test_a_broken_chunk_ends_its_request(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        got = await one.raw(b"POST /x HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert got.startswith(b"HTTP/1.1 400 ")

    within(story)


def test_an_early_answer_is_read_although_the_body_goes_on(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        got = await one.raw(b"POST /early HTTP/1.1\r\n" + H + b"Content-Length: 5000000\r\n\r\n" + b"x" * 300000)
        assert got.startswith(b"HTTP/1.1 413 ")
        assert got.endswith(b"big")
        assert (await here.get("/next")).status == 200  # over another connection: this one still awaits a body
        assert app.opened == 2

    within(story)


def test_h2c_is_not_taken_up_and_the_plain_request_is_served(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        h2c = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        got = await one.raw(
            b"GET /plain HTTP/1.1\r\n" + H + h2c + b"GET /next HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n"
        )
        assert b"GET /plain" in got
        assert b"GET /next" in got
        assert not {"upgrade", "http2-settings"} & set(app.seen[0].names())

    within(story)


def test_a_smaller_limit_for_heads_is_kept(within):
    async def story(here):
        await here.awake()
        assert (await here.get("/", A="x" * 5000)).status == 431

    within(story, GatewaySettings(max_head=4096))
