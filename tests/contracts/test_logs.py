"""Log files as node and scheduler write them: read whole, from the end, and while they grow and rotate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.logs import LIMIT, Line, Source, written
from spaces_runtime.store.logs import LOOK, LogFiles

pytestmark = pytest.mark.anyio
S = SpaceId("s1")


@pytest.fixture
def logs(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / S).mkdir()
    return tmp_path / S / "run.log"


def put(path: Path, *texts: str) -> None:
    with path.open("ab") as file:
        file.write(b"".join(written(1.0, text.encode()) for text in texts))


def rotate(path: Path) -> None:
    path.replace(path.with_name("run.log.1"))


async def texts(lines: AsyncIterator[Line], count: int = -1) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(20):
        while len(found) != count:
            try:
                found.append((await anext(lines)).text)
            except StopAsyncIteration:
                break
    return found


async def test_a_log_that_is_not_there_is_empty(logs: LogFiles) -> None:
    assert await texts(logs.read(S, Source.RUN, follow=False)) == []
    assert await logs.last(S, Source.RUN, 5) == []


async def test_the_kept_history_is_the_rotated_file_and_then_the_present_one(logs: LogFiles, run: Path) -> None:
    put(run, "a", "b")
    rotate(run)
    put(run, "c")
    assert await texts(logs.read(S, Source.RUN, follow=False)) == ["a", "b", "c"]


@pytest.mark.parametrize(("tail", "expected"), [(0, ""), (1, "d"), (2, "cd"), (3, "bcd"), (4, "abcd"), (9, "abcd")])
async def test_the_last_lines_are_found_across_a_rotation(logs: LogFiles, run: Path, tail: int, expected: str) -> None:
    put(run, "a", "b")
    rotate(run)
    put(run, "c", "d")
    assert [line.text for line in await logs.last(S, Source.RUN, tail)] == list(expected)


async def test_the_last_lines_of_a_long_log_are_exact(logs: LogFiles, run: Path) -> None:
    put(run, *(f"{n} {'x' * (n % 997)}" for n in range(3000)))
    for tail in (1, 700, 2999, 3000):
        assert [int(line.text.split()[0]) for line in await logs.last(S, Source.RUN, tail)] == [
            *range(3000 - tail, 3000)
        ]
    assert len(await texts(logs.read(S, Source.RUN, follow=False))) == 3000


async def test_a_line_that_is_still_being_written_is_held_back(logs: LogFiles, run: Path) -> None:
    put(run, "whole")
    with run.open("ab", buffering=0) as file:
        file.write(b"2026-01-01T00:00:00.000000Z ha")
        assert [line.text for line in await logs.last(S, Source.RUN, 5)] == ["whole"]
        async with aclosing(logs.read(S, Source.RUN, follow=True)) as lines:
            assert await texts(lines, 1) == ["whole"]
            file.write(b"lf\n")
            assert await texts(lines, 1) == ["half"]


async def test_following_goes_through_rotations_and_begins_before_there_is_a_file(logs: LogFiles, run: Path) -> None:
    async with aclosing(logs.read(S, Source.RUN, follow=True)) as lines:
        first = asyncio.ensure_future(texts(lines, 2))
        await asyncio.sleep(0)
        put(run, "a", "b")
        assert await first == ["a", "b"]
        put(run, "c")
        rotate(run)
        assert await texts(lines, 1) == ["c"]
        put(run, "d")
        assert await texts(lines, 1) == ["d"]
        rotate(run)
        put(run, "e")
        rotate(run)
        put(run, "f")
        assert await texts(lines, 2) == ["e", "f"]


async def test_following_can_begin_at_the_end(logs: LogFiles, run: Path) -> None:
    put(run, "a", "b")
    async with aclosing(logs.read(S, Source.RUN, follow=True, tail=1)) as lines:
        assert await texts(lines, 1) == ["b"]
        put(run, "c")
        assert await texts(lines, 1) == ["c"]


async def test_what_the_platform_says_is_added_a_line_each(logs: LogFiles) -> None:
    await logs.append(S, Source.BUILD, "one\ntwo")
    await logs.append(S, Source.BUILD, "three ✓")
    found = await logs.last(S, Source.BUILD, 9)
    assert [line.text for line in found] == ["one", "two", "three ✓"]
    assert all(line.stamp.endswith("Z") for line in found)


async def test_a_full_log_is_rotated(logs: LogFiles, run: Path) -> None:
    run.write_bytes(written(1.0, b"old") + b"x" * LIMIT + b"\n")
    await logs.append(S, Source.RUN, "last of the old")
    await logs.append(S, Source.RUN, "first of the new")
    assert run.stat().st_size < 100
    assert [line.text for line in await logs.last(S, Source.RUN, 2)] == ["last of the old", "first of the new"]


async def test_the_logs_of_a_deleted_space_go_and_may_go_twice(logs: LogFiles, run: Path) -> None:
    put(run, "a")
    await logs.forget(S)
    await logs.forget(S)
    assert not run.parent.exists()


async def test_a_follower_that_had_to_wait_sees_growth_rotation_and_a_first_file(logs: LogFiles, run: Path) -> None:
    def first() -> None:
        put(run, "a")

    def grown() -> None:
        put(run, "b")

    def rotated() -> None:
        rotate(run)
        put(run, "c")

    async with aclosing(logs.read(S, Source.RUN, follow=True)) as lines:
        for text, change in (("a", first), ("b", grown), ("c", rotated)):
            waiting = asyncio.ensure_future(texts(lines, 1))
            await asyncio.sleep(3 * LOOK)
            assert not waiting.done()
            change()
            assert await waiting == [text]
