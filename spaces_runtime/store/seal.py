"""Envelope encryption: each secret under a key of its own, that key under the master key.

A copy of the database alone opens nothing, and a new master key re-seals only the small keys.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.store.keyfile import kept

SIZE = 32  # bytes of a key: AES-256
NONCE = 12  # bytes, as GCM wants


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value nobody can read without the master key."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens. about: binds a sealed value to its place, so that it cannot be moved to another one."""

    master: bytes = field(repr=False)

    def close(self, value: str, about: str) -> Sealed:
        """Seal a value under a fresh key."""
        key = AESGCM.generate_key(SIZE * 8)
        return Sealed(_lock(self.master, key, about), _lock(key, value.encode(), about))

    def open(self, sealed: Sealed, about: str) -> str:
        """Read it again.

        Raises: Unavailable when it was sealed by another master key, or for another place.
        """
        try:
            return _unlock(_unlock(self.master, sealed.key, about), sealed.value, about).decode()
        except InvalidTag:
            raise Unavailable(
                what=f"open the secret {about}",
                why="it was sealed with another master key",
                then="Put the right keys/master back, or set the secret again.",
            ) from None


def master_key(path: Path) -> Seal:
    """The seal of the key in this file; made on first use. Raises: Unavailable when the file is no key."""
    key = kept(path, SIZE)
    if len(key) != SIZE:
        raise Unavailable(what="seal secrets", why=f"{path} is not a key of {SIZE} bytes", then="Restore it.")
    return Seal(key)


def _lock(key: bytes, plain: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def _unlock(key: bytes, sealed: bytes, about: str) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
