"""The node's process, the one with privilege; and what others ask of it."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from urllib.parse import urlsplit

from spaces_runtime.backends.process.backend import ProcessBackend
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.sandbox import Finding
from spaces_runtime.domain.settings import DockerSettings, Settings
from spaces_runtime.node import criu
from spaces_runtime.node.capabilities import probe
from spaces_runtime.node.firewall import Reach
from spaces_runtime.node.serve import serve
from spaces_runtime.wiring.names import names_of
from spaces_runtime.wiring.telling import telling


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until SIGTERM; Spaces run on when it ends."""
    layout = Layout(settings.data)
    async with telling(settings, "node", ()):
        await serve(
            layout,
            port=settings.port,
            trusting=settings.trust_spaces,
            internet=settings.internet,
            docker=_docker(settings),
            reach=reach(settings),
        )
    stop.set()


def reach(settings: Settings) -> Reach:
    """The platform's public addresses, for Spaces; for builds what the operator named for them, too."""
    names = names_of(settings)
    doors = () if names.local else tuple(dict.fromkeys(map(_place, (names.hub_url, names.url("any")))))
    asked = settings.build
    urls = (asked.index, *asked.extra_index, *asked.find_links)
    return Reach(doors=doors, hosts=(*doors, *asked.hosts, *(_place(url) for url in urls if urlsplit(url).hostname)))


def _place(url: str) -> str:
    """`name:port`."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _docker(settings: Settings) -> DockerSettings | None:
    """With the image that `spaces base build` makes, where no other is named."""
    if settings.engine != "docker":
        return None
    from builder.image.base import name

    return replace(settings.docker, base=settings.docker.base or name())


def get_criu() -> int:
    """Fetch CRIU for the rungs below frozen; says what it does. The exit status."""
    return subprocess.run((str(criu.GET),), check=False).returncode  # noqa: S603


async def stop_spaces(settings: Settings) -> None:
    """End every instance on this machine."""
    backend = ProcessBackend(Layout(settings.data))
    try:
        await backend.stop_all()
    finally:
        await backend.close()


def checks(settings: Settings) -> tuple[Finding, ...]:
    """What `spaces doctor` says. Tries the sandbox, limits and disks of this machine once."""
    found = probe(
        Layout(settings.data),
        port=settings.port,
        trusting=settings.trust_spaces,
        internet=settings.internet,
        docker=_docker(settings),
    )
    own = names_of(settings)
    resolves = Finding(
        subject="names",
        holds=own.resolves,
        says="Programs here find x.localhost, as browsers do."
        if own.resolves
        else "Programs here do not find x.localhost; they are given each Space's own loopback address.",
        remedy="" if own.resolves else "apt-get install libnss-myhostname",
    )
    return (*found, resolves)
