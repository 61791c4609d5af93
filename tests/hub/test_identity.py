from __future__ import annotations

from base64 import b64encode

import pytest
from fastapi import Request

from spaces_runtime.hub.identity import own_page, token_in


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer hf_x", "hf_x"),
        ("bearer  hf_x ", "hf_x"),
        (basic("ann:hf_x"), "hf_x"),
        (basic(":hf_x"), "hf_x"),
        (basic("hf_x"), ""),
        ("Basic !!", ""),
        ("Basic /w==", ""),
        ("Digest hf_x", ""),
        ("", ""),
    ],
)
def test_a_token_comes_as_bearer_or_as_the_password_of_basic(header, token):
    assert token_in(header) == token


def asked(method: str, path: str, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"hub:1"), *raw], "scheme": "http"}
    return Request({**scope, "query_string": b"", "server": ("hub", 1)})


@pytest.mark.parametrize(
    ("method", "path", "headers", "counts"),
    [
        # Our own pages, and addresses typed in.
        ("POST", "/api/x", {"sec_fetch_site": "same-origin"}, True),
        ("GET", "/", {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"}, True),
        # A link from elsewhere opens a page, and never more than that.
        ("GET", "/ann", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, True),
        ("GET", "/ann", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, False),
        ("GET", "/api/x", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
        ("POST", "/ann", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
        # A Space beside us is the same site, and yet a stranger.
        ("POST", "/settings", {"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate"}, False),
        ("GET", "/api/x", {"sec_fetch_site": "same-site"}, False),
        # Browsers that send only Origin.
        ("POST", "/api/x", {"origin": "http://hub:1"}, True),
        ("POST", "/api/x", {"origin": "http://evil.localhost"}, False),
        ("POST", "/api/x", {"origin": "null"}, False),
        # Neither.
        ("POST", "/api/x", {}, False),
        ("GET", "/api/x", {}, True),
    ],
)
def test_a_cookie_counts_only_when_the_browser_says_that_our_own_page_asks(method, path, headers, counts):
    assert own_page(asked(method, path, **headers)) is counts
