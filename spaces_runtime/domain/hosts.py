"""Names under which the hub and the Spaces are reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

LABEL = 63  # longest DNS label, RFC 1035


def subdomain(namespace: str, name: str, *, taken: bool) -> str:
    """The DNS label of a Space, decided when it is created: lower case, all but a-z 0-9 becomes `-`.

    taken: another Space has the plain label. Then, and when it is too long, a short stable hash makes it unique.
    """
    plain = re.sub(r"[^a-z0-9]", "-", f"{namespace}-{name}".lower()).strip("-")
    if len(plain) <= LABEL and plain and "--" not in plain and not taken:
        return plain
    tail = sha256(f"{namespace}/{name}".encode()).hexdigest()[:8]
    short = re.sub(r"-+", "-", plain)[: LABEL - 9].rstrip("-")
    return f"{short}-{tail}" if short else f"s-{tail}"


def loopback(number: int) -> str:
    """The address of the n-th Space (from 0) in local mode: from 127.1.0.1 on, never 127.0.x.y."""
    spread = number % (254 * 256 * 254)
    return f"127.{1 + spread // (256 * 254)}.{spread // 254 % 256}.{1 + spread % 254}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How addresses are made. hub_url: without trailing slash. port: what to write after a Space's host; "" for 80/443.

    resolves: `x.localhost` resolves for programs on this machine; else clients are given loopback addresses.
    inside_url: the hub where the node relays it, in each Space. online: Spaces may reach the internet, as far as set.
    """

    hub_url: str
    domain: str
    scheme: str
    port: str
    resolves: bool
    inside_url: str = ""
    online: bool = True

    def host(self, label: str) -> str:
        """A Space's host as browsers see it, with port."""
        return f"{label}.{self.domain}{self.port}"

    def hub_for(self, *, internet: bool) -> str:
        """The hub's address for an app. internet: it may reach that; else the public one leads nowhere."""
        return self.hub_url if internet and self.online else self.inside_url or self.hub_url

    def url(self, label: str) -> str:
        """A Space's address for browsers."""
        return f"{self.scheme}://{self.host(label)}"

    def client_url(self, label: str, loopback: str) -> str:
        """A Space's address for programs."""
        if self.resolves or not self.local:
            return self.url(label)
        return f"{self.scheme}://{loopback}{self.port}"

    @property
    def local(self) -> bool:
        """Only this machine can reach us."""
        return self.domain == "localhost"


def names(*, port: int, public_url: str, spaces_domain: str, resolves: bool, online: bool = True) -> Names:
    """From the settings. A public URL without a domain for Spaces puts them below the hub's own host."""
    inside = f"http://localhost:{port}"
    if not public_url:
        return Names(
            hub_url=inside, domain="localhost", scheme="http", port=f":{port}", resolves=resolves, inside_url=inside
        )
    parts = urlsplit(public_url)
    return Names(
        hub_url=public_url.rstrip("/"),
        domain=spaces_domain or (parts.hostname or ""),
        scheme=parts.scheme,
        port=f":{parts.port}" if parts.port else "",
        resolves=True,
        inside_url=inside,
        online=online,
    )
