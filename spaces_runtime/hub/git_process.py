"""Runs git for one request: its body streams in, the answer streams out, nothing is gathered."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

log = structlog.get_logger()
HOOKS = Path(__file__).parent / "hooks"
STEP = 64 * 1024  # bytes
LONGEST_STDERR = 4096  # bytes that are kept for the log
GZIP = 31  # zlib's word for a gzip stream
PROTOCOL = re.compile(r"version=[0-9](:[a-z0-9=.:-]*)?\Z")
LENIENT = ("badDate", "badEmail", "missingEmail", "missingSpaceBeforeDate", "zeroPaddedFilemode", "badTimezone")


def git_environment(
    *, protocol: str = "", max_input: int = 0, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The whole environment of a git process: no configuration but the repo's own and this."""
    config = {
        "safe.directory": "*",  # hub and scheduler share the repos under two user ids
        "core.hooksPath": str(HOOKS),
        "core.fsync": "committed,reference",
        "uploadpack.allowAnySHA1InWant": "true",
        "uploadpack.allowFilter": "true",
        "receive.autogc": "false",
        "receive.fsckObjects": "true",
        "receive.unpackLimit": "1",  # one pack is one fsync; loose objects are one each
        "receive.maxInputSize": str(max_input),
        # Whatever is sent, memory stays flat: what is larger than any file may be is streamed, never taken as a whole.
        "core.bigFileThreshold": "16m",
        "core.deltaBaseCacheLimit": "32m",
        "pack.threads": "2",
        "pack.windowMemory": "64m",
        **{f"receive.fsck.{fault}": "ignore" for fault in LENIENT},
    }
    numbered = {}
    for number, (key, value) in enumerate(config.items()):
        numbered[f"GIT_CONFIG_KEY_{number}"], numbered[f"GIT_CONFIG_VALUE_{number}"] = key, value
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(config)),
        **numbered,
        **({"GIT_PROTOCOL": protocol} if PROTOCOL.match(protocol) else {}),
        **(extra or {}),
    }


class GitAnswer(Response):
    """Git reads the request's body and writes the answer's.

    pass_fds: what its hooks talk through. abandon: a client that goes away while it reads ends git; without it, what
    was received whole is brought to its end.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        media_type: str,
        gzipped: bool,
        abandon: bool,
        pass_fds: Sequence[int] = (),
    ) -> None:
        super().__init__(media_type=media_type)
        self._argv, self._env = argv, env
        self._gzipped, self._abandon, self._pass_fds = gzipped, abandon, pass_fds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Feed and answer at once: either side may fill its pipe before the other is done."""
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            env=dict(self._env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=self._pass_fds,
            start_new_session=True,
        )
        headers = [(b"content-type", str(self.media_type).encode()), (b"cache-control", b"no-cache")]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(self._feed(process, receive))
                group.create_task(_log_stderr(process, self._argv))
                await _pump(process, send)
                feeding.cancel()
            await process.wait()
            await send({"type": "http.response.body", "body": b""})
        finally:
            _kill(process)
            await process.wait()

    async def _feed(self, process: asyncio.subprocess.Process, receive: Receive) -> None:
        stdin = process.stdin
        assert stdin is not None  # noqa: S101 - asked for above
        try:
            async for piece in _body(receive, gzipped=self._gzipped):
                stdin.write(piece)
                await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # git has read enough, and says why
        except (ClientGone, zlib.error) as error:
            log.info("a git request ended early", argv=self._argv[1], why=repr(error))
            _kill(process)  # before its input ends: half a pack must not look like a whole one
        stdin.close()
        if self._abandon:
            await _gone(receive)
            _kill(process)


def _kill(process: asyncio.subprocess.Process) -> None:
    """With all it started: its session is its own."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pump(process: asyncio.subprocess.Process, send: Send) -> None:
    assert process.stdout is not None  # noqa: S101
    while piece := await process.stdout.read(STEP):
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _log_stderr(process: asyncio.subprocess.Process, argv: Sequence[str]) -> None:
    assert process.stderr is not None  # noqa: S101
    kept = bytearray()
    while piece := await process.stderr.read(STEP):
        kept += piece[: LONGEST_STDERR - len(kept)]
    if kept:
        log.info("git said", argv=argv[1], text=kept.decode(errors="replace"))


class ClientGone(Exception):
    """The client went away in the middle of its request."""


async def _body(receive: Receive, *, gzipped: bool) -> AsyncIterator[bytes]:
    unzip = zlib.decompressobj(GZIP) if gzipped else None
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        for piece in _plain(message.get("body", b""), unzip):
            yield piece
        if not message.get("more_body", False):
            return


def _plain(piece: bytes, unzip: zlib._Decompress | None) -> Iterator[bytes]:
    """In bounded steps: a few zipped bytes may stand for gigabytes."""
    if unzip is None:
        if piece:
            yield piece
        return
    while piece:
        if out := unzip.decompress(piece, STEP):
            yield out
        piece = unzip.unconsumed_tail
