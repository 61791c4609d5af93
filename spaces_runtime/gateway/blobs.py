"""Blobs that the hub hands over: it has judged the request, the gateway sends the bytes. See domain.handing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog

from spaces_runtime.domain.handing import Handed, blob_path
from spaces_runtime.gateway.exchange import Exchange
from spaces_runtime.gateway.head import Field
from spaces_runtime.gateway.reply import refusal
from spaces_runtime.gateway.sending import Sending

log = structlog.get_logger()


def send(exchange: Exchange, folder: Path, blob: Handed, status: int, fields: list[Field]) -> None:
    """Answer with the blob. folder: of all blobs. Only what the hub's own answer named comes here."""
    lane = exchange.lane
    if lane is None or exchange.over:
        return
    try:
        opened = _open(blob_path(folder, blob.sha256), blob.start + blob.length)
    except OSError as error:
        log.warning("a blob cannot be sent", sha256=blob.sha256, why=str(error))
        exchange.reply(refusal(exchange.head, 500, "The content of this file cannot be read."))
        return
    exchange.open_body(status, fields, lane.back, blob.length)
    if exchange.bodiless:
        os.close(opened)
        exchange.finish()
    else:
        Sending(exchange, opened, blob.start, blob.length)


def _open(path: Path, end: int) -> int:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    told = os.fstat(opened)
    if not stat.S_ISREG(told.st_mode) or told.st_size < end:
        os.close(opened)
        raise OSError(f"{path.name} is no file of {end} bytes")
    return opened
