"""The event stream of a log: order, keep-alive, end."""

from __future__ import annotations

import asyncio
import json

import pytest

from spaces_runtime.domain.logs import Line
from spaces_runtime.hub import logs
from spaces_runtime.hub.logs import event, told_lines


def lines(*texts: str) -> list[Line]:
    return [Line(f"2026-01-01T00:00:0{n}.000000Z", text) for n, text in enumerate(texts)]


async def kept(*texts: str, then: asyncio.Queue[Line] | None = None):
    for line in lines(*texts):
        yield line
    while then is not None:
        yield await then.get()
    await asyncio.Event().wait()


def texts(stream: list[str]) -> list[str]:
    return [json.loads(each.removeprefix("data: "))["data"] for each in stream if each.startswith("data: {")]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def test_an_event_is_one_ascii_line_whatever_the_app_printed():
    told = event(Line("2026-01-01T00:00:00.000000Z", "ü\u2028\x85\x1b[0m {"))
    assert told.isascii()
    assert told.startswith('data: {"data": ')
    assert told.count("\n") == 2
    assert texts([told]) == ["ü\u2028\x85\x1b[0m {\n"]


def test_the_stream_ends_by_itself_once_nothing_can_come(monkeypatch):
    monkeypatch.setattr(logs, "FIRST_LOOK", 0.01)
    assert texts(asyncio.run(collect(told_lines(kept("a", "b"), yes)))) == ["a\n", "b\n"]


async def collect(stream) -> list[str]:
    return [each async for each in stream]


def test_a_line_written_while_the_end_was_found_is_still_told(monkeypatch):
    monkeypatch.setattr(logs, "FIRST_LOOK", 0.05)

    async def go() -> list[str]:
        late: asyncio.Queue[Line] = asyncio.Queue()

        async def over() -> bool:
            if late.empty() and not written:
                written.append(True)
                late.put_nowait(lines("late")[0])
            return True

        written: list[bool] = []
        return await collect(told_lines(kept("a", then=late), over))

    assert texts(asyncio.run(go())) == ["a\n", "late\n"]


def test_silence_is_filled_with_keep_alives_that_clients_skip(monkeypatch):
    monkeypatch.setattr(logs, "FIRST_LOOK", 0.01)
    monkeypatch.setattr(logs, "LOOK", 0.01)
    monkeypatch.setattr(logs, "KEEP_ALIVE", 0.02)

    async def first(count: int) -> list[str]:
        stream = told_lines(kept(), no)
        found = [await anext(stream) for _ in range(count)]
        await stream.aclose()
        return found

    assert asyncio.run(asyncio.wait_for(first(3), 5)) == ["data:\n\n"] * 3


def test_the_reader_of_the_log_is_let_go_when_the_client_leaves():
    async def go() -> bool:
        gone = asyncio.Event()

        async def endless():
            try:
                yield lines("a")[0]
                await asyncio.Event().wait()
            finally:
                gone.set()

        stream = told_lines(endless(), no)
        await anext(stream)
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        return await asyncio.wait_for(gone.wait(), 5)

    assert asyncio.run(go())
