"""Sends files: the kernel takes the bytes from the file to the visitor, and no process touches them."""

from __future__ import annotations

import asyncio
import os

from spaces_runtime.gateway.exchange import Exchange

STEP = 2**20  # bytes of one call, so that others get their turn
AHEAD = 8 * STEP  # bytes the kernel is asked to have read before they are needed: the loop must not wait for a disk


class Sending:
    """A part of a file on its way, as fast as the visitor takes it. The head was written; `opened` is ours to close."""

    def __init__(self, exchange: Exchange, opened: int, start: int, length: int) -> None:
        self._exchange, self._file, self._at, self._left = exchange, opened, start, length
        self._told = start  # up to where the kernel was asked to read ahead
        self._loop = asyncio.get_running_loop()
        # One of our own: the transport watches its socket by itself, and the loop allows one watcher per descriptor.
        self._socket = os.dup(exchange.connection.fileno())
        exchange.stream = self
        self._loop.add_writer(self._socket, self._go)

    def _go(self) -> None:
        """The visitor takes more."""
        if self._exchange.connection.unsent:  # the head, or an earlier answer: the transport sends that first
            return
        try:
            self._read_ahead()
            sent = os.sendfile(self._socket, self._file, self._at, min(STEP, self._left)) if self._left else 0
        except BlockingIOError:
            return
        except OSError:  # the visitor left; the transport says so, too
            self._exchange.cut("")
            return
        self._at += sent
        self._left -= sent
        if self._left and not sent:  # the file was cut short under us: the client must see that
            self._exchange.cut("")
        elif not self._left:
            self.end()
            self._exchange.finish()

    def _read_ahead(self) -> None:
        if self._at + AHEAD // 2 >= self._told and self._left:
            os.posix_fadvise(self._file, self._told, AHEAD, os.POSIX_FADV_WILLNEED)
            self._told += AHEAD

    @property
    def endless(self) -> bool:
        """It ends when the file does."""
        return False

    def ready(self) -> None:
        """The socket says it by itself."""

    def keep(self) -> bool:
        """There is no app's side."""
        return False

    def from_visitor(self, data: bytes) -> bool:
        return bool(data)

    def from_app(self, data: bytes) -> None:
        """There is no app's side."""

    def end(self) -> None:
        """All sent, or the visitor left."""
        if self._file >= 0:
            self._loop.remove_writer(self._socket)
            os.close(self._socket)
            os.close(self._file)
            self._file = -1
