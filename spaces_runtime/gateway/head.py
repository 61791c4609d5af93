"""A request's head, checked once at the border; inside nobody doubts it. Pure.

The parser (llhttp, strict) already refuses Content-Length twice or beside Transfer-Encoding, folded lines, bare line
feeds, a space before the colon and control characters. What it lets pass, and must not reach an app, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spaces_runtime.domain.handing import BLOB, Handed, handed

HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")  # what a Host may be; empty is refused
MOST_HEADERS = 256
BLOB_HEADER = BLOB.lower().encode()

Field = tuple[bytes, bytes, bytes]  # name in lower case, name as sent, value


@dataclass(frozen=True, slots=True)
class Malformed:
    """Answer with status and one sentence, and read no more from this connection."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Head:
    """A well-formed request head.

    target: in origin form. host: lower case, no port; authority: the Host as sent, with port.
    length: of the body in bytes; None: chunked. upgrade: the protocol asked for, lower case; empty: none.
    fields: all headers in order; passed: `Connection` named these as meant for the next hop only.
    """

    method: bytes
    target: bytes
    http10: bool
    keep_alive: bool
    host: str
    authority: bytes
    length: int | None
    upgrade: bytes
    expects: bool
    fields: Sequence[Field]
    passed: frozenset[bytes]

    def get(self, name: bytes) -> bytes:
        """The first value of a header, by its name in lower case; empty if absent."""
        return next((value for lower, _, value in self.fields if lower == name), b"")

    @property
    def has_body(self) -> bool:
        return self.length != 0

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]


def named(fields: Sequence[Field]) -> Handed | None:
    """The blob that an answer of the hub hands over; None: none, its body is its own."""
    value = next((value for lower, _, value in fields if lower == BLOB_HEADER), None)
    return handed(value.decode("latin-1")) if value is not None else None


def check(
    *, method: bytes, target: bytes, version: str, fields: Sequence[Field], keep_alive: bool, upgrades: bool
) -> Head | Malformed:
    """Check and sort out. upgrades: the parser saw `Upgrade` and `Connection: upgrade`."""
    if version not in ("1.0", "1.1"):
        return Malformed(505, "This server speaks HTTP/1.0 and HTTP/1.1.")
    if len(fields) > MOST_HEADERS:
        return Malformed(431, f"The request has more than {MOST_HEADERS} headers.")
    if method in (b"CONNECT", b"TRACE"):
        return Malformed(405, f"{method.decode()} is not served here.")
    http10 = version == "1.0"
    authority = _authority(fields, required=not http10)
    if isinstance(authority, Malformed):
        return authority
    origin = _origin_form(target, authority)
    if isinstance(origin, Malformed):
        return origin
    length = _length(fields, http10=http10)
    if isinstance(length, Malformed):
        return length
    upgrade = _value(fields, b"upgrade").lower() if upgrades else b""
    if upgrade and length != 0:
        return Malformed(400, "A request that asks for another protocol may have no body.")
    expect = _value(fields, b"expect").lower()
    if expect not in (b"", b"100-continue"):
        return Malformed(417, "The only expectation served here is 100-continue.")
    host = authority.rpartition(b":")[0] if HOST_PORT.search(authority) else authority
    return Head(
        method, origin, http10, keep_alive, host.decode("ascii").lower(), authority, length,
        b"" if upgrade == b"h2c" else upgrade,  # a tunnel of HTTP/2 would carry requests past every check
        bool(expect) and not http10, fields, _named(fields),
    )  # fmt: skip


HOST_PORT = re.compile(rb":\d+$")


def _value(fields: Sequence[Field], name: bytes) -> bytes:
    return next((value for lower, _, value in fields if lower == name), b"")


def _authority(fields: Sequence[Field], *, required: bool) -> bytes | Malformed:
    hosts = [value for lower, _, value in fields if lower == b"host"]
    if not hosts and not required:
        return b"localhost"
    if len(hosts) != 1:
        return Malformed(400, "A request needs exactly one Host header.")
    if not HOST.fullmatch(hosts[0]):
        return Malformed(400, "The Host header is not a host name with an optional port.")
    return hosts[0]


def _origin_form(target: bytes, authority: bytes) -> bytes | Malformed:
    """`/path?query`. The absolute form is taken when it names the same host; then it says nothing new."""
    if b"#" in target:
        return Malformed(400, "A request's address has no fragment.")
    if target.startswith(b"/"):
        return target
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        return Malformed(400, "The request's address must be a path, or a full address on this host.")
    host, slash, path = rest.partition(b"/")
    host, question, query = host.partition(b"?") if b"?" in host else (host, b"", b"")
    if host.lower() != authority.lower():
        return Malformed(400, "The request's address and its Host header name different hosts.")
    return b"/" + (b"?" + query + slash + path if question else path)


def _length(fields: Sequence[Field], *, http10: bool) -> int | Malformed | None:
    """Bytes of the body; None: chunked."""
    codings = [value.strip().lower() for lower, _, value in fields if lower == b"transfer-encoding"]
    lengths = [value.strip() for lower, _, value in fields if lower == b"content-length"]
    if codings and lengths:
        return Malformed(400, "A request has a Content-Length or a Transfer-Encoding, not both.")
    if codings and http10:
        return Malformed(400, "HTTP/1.0 has no Transfer-Encoding.")
    if codings:
        return None if codings == [b"chunked"] else Malformed(400, "The only Transfer-Encoding served here is chunked.")
    if len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
        return Malformed(400, "A request has one Content-Length, a number.")
    return int(lengths[0]) if lengths else 0


def _named(fields: Sequence[Field]) -> frozenset[bytes]:
    """What `Connection` lists, but for the words that are no header of their own."""
    listed = [value for lower, _, value in fields if lower == b"connection"]
    if not listed:
        return frozenset()
    tokens = (token.strip().lower() for value in listed for token in value.split(b","))
    return frozenset(tokens) - {b"keep-alive", b"close", b"upgrade", b""}
