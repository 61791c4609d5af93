"""The hub's HTTP: every router in one list, and what holds for every request."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from time import monotonic
from uuid import uuid4

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaces_runtime.domain.errors import Fault, RepoMissing
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.hub import (
    bucket_events,
    buckets,
    cards,
    commits,
    discussions,
    files,
    git,
    info,
    internal,
    lfs,
    lfs_files,
    lfs_locks,
    listing,
    logs,
    openapi,
    orgs,
    refs,
    regard,
    repos,
    search,
    spaces,
    tags,
    telemetry,
    timeline,
    trees,
    unbuilt,
    users,
    volumes,
    weights,
    xet,
    xet_download,
)
from spaces_runtime.hub.aliases import Aliases, one_segment
from spaces_runtime.hub.figures import Figures
from spaces_runtime.hub.wire import fault_response, refusal

log = structlog.get_logger()

# In the order in which they are tried: `/api/spaces/hardware` before `/api/spaces/{namespace}/{name}`. The last one
# answers for all the rest of /api, so that no page is taken for it; pages come after these.
ROUTERS = (
    openapi.router,
    telemetry.router,
    users.router,
    orgs.router,
    tags.router,
    cards.router,
    internal.router,
    search.router,
    logs.router,
    timeline.router,
    spaces.router,
    xet.router,
    xet_download.router,
    xet.rest,
    lfs.router,
    lfs_files.router,
    lfs_locks.router,
    buckets.router,
    bucket_events.router,
    volumes.router,
    listing.router,
    repos.router,
    info.router,
    regard.router,
    refs.router,
    trees.router,
    weights.router,
    commits.router,
    discussions.router,
    git.router,
    files.router,
    unbuilt.router(),
)

SILENT: TelemetryConfig = {  # nothing about a request leaves this machine, whatever the environment names
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
LONGEST_ID = 100  # characters of a request id that is echoed


def create_app(desk: Desk, routers: Sequence[APIRouter]) -> FastAPI:
    """The hub. routers: ROUTERS, then the pages; in the order in which their routes are tried."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=SILENT)
    app.state.desk, app.state.routers, app.state.figures = desk, tuple(routers), Figures()
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(Fault, _fault)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _no_sense)
    app.add_middleware(Aliases)
    app.add_middleware(Border, figures=app.state.figures)  # the outermost: added last
    return app


class Border:
    """Around every request: routes see the raw path, the answer carries a request id, a bug of ours is logged.

    It also writes Date, so the server must not (uvicorn: date_header=False): uvicorn's lags by a second and more, and
    the clients leave out every log line that is later than Date.
    """

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        # A router that decodes first takes `branch/feature%2Fx` for another route; handlers decode for themselves.
        scope["path"] = scope["raw_path"].decode("latin-1")
        began, begun = monotonic(), False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self.figures.answered(scope["method"], message["status"], monotonic() - began)
                headers = MutableHeaders(raw=message["headers"])
                message["headers"] = headers.raw
                headers["Date"] = formatdate(usegmt=True)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("X-Frame-Options", "SAMEORIGIN")
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self.app(scope, receive, answer)
            except ClientDisconnect:
                log.info("the client went away", path=scope["path"])
            except Exception:
                log.exception("a request failed", method=scope["method"], path=scope["path"])
                if begun:
                    raise  # the server cuts the connection: half an answer must not look whole
                await _failed(Request(scope), request_id)(scope, receive, answer)


def _request_id(headers: Headers) -> str:
    """The client's own id, so that it finds its request in our log; a new one if it is none to be echoed."""
    given = headers.get("x-request-id") or headers.get("x-amzn-trace-id") or ""
    fine = 0 < len(given) <= LONGEST_ID and given.isascii() and given.isprintable()
    return given if fine else uuid4().hex


def _failed(request: Request, request_id: str) -> Response:
    text = f"Something went wrong in the hub; it is in the hub's log under {request_id}. Trying again may help."
    return refusal(request, 500, text)


async def _fault(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Fault)  # noqa: S101 — registered for this class only
    return fault_response(request, fault)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    path, method = request.scope["path"], request.method
    found = one_segment(path) if error.status_code == 404 else None  # noqa: PLR2004
    if found is not None and found.after:  # `from_pretrained("roberta-base")` of what nobody imported
        return fault_response(request, RepoMissing(found.name))
    known = {404: f"There is nothing at {path}", 405: f"{method} is not possible at {path}"}
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return refusal(request, error.status_code, known.get(error.status_code, str(error.detail)), headers=headers)


async def _no_sense(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    said = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
    return refusal(request, 400, f"Cannot read the request: {said}")
