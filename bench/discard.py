"""A hub that keeps nothing: just enough answers for today's client to send a file by Xet; its bytes are thrown away.

`python -m bench.discard PORT`: served by what serves our hub, so that what differs is what the bytes are used for.
"""

from __future__ import annotations

import sys
import time
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REPO: Final = "/api/models/{owner}/{name}"
STORE: Final = "/store"  # below it lies what the client calls a content store
COMMIT: Final = "0" * 40
HOUR: Final = 3600


def app() -> Starlette:
    """Any file is large, any repo exists, whatever is not named here does not: then the client takes the simple way."""
    received = 0

    async def throw_away(request: Request) -> Response:
        nonlocal received
        async for piece in request.stream():
            received += len(piece)
        return JSONResponse({"was_inserted": True, "result": 1})

    async def count(_: Request) -> Response:
        return JSONResponse(received)

    return Starlette(
        routes=[
            Route(REPO + "/preupload/{rev}", _preupload, methods=["POST"]),
            Route(REPO + "/xet-write-token/{rev}", _token),
            Route(STORE + "/v1/xorbs/default/{xorb}", throw_away, methods=["POST"]),
            Route(STORE + "/v1/shards", throw_away, methods=["POST"]),
            Route(REPO + "/commit/{rev}", _commit, methods=["POST"]),
            Route("/received", count),
        ]
    )


async def _preupload(request: Request) -> Response:
    files = (await request.json())["files"]
    plain = {"uploadMode": "lfs", "shouldIgnore": False, "oid": None}
    return JSONResponse({"files": [{"path": file["path"], **plain} for file in files]})


async def _token(request: Request) -> Response:
    address, expires = _endpoint(request) + STORE, int(time.time()) + HOUR
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": "any",
        "X-Xet-Token-Expiration": str(expires),
    }
    return JSONResponse({"casUrl": address, "accessToken": "any", "exp": expires}, headers=headers)


async def _commit(request: Request) -> Response:
    await request.body()
    page = "{owner}/{name}".format(**request.path_params)
    url = f"{_endpoint(request)}/{page}/commit/{COMMIT}"
    return JSONResponse({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})


def _endpoint(request: Request) -> str:
    return f"http://{request.headers['host']}"


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
