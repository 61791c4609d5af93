"""How addresses are made on this machine, and the key that signs visits."""

from __future__ import annotations

import os
import socket

from spaces_runtime.domain.hosts import Names, names
from spaces_runtime.domain.layout import GROUP, HUB, Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store.keyfile import kept


def names_of(settings: Settings) -> Names:
    """How addresses are made on this machine."""
    return names(
        port=settings.port,
        public_url=settings.public_url,
        spaces_domain=settings.spaces_domain,
        resolves=_resolves(),
        online=settings.internet,
    )


def _resolves() -> bool:
    """Whether programs here find `x.localhost`, as browsers do by themselves."""
    try:
        socket.getaddrinfo("any.localhost", None)
    except OSError:
        return False
    return True


def visitor_key(settings: Settings) -> bytes:
    """Signs visits to private Spaces. Made as root before the processes start; hub and gateways read it."""
    path = Layout(settings.data).keys / "visitor"
    key = kept(path)
    if os.geteuid() == 0:
        os.chown(path, HUB, GROUP)
    return key
