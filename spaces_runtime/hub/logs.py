"""Run and build logs as event streams, in the one form the clients read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.logs import Line, Source
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.settings import space_of
from spaces_runtime.domain.operations.show import show
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.space import BuildState
from spaces_runtime.domain.stage import Stage
from spaces_runtime.hub.identity import desk, person
from spaces_runtime.hub.spaces import SPACE, is_browser, runtime_of
from spaces_runtime.hub.wire import number, told, unquoted

router = APIRouter()

FIRST_LOOK: Final = 0.2  # seconds of silence after which the history has been told; the clients give up after 5
LOOK: Final = 1.0  # seconds between looks at whether more can come
KEEP_ALIVE: Final = 10.0  # seconds; the clients give up after 120, proxies in between after less
MOST_LINES: Final = 1_000_000
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
UNFINISHED: Final = (BuildState.NONE, BuildState.QUEUED, BuildState.RUNNING)
ENDED: Final = (Stage.PAUSED, Stage.DELETING, Stage.NO_APP_FILE, Stage.CONFIG_ERROR, Stage.BUILD_ERROR)


@router.get(SPACE + "/logs/build")
async def build_log(request: Request, namespace: str, name: str) -> Response:
    """The kept history, then what comes, until no build is under way."""
    return await _stream(request, namespace, name, Source.BUILD)


@router.get(SPACE + "/logs/run")
async def run_log(request: Request, namespace: str, name: str) -> Response:
    """The kept history, then what comes, until nothing runs and no visit can change that."""
    return await _stream(request, namespace, name, Source.RUN)


@router.get(SPACE + "/events")
async def events(request: Request, namespace: str, name: str) -> Response:
    """The runtime now, and again whenever it changes."""
    repo = await _found(request, namespace, name, Verb.VISIT)
    return _sse(_changes(desk(request), repo))


async def _stream(request: Request, namespace: str, name: str, source: Source) -> Response:
    repo = await _found(request, namespace, name, Verb.WRITE)
    space = await space_of(desk(request), repo)
    tail = number(request, "tail", default=1, most=MOST_LINES) if told(request, "tail") else None
    lines = desk(request).logs.read(space, source, follow=True, tail=tail)

    async def over() -> bool:
        # A page's EventSource would open an ended stream again and again: for pages it stays open.
        return not is_browser(request) and await _over(desk(request), repo, source)

    return _sse(told_lines(lines, over))


async def _found(request: Request, namespace: str, name: str, verb: Verb) -> Repo:
    who = await person(request)
    return await find_repo(desk(request), who, Kind.SPACE, unquoted(namespace), unquoted(name), verb)


def _sse(content: AsyncIterator[str]) -> Response:
    return StreamingResponse(content, media_type="text/event-stream", headers=HEADERS)


async def told_lines(lines: AsyncIterator[Line], over: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
    """Each line as one event, a keep-alive in silence; ends once `over` and all is told.

    A look at `over` comes before the silence that confirms it: a line written just before the end is still told.
    """
    coming = asyncio.ensure_future(anext(lines))
    patience, silent, ending = FIRST_LOOK, 0.0, False
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=patience)
            if done:
                yield event(coming.result())
                coming = asyncio.ensure_future(anext(lines))
                silent, ending = 0.0, False
                continue
            if ending:
                return
            silent += patience
            if silent >= KEEP_ALIVE:
                silent = 0.0
                yield "data:\n\n"
            ending = await over()
            patience = FIRST_LOOK if ending else LOOK
    except StopAsyncIteration:
        return
    finally:
        coming.cancel()


def event(line: Line) -> str:
    """One line of the stream. Only ASCII: clients split lines at Unicode's separators too."""
    return f"data: {json.dumps({'data': line.text + chr(10), 'timestamp': line.stamp})}\n\n"


async def _over(desk: Desk, repo: Repo, source: Source) -> bool:
    """Nothing more can come without somebody's doing."""
    try:
        view = await show(desk, repo, time.time())
    except Missing:
        return True
    if source is Source.BUILD:
        return view.head is None or view.head.build not in UNFINISHED
    return view.is_static or (view.stage in ENDED and not view.instances)


async def _changes(desk: Desk, repo: Repo) -> AsyncIterator[str]:
    last, silent = "", 0.0
    while True:
        try:
            view = await show(desk, repo, time.time())
        except Missing:
            return
        now = json.dumps(runtime_of(view))
        if now != last:
            yield f"data: {now}\n\n"
            last, silent = now, 0.0
        elif silent >= KEEP_ALIVE:
            yield "data:\n\n"
            silent = 0.0
        if view.stage is Stage.DELETING:
            return
        await asyncio.sleep(LOOK)
        silent += LOOK
