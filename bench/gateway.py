"""The bare gateway before a real Gradio app, and before an app that streams: what it costs beside none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

from bench.platform import HELLO, SPACES, free_port
from bench.rows import Row, at_least, at_most, median, row

ROUNDS = 7  # of each side, in turn: a noisy machine is noisy for both
SECONDS = 2.0  # a round of predictions
VISITORS = 8  # at once
EVENTS = 400  # of a stream
GAP = 0.002  # seconds between them

# Sends the moment of sending, by the clock all processes of a machine share, as each event.
STREAMER = """
import asyncio, sys, time
async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
    for _ in range(int(sys.argv[2])):
        await asyncio.sleep(float(sys.argv[3]))
        event = b"data: %d\\n\\n" % time.perf_counter_ns()
        writer.write(b"%x\\r\\n%b\\r\\n" % (len(event), event))
    writer.write(b"0\\r\\n\\r\\n")
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(main())
"""


def rows() -> list[Row]:
    """gateway.gradio.vs_direct and gateway.sse_added."""
    return [_predictions(), _events()]


def _predictions() -> Row:
    with ExitStack() as stack:
        direct = stack.enter_context(_gradio())
        before = stack.enter_context(_gateway(direct))
        for port in (direct, before):
            asyncio.run(_many(port, 1.0))  # both warm
        pairs = [(asyncio.run(_many(before, SECONDS)), asyncio.run(_many(direct, SECONDS))) for _ in range(ROUNDS)]
    ours, theirs = sorted(pairs, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
    return row(
        "gateway.gradio.vs_direct", ours, "predictions/s", rival="the same app without a gateway", rival_value=theirs,
        target="≥ 0.9 of direct", judge=at_least(0.9), of=ours / theirs,
        note=f"{VISITORS} visitors, join and event stream each; the median round of {ROUNDS}, {SECONDS:.0f} s a side",
    )  # fmt: skip


def _events() -> Row:
    with ExitStack() as stack:
        direct = stack.enter_context(_streamer())
        before = stack.enter_context(_gateway(direct))
        pairs = [(asyncio.run(_delay(before)), asyncio.run(_delay(direct))) for _ in range(ROUNDS)]
    ours, theirs = (median(list(side)) for side in zip(*pairs, strict=True))
    return row(
        "gateway.sse_added", ours - theirs, "ms", rival="an event without a gateway, sent to read", rival_value=theirs,
        target="≤ 1 ms later than direct", judge=at_most(1.0),
        note=f"p50 of {EVENTS} events, median of {ROUNDS} streams in turn; through the gateway {ours:.3f} ms",
    )  # fmt: skip


async def _many(port: int, seconds: float) -> float:
    """Predictions per second of several visitors at once."""
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    counts = await asyncio.gather(*(_visitor(port, number, until) for number in range(VISITORS)))
    return sum(counts) / (time.perf_counter() - began)


async def _visitor(port: int, number: int, until: float) -> int:
    """Predicts again and again, as Gradio's page does: join the queue, then read the stream to its end."""
    count = 0
    while time.perf_counter() < until:
        session = f"s{number}x{count}"
        joined = {"data": [session], "fn_index": 0, "session_hash": session}
        body = json.dumps(joined).encode()
        await _exchange(port, b"POST /gradio_api/queue/join", body)
        told = await _exchange(port, b"GET /gradio_api/queue/data?session_hash=" + session.encode(), b"")
        if f"Hello, {session}!".encode() not in told:
            raise RuntimeError(f"a wrong answer: {told[-300:]!r}")
        count += 1
    return count


async def _exchange(port: int, line: bytes, body: bytes) -> bytes:
    """One request over a connection of its own, its answer whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"%b HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n" % (line, port)
    if body:
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    writer.write(head + b"\r\n" + body)
    told = await reader.read()
    writer.close()
    if not told.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"no answer: {told[:300]!r}")
    return told


async def _delay(port: int) -> float:
    """Milliseconds from sending an event to having read it, p50."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
    took = []
    while len(took) < EVENTS:
        line = await reader.readline()
        if line.startswith(b"data: "):
            took.append((time.perf_counter_ns() - int(line[6:])) / 1e6)
    writer.close()
    return median(took)


@contextmanager
def _gradio() -> Iterator[int]:
    """The hello example by hand; its port."""
    port = free_port()
    environ = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    with _child(sys.executable, "app.py", cwd=str(HELLO), env=environ):
        _wait(port, "/config")
        yield port


@contextmanager
def _streamer() -> Iterator[int]:
    port = free_port()
    with _child(sys.executable, "-c", STREAMER, str(port), str(EVENTS), str(GAP)):
        _wait(port, None)
        yield port


@contextmanager
def _gateway(app: int) -> Iterator[int]:
    """`spaces serve --role gateway` before an app's port; its own port."""
    command = (str(SPACES), "serve", "--role", "gateway", "--upstream", f"127.0.0.1:{app}", "--port", "0")
    with _child(*command, output=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else ""
        yield int(line.strip().rpartition(":")[2])


@contextmanager
def _child(
    *command: str, cwd: str | None = None, env: dict[str, str] | None = None, output: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


def _wait(port: int, path: str | None, seconds: float = 60.0) -> None:
    """Until somebody listens, and answers this path if one is given."""
    deadline = time.monotonic() + seconds
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.connect()
            if path is None:
                return
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            connection.close()
