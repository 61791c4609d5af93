"""The one place that writes forwarded, identity and hop-by-hop headers. Pure.

A head is built once into one `bytes`. On every request's path: budget 15 µs a head.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass

from spaces_runtime.domain.handing import BLOBS, BODY, TAKES, Passed
from spaces_runtime.gateway.head import Field, Head

HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade content-length".split()
)  # of one hop only, RFC 9110 §7.6.1; framing is written anew
FORGED = frozenset(b"forwarded x-real-ip x-ip-token x-client-ip true-client-ip".split())  # only we may say these
OURS = (b"spaces-", b"__Host-spaces-", b"__Secure-spaces-")  # names of the platform's own cookies
CREDENTIALS = frozenset((b"x-hf-authorization", b"authorization", b"cookie", b"referer"))
CORS = b"access-control-"
TAKING = f"\r\n{TAKES}: {BLOBS}\r\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Toward:
    """How request heads are written. scheme: as visitors see it.

    to_app: credentials of the hub must not reach it. trusted: peers whose X-Forwarded-For is believed.
    takes: blobs that it names, to send them, see domain.handing.
    """

    scheme: bytes
    to_app: bool
    trusted: frozenset[bytes] = frozenset()
    takes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """How response heads are written. link: the Space's page. headers: the author's own, instead of the app's.

    ancestors: who alone may frame it, as in a Content-Security-Policy; empty: anybody. private: CORS is ours.
    """

    to_app: bool
    link: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    ancestors: bytes = b""
    private: bool = False


def is_forged(lower: bytes) -> bool:
    """Headers that only we may set, or that nobody may."""
    return lower in FORGED or lower.startswith((b"x-forwarded-", b"x-spaces-"))


def request_head(head: Head, toward: Toward, peer: bytes, passed: Passed | None = None) -> bytes:
    """What the upstream reads. peer: the address of the other end of the visitor's connection.

    passed: how the hub gets the rest of the body; None: all of it follows here.
    """
    target = unsigned(head.target) if toward.to_app else head.target
    out = [head.method, b" ", target, b" HTTP/1.1\r\nHost: ", head.authority, b"\r\n"]
    before = b""
    for lower, name, value in head.fields:
        if lower in HOP or lower in (b"host", b"expect", b"http2-settings") or lower in head.passed:
            continue
        if is_forged(lower):
            before = value if lower == b"x-forwarded-for" else before
            continue
        sent = _for_app(lower, value) if toward.to_app and lower in CREDENTIALS else value
        if sent is not None:
            out += (name, b": ", sent, b"\r\n")
    client = _client(before, peer, toward.trusted)
    out += (b"X-Forwarded-For: ", client, b"\r\nX-Forwarded-Host: ", head.authority)
    out += (b"\r\nX-Forwarded-Proto: ", toward.scheme, TAKING if toward.takes else b"\r\n")
    length = head.length
    if passed is not None and length is not None:
        out.append(f"{BODY}: {passed.told}\r\n".encode())
        length -= passed.rest
    if head.upgrade:
        out += (b"Connection: Upgrade\r\nUpgrade: ", head.upgrade, b"\r\n\r\n")
    elif length is None:
        out.append(b"Transfer-Encoding: chunked\r\n\r\n")
    elif length or head.method in (b"POST", b"PUT", b"PATCH"):
        out.append(b"Content-Length: %d\r\n\r\n" % length)
    else:
        out.append(b"\r\n")
    return b"".join(out)


@dataclass(frozen=True, slots=True)
class Framing:
    """How the body of an answer ends. length: known bytes; chunked: by a last chunk; neither: by the end or no body."""

    length: bytes = b""
    chunked: bool = False


def response_head(
    status: int, reason: bytes, fields: Sequence[Field], back: Back, framing: Framing, *, connection: bytes, cors: bool
) -> bytes:
    """What the visitor reads. connection: the value of that header, or empty. cors: the request had an Origin."""
    out = [b"HTTP/1.1 %d " % status, reason, b"\r\n"]
    _pass_back(out, fields, back)
    for name, value in back.headers:
        out += (name, b": ", value, b"\r\n")
    if back.link:
        out += (b"Link: <", back.link, b'>; rel="canonical"\r\n')
    if back.ancestors:
        out += (b"Content-Security-Policy: frame-ancestors ", back.ancestors, b"\r\n")
    if back.private and cors:
        out.append(b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n")
    if framing.length:
        out += (b"Content-Length: ", framing.length, b"\r\n")
    elif framing.chunked:
        out.append(b"Transfer-Encoding: chunked\r\n")
    if connection:
        out += (b"Connection: ", connection, b"\r\n")
    out.append(b"\r\n")
    return b"".join(out)


def _pass_back(out: list[bytes], fields: Sequence[Field], back: Back) -> None:
    """The upstream's own headers, as far as they may leave."""
    passed = {t.strip().lower() for lower, _, v in fields if lower == b"connection" for t in v.split(b",")}
    author = {name.lower() for name, _ in back.headers}
    for lower, name, value in fields:
        if lower in HOP or lower in passed or lower in author or lower.startswith(b"x-spaces-"):
            continue
        if back.private and lower.startswith(CORS):
            continue
        sent = app_cookie(value) if back.to_app and lower == b"set-cookie" else value
        if sent or lower != b"set-cookie":
            out += (name, b": ", sent, b"\r\n")


def switched_head(reason: bytes, fields: Sequence[Field], back: Back) -> bytes:
    """101: the connection belongs to the other protocol from here on."""
    upgrade = next((value for lower, _, value in fields if lower == b"upgrade"), b"websocket")
    head = response_head(101, reason, fields, back, Framing(), connection=b"Upgrade", cors=False)
    return head[:-2] + b"Upgrade: " + upgrade + b"\r\n\r\n"


def unsigned(target: bytes) -> bytes:
    """The target without the visitor's proof; everything else stays as it was sent."""
    if b"__sign=" not in target:
        return target
    path, _, query = target.partition(b"?")
    kept = [part for part in query.split(b"&") if not part.startswith(b"__sign=")]
    return path + (b"?" + b"&".join(kept) if kept else b"")


def app_cookie(cookie: bytes) -> bytes:
    """An app's Set-Cookie as it may leave: for this host only, usable in a frame. Empty: it may not set this one."""
    first, *attributes = cookie.split(b";")
    if first.lstrip().startswith(OURS):
        return b""
    kept = [a for a in attributes if not a.strip().lower().startswith(b"domain=")]
    words = {a.strip().lower() for a in kept}
    if b"secure" in words and b"samesite=none" in words and b"partitioned" not in words:
        kept.append(b" Partitioned")
    return b";".join([first, *kept])


def _for_app(lower: bytes, value: bytes) -> bytes | None:
    """A header that may carry the visitor's credentials for the hub, as the app may see it; None: not at all."""
    if lower == b"x-hf-authorization":
        return None
    if lower == b"authorization":
        return None if is_hub_token(value) else value
    if lower == b"referer":
        return unsigned(value)
    kept = [c for c in value.split(b";") if not c.lstrip().startswith(OURS) and c.strip()]
    return b";".join(kept).lstrip() or None


def is_hub_token(authorization: bytes) -> bool:
    """Whether this `Authorization` is for the hub: all its tokens begin with `hf_`. Anything else is the app's own."""
    scheme, _, given = authorization.strip().partition(b" ")
    given = given.strip()
    if scheme.lower() == b"basic":
        try:
            return b64decode(given, validate=True).partition(b":")[2].startswith(b"hf_")
        except (NotBase64, ValueError):
            return False
    return scheme.lower() == b"bearer" and given.startswith(b"hf_")


def _client(before: bytes, peer: bytes, trusted: frozenset[bytes]) -> bytes:
    """Who the visitor is: the peer, unless that is a trusted proxy; then the last that no trusted one stands for."""
    if peer not in trusted or not before:
        return peer
    for address in reversed([a.strip() for a in before.split(b",")]):
        if address and address not in trusted:
            return address
    return peer
