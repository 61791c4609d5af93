"""Who asks for a private Space: three doors, one check. Pure; the key is passed in.

A cookie proves identity only for requests that the Space's own pages make: two Spaces framed side by side must not
read each other as the visitor.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from spaces_runtime.domain.ids import SpaceId, UserId
from spaces_runtime.domain.signing import COOKIE_SECONDS, Use, Visit, sign, verify
from spaces_runtime.gateway.head import Head
from spaces_runtime.gateway.headers import is_hub_token

COOKIE = b"spaces-visitor"
HOST_COOKIE = b"__Host-spaces-visitor"  # browsers take this name over https only


@dataclass(frozen=True, slots=True)
class Known:
    """May enter. linked: by `?__sign=`, so a cookie is due."""

    user: UserId
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A token of the hub: only the hub can tell. authorization: the header to ask with."""

    authorization: bytes


def identify(head: Head, space: SpaceId, *, key: bytes, scheme: bytes, now: float) -> Known | Ask | None:
    """None: a stranger. A token that was sent speaks before a cookie."""
    for name in (b"x-hf-authorization", b"authorization"):
        token = head.get(name)
        if token and is_hub_token(token):
            return Ask(token)
    proof = link_proof(head.target)
    visit = verify(proof, key, space=space, use=Use.LINK, now=now) if proof else None
    if visit is not None:
        return Known(visit.user, linked=True)
    proof = _cookie(head, HOST_COOKIE if scheme == b"https" else COOKIE)
    visit = verify(proof, key, space=space, use=Use.COOKIE, now=now) if proof and from_own_page(head, scheme) else None
    return Known(visit.user) if visit is not None else None


def from_own_page(head: Head, scheme: bytes) -> bool:
    """Whether a page of this very host made the request, or its visitor typed the address."""
    site = head.get(b"sec-fetch-site")
    origin = head.get(b"origin")
    if origin:
        return origin.lower() == scheme + b"://" + head.authority.lower() and site in (b"", b"same-origin")
    typed = site == b"none" and head.method in (b"GET", b"HEAD") and head.get(b"sec-fetch-mode") == b"navigate"
    return site == b"same-origin" or typed


def link_proof(target: bytes) -> str:
    """The value of `__sign` in the query; empty if absent."""
    for part in target.partition(b"?")[2].split(b"&"):
        if part.startswith(b"__sign="):
            return unquote_to_bytes(part[len(b"__sign=") :]).decode("ascii", "replace")
    return ""


def set_cookie(space: SpaceId, user: UserId, *, key: bytes, scheme: bytes, now: float) -> bytes:
    """The Set-Cookie that lets this visitor's browser in again. Partitioned: it counts only below the same top page."""
    proof = sign(Visit(space=space, user=user, expires=now + COOKIE_SECONDS, use=Use.COOKIE), key).encode()
    name = HOST_COOKIE if scheme == b"https" else COOKIE
    return b"%b=%b; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=None; Partitioned" % (name, proof, COOKIE_SECONDS)


def _cookie(head: Head, name: bytes) -> str:
    for lower, _, value in head.fields:
        if lower == b"cookie":
            for pair in value.split(b";"):
                mine, _, content = pair.strip().partition(b"=")
                if mine == name:
                    return content.decode("ascii", "replace")
    return ""
