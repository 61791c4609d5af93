"""The way out of a build: to public addresses and to what the operator named, directly or by the operator's proxy."""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from builder.faults import BuildFailed
from builder.inside import Inside, is_inside, is_inside_by_name
from builder.sources import Sources

PATIENCE: Final = 30.0  # seconds until somebody answers
PORTS: Final = {"http": 80, "https": 443}
PUBLIC: Final = (  # what we name ourselves; an operator's network may have mirrors in their place
    *("https://pypi.org", "https://files.pythonhosted.org"),
    *("https://download.pytorch.org", "https://download-r2.pytorch.org"),
)

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An operator's. login: a header's value, or empty."""

    host: str
    port: int
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """known: hosts with a port, 0 is any, that the operator named. proxies: scheme → address, and `no` as in NO_PROXY.

    resolve: host and port → numeric addresses; raises OSError.
    """

    known: frozenset[tuple[str, int]]
    proxies: Mapping[str, str]
    resolve: Resolve

    def places(self, scheme: str, host: str, port: int) -> tuple[Proxy | None, tuple[str, ...]]:
        """The proxy that finds it, else its addresses. Raises: Inside; OSError, nobody knows the name."""
        operators = self._is_known(host, port)
        proxy = self._proxy(scheme, host, port)
        if not operators and is_inside_by_name(host):
            found = () if proxy else self._asked(host, port)
            raise Inside(host, port, found[0] if found else "")
        if proxy:
            return proxy, ()
        addresses = self._asked(host, port)
        # one that is inside is enough: whoever owns the name chooses which of them is tried first
        inside = next((address for address in addresses if is_inside(address)), None)
        if inside is not None and not operators:
            raise Inside(host, port, inside)
        return None, addresses

    def open(self, scheme: str, host: str, port: int) -> tuple[socket.socket, Proxy | None]:
        """A connection to an address that was looked at; a name is asked for once. Raises: Inside, OSError."""
        proxy, addresses = self.places(scheme, host, port)
        if proxy:
            return socket.create_connection((proxy.host, proxy.port), PATIENCE), proxy
        failed = OSError(f"{host} has no address")
        for address in addresses:
            try:
                found = socket.create_connection((address, port), PATIENCE)
            except OSError as error:
                failed = error
                continue
            if found.getsockname()[0] == found.getpeername()[0] and not self._is_known(host, port):
                found.close()  # this machine by its public address
                raise Inside(host, port, address)
            return found, None
        raise failed

    def _is_known(self, host: str, port: int) -> bool:
        return not {(host.lower(), port), (host.lower(), 0)}.isdisjoint(self.known)

    def _asked(self, host: str, port: int) -> tuple[str, ...]:
        try:
            return tuple(self.resolve(host, port))
        except UnicodeError:
            raise OSError(f"{host[:60]} is not the name of a host") from None

    def _proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        address = self.proxies.get(scheme) or self.proxies.get("all", "")
        parts = urlsplit(address if "://" in address else f"http://{address}")
        if not address or not parts.hostname:
            return None
        shown = f"[{host}]" if ":" in host else host
        if proxy_bypass_environment(f"{shown}:{port}", dict(self.proxies)):
            return None
        login = unquote(parts.netloc.rpartition("@")[0])
        basic = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        return Proxy(host=parts.hostname, port=parts.port or PORTS["http"], login=basic)


def way(sources: Sources, hub: str, environ: Mapping[str, str], resolve: Resolve | None = None) -> Way:
    """hub: an address, the operator's as those of `sources` are. environ: may name a proxy.

    Raises: BuildFailed for a proxy that does not speak HTTP in the clear.
    """
    known = {place for url in (*PUBLIC, sources.index, *sources.extra, *sources.links, hub) for place in _places(url)}
    for told in sources.hosts:
        with contextlib.suppress(ValueError):
            parts = urlsplit(f"//{told}")
            known.add(((parts.hostname or "").lower(), parts.port or 0))
    names = {name: environ.get(f"{name}_proxy") or environ.get(f"{name.upper()}_PROXY", "") for name in (*PORTS, "all")}
    for told in (names["http"] or names["all"], names["https"] or names["all"]):
        if not told.startswith("http://") and "://" in told:
            kind = told.partition("://")[0]
            raise BuildFailed(f"The operator's proxy begins with {kind}://, and a build goes through http:// only.")
    proxies = {**names, "no": environ.get("no_proxy") or environ.get("NO_PROXY", "")}
    return Way(known=frozenset(known), proxies=proxies, resolve=resolve or asked)


def asked(host: str, port: int) -> tuple[str, ...]:
    """What the system's resolver says. Raises: OSError, UnicodeError."""
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def parted(url: str) -> tuple[str, str, int] | None:
    """Scheme, host, port; None: it names no host of the web."""
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, host, port) if host and parts.scheme in PORTS else None


def _places(url: str) -> set[tuple[str, int]]:
    found = parted(url)
    if found is None:
        return set()
    named = urlsplit(url).port
    return {(found[1].lower(), port) for port in ((named,) if named else PORTS.values())}
