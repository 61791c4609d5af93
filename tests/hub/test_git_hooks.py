"""The pipes between the hub and the hooks of a push."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence

import uvloop

from spaces_runtime.hub.git import hooks

ROUNDS = 6000


class Push:
    """Says what it was asked."""

    async def answer(self, hook: str, objects: str, lines: Sequence[str]) -> tuple[int, Sequence[str]]:
        return 0, (f"{hook} {objects} {' '.join(lines)}",)


def test_a_hook_asks_and_is_told() -> None:
    async def ask() -> bytes:
        async with hooks(Push()) as (asks, tell):  # type: ignore[arg-type] # what its hooks need of a push
            os.write(asks, b"pre-receive\n/objects\nold new ref\n.\n")
            return await asyncio.to_thread(os.read, tell, 1000)

    assert uvloop.run(ask()) == b"0\npre-receive /objects old new ref\n.\n"


def test_no_push_closes_a_file_that_a_thread_has_opened_meanwhile() -> None:
    """uvloop closes a pipe of connect_read_pipe() twice: a commit, or an upload, beside a push lost its file."""
    lost, ended = list[OSError](), threading.Event()

    def work() -> None:
        while not ended.is_set():
            opened = os.open("/", os.O_RDONLY)
            try:
                os.fstat(opened)
                os.close(opened)
            except OSError as error:
                lost.append(error)

    async def push() -> None:
        for _ in range(ROUNDS):
            async with hooks(Push()):  # type: ignore[arg-type] # never asked
                await asyncio.sleep(0.0005)
            if lost:
                return

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        uvloop.run(push())
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not lost
