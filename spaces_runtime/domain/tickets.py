"""Signed tickets of the hub to itself: an upload URL, a Xet token. Who has one may do that one thing until it expires.

A ticket is `<payload>.<mac>`, both base64url without padding; the payload is JSON `[use, claims..., expires]`.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Final

LONGEST: Final = 1024  # characters


class Use(Enum):
    """What a ticket is for; one made for another use does not count."""

    LFS_UPLOAD = "lfs-upload"  # repo, sha256, size
    LFS_PART = "lfs-part"  # repo, upload, first byte, bytes
    LFS_JOIN = "lfs-join"  # repo, sha256, size, upload
    LFS_DOWNLOAD = "lfs-download"  # repo, sha256
    XET = "xet"  # repo, user, read or write
    XET_PART = "xet-part"  # repo, sha256, number of the part


def issue(use: Use, *claims: str | int, expires: float, key: bytes) -> str:
    """Sign. expires: Unix seconds."""
    payload = _text(json.dumps([use.value, *claims, int(expires)], separators=(",", ":")).encode())
    return f"{payload}.{_mac(payload, key)}"


def check(ticket: str, use: Use, *, now: float, key: bytes) -> tuple[str, ...] | None:
    """The claims, as text; None when it is forged, too old or for another use. now: Unix seconds."""
    payload, dot, mac = ticket[:LONGEST].partition(".")
    if not dot or not compare_digest(_mac(payload, key).encode(), mac.encode()):
        return None
    try:
        found, *claims, expires = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (NotBase64, ValueError):  # signed by another version of ours
        return None
    return tuple(map(str, claims)) if found == use.value and now < expires else None


def _mac(payload: str, key: bytes) -> str:
    return _text(hmac(key, b"ticket:" + payload.encode(), sha256).digest())


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
