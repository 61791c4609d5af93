"""Large bodies that the hub reads from the visitor's own socket. See domain.handing."""

from __future__ import annotations

import array
import secrets
import socket
from contextlib import suppress
from pathlib import Path

import structlog

from spaces_runtime.domain.handing import Passed

log = structlog.get_logger()


class Bodies:
    """Passes visitors' sockets to the hub. path: where it takes them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hub: socket.socket | None = None

    def give(self, visitor: int, rest: int) -> Passed | None:
        """Pass the socket with this descriptor, of which `rest` bytes are to be read. None: the hub takes none now."""
        passed = Passed(number=secrets.token_hex(16), rest=rest)
        for _ in range(2):  # a hub that was started anew has another socket
            try:
                if self._hub is None:
                    self._hub = self._connected()
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [visitor]))]
                self._hub.sendmsg([passed.number.encode()], rights)
            except OSError as error:
                self.close()
                log.info("the hub takes no socket", why=str(error))
            else:
                return passed
        return None

    def _connected(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            made.setblocking(False)
            made.connect(str(self._path))
        except OSError:
            made.close()
            raise
        return made

    def close(self) -> None:
        """Hang up."""
        hub, self._hub = self._hub, None
        if hub is not None:
            with suppress(OSError):
                hub.close()
