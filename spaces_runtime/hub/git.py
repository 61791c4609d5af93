"""git over HTTP: clone, fetch and push, by git itself behind our own checks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.domain.repo import Kind
from spaces_runtime.hub.asked import Asked, asked, web
from spaces_runtime.hub.git_process import GitAnswer, git_environment
from spaces_runtime.hub.receive import MAIN, Update, judge, size_of
from spaces_runtime.hub.wire import endpoint, fault_response

router = APIRouter()
log = structlog.get_logger()
MAX_PUSH = 2 * 2**30  # bytes of one pack; large files do not travel in packs
LONGEST_ANSWER = 32 * 1024  # bytes to a hook: less than a pipe holds, so writing never waits
SERVICES = {"git-upload-pack": Verb.FETCH, "git-receive-pack": Verb.WRITE}
OK, NO = 0, 1


@web(router, "/info/refs", "GET")
async def refs(request: Request) -> Response:
    """What a client may fetch, or where it may push."""
    service = request.query_params.get("service", "")
    if service not in SERVICES:
        return PlainTextResponse("Use git: this is no address for anything else.\n", status_code=403)
    try:
        found = await asked(request, SERVICES[service])
    except Fault as fault:
        return said(request, fault)
    protocol = request.headers.get("git-protocol", "")
    process = await asyncio.create_subprocess_exec(
        *_argv(service, found, "--advertise-refs"),
        env=git_environment(protocol=protocol),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"{service} ended with status {process.returncode}: {err.decode(errors='replace')[:500]}")
    second = service == "git-upload-pack" and "version=2" in protocol.split(":")
    intro = b"" if second else _line(f"# service={service}\n") + b"0000"
    headers = {"Cache-Control": "no-cache"}
    return Response(intro + out, media_type=f"application/x-{service}-advertisement", headers=headers)


@web(router, "/git-upload-pack", "POST")
async def upload_pack(request: Request) -> Response:
    """Clone and fetch."""
    return await _serve(request, "git-upload-pack")


@web(router, "/git-receive-pack", "POST")
async def receive_pack(request: Request) -> Response:
    """Push."""
    return await _serve(request, "git-receive-pack")


async def _serve(request: Request, service: str) -> Response:
    try:
        found = await asked(request, SERVICES[service])
    except Fault as fault:
        return said(request, fault)
    if request.headers.get("content-type") != f"application/x-{service}-request":
        return PlainTextResponse(f"The body must be application/x-{service}-request.\n", status_code=415)
    return _Rpc(service, found, request)


def said(request: Request, fault: Fault) -> Response:
    """git shows a person the body of a refusal when it is plain text."""
    answer = fault_response(request, fault)
    headers = {key: value for key, value in answer.headers.items() if key not in ("content-length", "content-type")}
    return PlainTextResponse(fault.said + "\n", status_code=answer.status_code, headers=headers)


class _Rpc(Response):
    """One exchange with git; of a push its hooks ask us."""

    def __init__(self, service: str, found: Asked, request: Request) -> None:
        super().__init__()
        self._service, self._found = service, found
        self._protocol = request.headers.get("git-protocol", "")
        self._gzipped = request.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip")
        self._endpoint = endpoint(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if self._service == "git-upload-pack":
            await self._answer({}, ())(scope, receive, send)
            return
        writing = self._found.desk.repos.writing(self._found.repo.id)
        async with hooks(_Push(self._found, self._endpoint)) as (ask, tell), writing as held:
            answer = self._answer({"SPACES_ASK": str(ask), "SPACES_TELL": str(tell)}, (ask, tell, held))
            await answer(scope, receive, send)

    def _answer(self, extra: dict[str, str], pass_fds: Sequence[int]) -> GitAnswer:
        return GitAnswer(
            _argv(self._service, self._found),
            env=git_environment(protocol=self._protocol, max_input=MAX_PUSH, extra=extra),
            media_type=f"application/x-{self._service}-result",
            gzipped=self._gzipped,
            abandon=self._service == "git-upload-pack",
            pass_fds=pass_fds,
        )


class _Push:
    """Answers the hooks of one push."""

    def __init__(self, found: Asked, endpoint: str) -> None:
        self._found, self._endpoint = found, endpoint
        self._brought = 0  # bytes
        self._deploys = True  # until its settings turn out to be wrong

    async def answer(self, hook: str, objects: str, lines: Sequence[str]) -> tuple[int, Sequence[str]]:
        """The hook's exit status, and what it says to the person who pushes."""
        updates = [Update(old=old, new=new, ref=ref) for old, new, ref in (line.split(" ", 2) for line in lines)]
        if hook == "pre-receive":
            return await self._before(updates, objects)
        return OK, await self._after(updates)

    async def _before(self, updates: Sequence[Update], objects: str) -> tuple[int, Sequence[str]]:
        repo = self._found.repo
        quarantine = self._found.desk.repos.path(repo.id) / objects  # absolute paths stay what they are
        verdict = await judge(self._found.desk, repo, updates, quarantine)
        if verdict.refusals:
            log.info("a push was refused", repo=repo.full, why=verdict.refusals[0])
            return NO, verdict.refusals
        self._deploys, self._brought = not verdict.notes, await asyncio.to_thread(size_of, quarantine)
        return OK, verdict.notes

    async def _after(self, updates: Sequence[Update]) -> Sequence[str]:
        desk, repo, who = self._found.desk, self._found.repo, self._found.who
        for update in updates:
            await desk.index.audit(who.name if who else "", f"push {update.ref} {update.new[:7]}", repo.full)
        await desk.storage.grew(repo.id, self._brought)
        await pushed(desk, repo, by=who.name if who else "")
        if repo.kind is Kind.SPACE and any(update.ref == MAIN for update in updates):
            return (f"{'Deploying' if self._deploys else 'Its page'}: {self._endpoint}/spaces/{repo.full}",)
        return ()


@asynccontextmanager
async def hooks(push: _Push) -> AsyncIterator[tuple[int, int]]:
    """Two pipes for the hooks of one push: where they ask, and where they are told. Answered until the block ends.

    Read without connect_read_pipe(): uvloop closes such a pipe twice, the second time perhaps a thread's new file.
    """
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    asks, ask = os.pipe()
    tell, tells = os.pipe()
    os.set_blocking(asks, False)
    loop.add_reader(asks, lambda: reader.feed_data(os.read(asks, LONGEST_ANSWER)))
    answering = asyncio.create_task(_answer_hooks(push, reader, tells))
    try:
        yield ask, tell
    finally:
        answering.cancel()
        loop.remove_reader(asks)
        for end in (asks, ask, tell, tells):
            os.close(end)


async def _answer_hooks(push: _Push, reader: asyncio.StreamReader, tells: int) -> None:
    while hook := (await reader.readline()).decode().rstrip("\n"):
        objects = (await reader.readline()).decode(errors="surrogateescape").rstrip("\n")
        lines = []
        while (line := (await reader.readline()).decode(errors="replace").rstrip("\n")) != ".":
            lines.append(line)
        try:
            status, words = await push.answer(hook, objects, lines)
        except Exception:  # the root of a task: git waits for an answer, whatever went wrong
            log.exception("a push could not be judged", hook=hook)
            status, words = NO, ("The hub failed while it looked at this push; its log says why. Try again.",)
        text = "\n".join(" ".join(word.split()) or " " for word in words).encode()[:LONGEST_ANSWER]
        os.write(tells, b"%d\n%s\n.\n" % (status, text) if words else b"%d\n.\n" % status)


def _argv(service: str, found: Asked, *options: str) -> list[str]:
    path: Path = found.desk.repos.path(found.repo.id)
    return ["git", service.removeprefix("git-"), "--stateless-rpc", *options, str(path)]


def _line(text: str) -> bytes:
    """A pkt-line."""
    return f"{len(text) + 4:04x}{text}".encode()
