"""Opens an address as an operator's sources have it: their certificates, their login, nothing of the caller."""

from __future__ import annotations

import base64
import ssl
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from builder.faults import BuildFailed
from builder.sources import Sources

SILENCE: Final = 60.0  # seconds without a byte


def opened(url: str, what: str, sources: Sources, *, accept: str = "*/*") -> IO[bytes]:
    """what: as a sentence names it. Raises: BuildFailed for another scheme; OSError, an HTTPError among them."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).open("rb")
    if parts.scheme not in ("http", "https"):
        raise BuildFailed(f"{what} cannot be downloaded: its address begins with {parts.scheme}.")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    request = urllib.request.Request(bare, headers={"Accept": accept})  # noqa: S310  its scheme was looked at
    login = _login(url, sources)
    if login:
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    context = ssl.create_default_context(cafile=sources.ca or None)
    answer: IO[bytes] = urllib.request.urlopen(request, timeout=SILENCE, context=context)  # noqa: S310
    return answer


def copied(content: IO[bytes], out: IO[bytes]) -> str:
    """Copy all; the sha256 of it."""
    digest = sha256()
    while chunk := content.read(2**20):
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def _login(url: str, sources: Sources) -> str:
    """`user:password` for this address: its own, or that of an index on the same host."""
    host = urlsplit(url).hostname
    for known in (url, sources.index, *sources.extra, *sources.links):
        before, at, _ = urlsplit(known).netloc.rpartition("@")
        if at and urlsplit(known).hostname == host:
            return unquote(before)
    return ""
