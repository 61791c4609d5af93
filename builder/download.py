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
    answer: IO[bytes] = _opener(sources).open(request, timeout=SILENCE)
    return answer


def _opener(sources: Sources) -> urllib.request.OpenerDirector:
    """Of the web and nothing else: a redirect may name any scheme."""
    opener = urllib.request.OpenerDirector()
    web = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=sources.ca or None))
    for handler in (
        _Through(sources.proxy) if sources.proxy else urllib.request.ProxyHandler(),
        *(urllib.request.HTTPHandler(), web, urllib.request.UnknownHandler()),
        *(urllib.request.HTTPErrorProcessor(), urllib.request.HTTPRedirectHandler()),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Through(urllib.request.BaseHandler):
    """Leads every request to one proxy. The library's own handler passes it by for hosts of NO_PROXY."""

    handler_order = 100  # before those that connect

    def __init__(self, proxy: str) -> None:
        login, _, self._at = urlsplit(proxy).netloc.rpartition("@")
        self._login = f"Basic {base64.b64encode(unquote(login).encode()).decode()}"

    def http_open(self, request: urllib.request.Request) -> None:
        """None: the next handler connects."""
        request.add_unredirected_header("Proxy-Authorization", self._login)
        request.set_proxy(self._at, "http")

    https_open = http_open


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
