"""Signed proofs that a visitor may enter one Space: the hub signs them, the gateways verify them.

A proof is `<payload>.<mac>`, both base64url without padding, so it fits a query string and a cookie as it stands.
The payload is JSON `[space, user, expires, use]`; the mac is HMAC-SHA256 over it with the key of `layout.keys/visitor`.
A proof speaks for one Space only: a Space that steals one from its own page gains nothing elsewhere.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Final

from spaces_runtime.domain.ids import SpaceId, UserId

SHORTEST_KEY: Final = 16  # bytes; a shorter key protects nothing
LONGEST: Final = 1024  # characters of a proof; a longer one is refused unread
LINK_SECONDS: Final = 3600.0  # how long `?__sign=` is good: a page signs its streams with it as long as it is open
COOKIE_SECONDS: Final = 7 * 86400.0  # how long a gateway's own cookie is good


class Use(Enum):
    """Where a proof counts: one made for a link is no cookie, so that a link that leaks ends soon."""

    LINK = "link"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """This user may enter this Space until then. expires: Unix seconds."""

    space: SpaceId
    user: UserId
    expires: float
    use: Use = Use.LINK


def sign(visit: Visit, key: bytes) -> str:
    """A proof of this visit. key: at least 16 random bytes.

    Raises:
        ValueError: when the key is too short to protect anything.
    """
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"The key that signs visitors is shorter than {SHORTEST_KEY} bytes")
    told = [visit.space, visit.user, int(visit.expires), visit.use.value]
    payload = _text(json.dumps(told, separators=(",", ":")).encode())
    return f"{payload}.{_text(_mac(payload, key))}"


def verify(proof: str, key: bytes, *, space: SpaceId, use: Use, now: float) -> Visit | None:
    """What the proof says; None when it is forged, too old, or made for another Space or use. now: Unix seconds."""
    if len(proof) > LONGEST or len(key) < SHORTEST_KEY:
        return None
    payload, dot, mac = proof.partition(".")
    if not dot or not compare_digest(_text(_mac(payload, key)).encode(), mac.encode()):
        return None
    visit = _parsed(payload)
    return visit if visit and visit.space == space and visit.use is use and now < visit.expires else None


def _mac(payload: str, key: bytes) -> bytes:
    return hmac(key, payload.encode(), sha256).digest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parsed(payload: str) -> Visit | None:
    """Only after the mac held; another version of ours may have written another form."""
    try:
        space, user, expires, use = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Visit(space=SpaceId(str(space)), user=UserId(str(user)), expires=float(expires), use=Use(use))
    except (NotBase64, ValueError, TypeError):
        return None
