"""Where packages come from: what an operator sets, else what pip's own configuration names; uv reads neither."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PASSED: Final = (  # what a build may see of the caller's environment: how to reach and trust the network
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """index: empty is the public one. extra, links: further indexes, find-links. ca: a bundle; empty: the system's.

    hosts: inside, and builds may reach them: `name` or `name:port`. proxy: of builder/guard.py, while a build runs.
    """

    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ca: str = ""
    hosts: tuple[str, ...] = ()
    proxy: str = ""

    def flags(self) -> tuple[str, ...]:
        """As uv takes them."""
        index = ("--default-index", self.index) if self.index else ()
        extra = tuple(part for url in self.extra for part in ("--index", url))
        links = tuple(part for place in self.links for part in ("--find-links", place))
        # as pip does, the best version of all the indexes: the first to know a name would hide the others
        return (*index, *extra, *links, "--index-strategy", "unsafe-best-match")

    def folders(self) -> tuple[str, ...]:
        """Local ones, and the bundle: what a confined build must be able to read."""
        places = [place.removeprefix("file://") for place in (self.index, *self.extra, *self.links) if place]
        # an index's pages link to files beside it
        indexes = [url for url in (self.index, *self.extra) if url.startswith("file://")]
        parents = [str(Path(url.removeprefix("file://")).parent) for url in indexes]
        return tuple(p for p in (*places, *parents, self.ca) if p.startswith("/") and Path(p).exists())

    def arguments(self) -> tuple[str, ...]:
        """As `python -m builder` takes them."""
        told = [("--index", self.index), *(("--extra-index", url) for url in self.extra)]
        told += [*(("--find-links", place) for place in self.links), ("--ca", self.ca)]
        told += [("--host", host) for host in self.hosts]
        return tuple(part for name, value in told if value for part in (name, value))


def through(proxy: str) -> dict[str, str]:
    """Variables that lead a program through this proxy to every host there is; none for none."""
    if not proxy:
        return {}
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    told = {name: "" if name == "NO_PROXY" else proxy for name in names}
    return {**told, **{name.lower(): value for name, value in told.items()}}


def network(environ: Mapping[str, str]) -> dict[str, str]:
    """What a build may see of these variables."""
    return {name: environ[name] for name in PASSED if name in environ}


def pip_sources(environ: Mapping[str, str]) -> Sources:
    """What `pip install` would use here: its files, the later over the earlier, and PIP_* over all."""
    read = configparser.RawConfigParser(strict=False)
    named = environ.get("PIP_CONFIG_FILE", "")
    home = Path(environ.get("HOME", "/"))
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    files += [Path(sys.prefix) / "pip.conf", *([Path(named)] if named else [])]
    for file in [] if named == "/dev/null" else files:
        try:
            read.read(file)
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself would say so; a build without that file says what it cannot find

    def value(name: str) -> str:
        kept = next((read.get(part, name) for part in ("install", "global") if read.has_option(part, name)), "")
        return environ.get(f"PIP_{name.upper().replace('-', '_')}", kept)

    return Sources(
        index=value("index-url"),
        extra=tuple(value("extra-index-url").split()),
        links=tuple(value("find-links").split()),
        ca=environ.get("SSL_CERT_FILE", "") or value("cert"),
    )
