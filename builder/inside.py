"""Which addresses lie inside: this machine and the networks around it, where no build has a way. Pure."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
RELAYS: Final = IPv4Network("192.88.99.0/24")  # RFC 7526: 6to4, no longer anybody's


class Inside(Exception):
    """A host that only the operator may name. address: empty, it was judged by its name."""

    def __init__(self, host: str, port: int, address: str = "") -> None:
        super().__init__(f"{host} is inside")
        self.host, self.port, self.address = host, port, address

    @property
    def told(self) -> str:
        """A clause."""
        shown = self.host if self.address in ("", self.host) else f"{self.host} ({self.address})"
        return f"{shown}, an address of this machine or of a private network, where builds have no way"


def is_inside(address: str) -> bool:
    """Whether it is anything but one public address. address: numeric; with a zone it is always inside."""
    try:
        found = _bare(ip_address(address))
    except ValueError:
        return True
    public = found.is_global and not found.is_multicast and not found.is_reserved
    if isinstance(found, IPv6Address):
        return not public or found.is_site_local
    return not public or found in RELAYS


def is_inside_by_name(host: str) -> bool:
    """Without asking anybody: a numeric spelling, also decimal or hexadecimal, and names of this machine."""
    name = host.rstrip(".").lower()
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        return is_inside(socket.inet_ntoa(socket.inet_aton(name)))  # reads what the system's resolver reads
    except (OSError, UnicodeError):
        return ":" in name and is_inside(name)


def _bare(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address that packets to it reach in the end."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
