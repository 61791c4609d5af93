"""Answers of the gateway itself: one sentence, as a page for browsers and as JSON for programs. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from spaces_runtime.gateway.head import Head
from spaces_runtime.gateway.headers import unsigned

STYLE = (
    ":root{color-scheme:light dark}body{margin:0;min-height:100dvh;display:grid;place-items:center;"
    "background:light-dark(#f4f6f5,#0e1312);color:light-dark(#131a18,#e8edeb);"
    'font:15px/1.55 -apple-system,"Segoe UI",Inter,Roboto,Cantarell,"Noto Sans",Arial,sans-serif}'
    "main{width:min(28rem,100% - 2.5rem)}h1{margin:0 0 .3rem;font-size:1.5rem;font-weight:620;letter-spacing:-.02em}"
    "p{margin:0;color:light-dark(#43504b,#b2bdb9);overflow-wrap:anywhere}a{color:inherit}"
)
TITLES = {404: "Nothing here", 503: "Not available now", 502: "No answer from the app", 400: "Not understood"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer. fields: beside the framing. close: read no more from this connection."""

    status: int
    body: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False

    def rendered(self, *, connection: bytes, with_body: bool) -> bytes:
        """The bytes to send. with_body: False for HEAD."""
        reason = HTTPStatus(self.status).phrase.encode()
        head = [b"HTTP/1.1 %d %s\r\n" % (self.status, reason)]
        head += [name + b": " + value + b"\r\n" for name, value in self.fields]
        if self.status not in (204, 304):
            head.append(b"Content-Length: %d\r\n" % len(self.body))
        if connection:
            head.append(b"Connection: " + connection + b"\r\n")
        return b"".join(head) + b"\r\n" + (self.body if with_body else b"")


def wants_page(head: Head) -> bool:
    """Whether a browser asks for a document, so that a page is the right answer."""
    if head.method not in (b"GET", b"HEAD") or head.upgrade:
        return False
    destination = head.get(b"sec-fetch-dest")
    if destination:
        return destination in (b"document", b"iframe", b"frame")
    return b"text/html" in head.get(b"accept")


def wants_stream(head: Head) -> bool:
    """Whether an event stream is asked for."""
    return head.method == b"GET" and b"text/event-stream" in head.get(b"accept")


def refusal(head: Head | None, status: int, why: str, *, then: str = "", retry: int = 0, link: str = "") -> Reply:
    """Say no in one sentence. retry: seconds for Retry-After. link: an address that helps, shown on the page."""
    fields = [(b"Cache-Control", b"no-store")]
    if retry:
        fields.append((b"Retry-After", b"%d" % retry))
    if head is not None and wants_page(head):
        return _page(status, why, then, link, fields)
    body = json.dumps({"error": f"{why} {then}".strip()}, ensure_ascii=False).encode() + b"\n"
    return Reply(status=status, body=body, fields=((b"Content-Type", b"application/json"), *fields))


def _page(status: int, why: str, then: str, link: str, fields: list[tuple[bytes, bytes]]) -> Reply:
    title = TITLES.get(status, HTTPStatus(status).phrase)
    more = f' <a href="{escape(link)}" target="_top">Its page says more.</a>' if link else ""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{title}</h1><p>{escape(why)} {escape(then)}{more}</p></main></body></html>"
    )
    policy = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    named = ((b"Content-Type", b"text/html; charset=utf-8"), (b"Content-Security-Policy", policy))
    return Reply(status=status, body=body.encode(), fields=(*named, *fields))


def elsewhere(location: bytes) -> Reply:
    """The same request at another address. The name may pass to another Space, so nobody is to remember it."""
    return Reply(status=307, fields=((b"Location", location), (b"Cache-Control", b"no-store")))


def preflight(head: Head) -> Reply:
    """What a browser asks before it sends a cross-origin request with a token; it proves nothing and opens nothing."""
    fields = [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Access-Control-Allow-Methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        (b"Access-Control-Max-Age", b"600"),
    ]
    asked = head.get(b"access-control-request-headers")
    if asked:
        fields.append((b"Access-Control-Allow-Headers", asked))
    return Reply(status=204, fields=tuple(fields))


def is_preflight(head: Head) -> bool:
    """A CORS preflight, Fetch standard."""
    named = {lower for lower, _, _ in head.fields}
    return head.method == b"OPTIONS" and {b"origin", b"access-control-request-method"} <= named


def hop(target: bytes, cookie: bytes, *, nonce: str, ancestors: bytes) -> Reply:
    """Sets the cookie and goes on to the same page without its proof.

    A redirect would not do: the browser still counts the page it came from as the one that asks, and then the cookie
    proves nothing. This page's own step is one of the Space itself.
    """
    clean = "/" + unsigned(target).decode("latin-1").lstrip("/\\")  # two slashes would name another host
    told = json.dumps(clean).replace("<", "\\u003c")
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>'
        f'<noscript><meta http-equiv="refresh" content="0;url={escape(clean)}"></noscript></head>'
        f'<body><script nonce="{nonce}">location.replace({told} + location.hash)</script></body></html>'
    )
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors ".encode() + ancestors
    fields = (
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Set-Cookie", cookie),
        (b"Cache-Control", b"no-store"),
        (b"Referrer-Policy", b"no-referrer"),
        (b"Content-Security-Policy", policy),
    )
    return Reply(status=200, body=body.encode(), fields=fields)
