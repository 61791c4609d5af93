"""The server inside a static Space's image, over a real socket."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.image import serve


@contextmanager
def serving(root: Path, index: str = "index.html", *headers: str) -> Iterator[http.client.HTTPConnection]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-I", serve.__file__, str(root), str(port), index, *headers]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as child:
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < until
                    assert child.poll() is None
            yield http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            child.terminate()
            assert child.wait(10) == 0, "the first process of a container must mind SIGTERM"
        finally:
            child.kill()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("top")
    (top / "secret").write_text("key-material")
    root = top / "site"
    (root / "docs").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("key-material")
    (root / "index.html").write_text("<h1>hello</h1>")
    (root / "docs" / "index.html").write_text("docs")
    (root / "docs" / "a b.js").write_text("let x")
    (root / "digits").write_text("0123456789")
    (root / "out").symlink_to(top)
    (root / "in").symlink_to("docs")
    return root


@pytest.fixture(scope="module")
def web(site: Path) -> Iterator[http.client.HTTPConnection]:
    with serving(site, "index.html", "cross-origin-opener-policy=same-origin") as connection:
        yield connection


def ask(
    web: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    web.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = web.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/", 200, "<h1>hello</h1>"),
        ("/index.html?x=1", 200, "<h1>hello</h1>"),
        ("/docs/", 200, "docs"),
        ("/in/", 200, "docs"),
        ("/docs/a%20b.js", 200, "let x"),
        ("/nothing", 404, "This Space has no such file.\n"),
        ("/../secret", 404, "This Space has no such file.\n"),
        ("/%2e%2e/secret", 404, "This Space has no such file.\n"),
        ("/out/secret", 404, "This Space has no such file.\n"),
        ("/.git/config", 404, "This Space has no such file.\n"),
        ("/a%00b", 404, "This Space has no such file.\n"),
    ],
)
def test_files_of_the_folder_are_served_and_no_others(
    web: http.client.HTTPConnection, path: str, status: int, body: str
) -> None:
    found, headers, text = ask(web, path)
    assert (found, text) == (status, body)
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_a_folder_without_its_slash_is_led_to(web: http.client.HTTPConnection) -> None:
    status, headers, _ = ask(web, "/docs?x=1")
    assert (status, headers["location"]) == (308, "/docs/?x=1")


def test_types_are_those_of_the_web(web: http.client.HTTPConnection) -> None:
    assert ask(web, "/docs/a%20b.js")[1]["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=20-", 416, ""),
        ("bytes=4-2", 200, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
    ],
)
def test_a_part_can_be_asked_for(web: http.client.HTTPConnection, asked: str, status: int, body: str) -> None:
    found, headers, text = ask(web, "/digits", Range=asked)
    assert (found, text) == (status, body)
    assert headers["content-length"] == str(len(body))


def test_what_a_browser_has_is_not_sent_again_and_what_changed_is(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("one")
    with serving(tmp_path) as web:
        tag = ask(web, "/")[1]["etag"]
        assert ask(web, "/", If_None_Match=tag)[0] == 304
        assert ask(web, "/", "HEAD")[2] == ""
    (tmp_path / "index.html").write_text("two")
    with serving(tmp_path) as web:
        assert ask(web, "/", If_None_Match=tag)[0] == 200


def test_another_index_and_a_404_of_the_authors_own(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "page.html").write_text("page")
    (tmp_path / "404.html").write_text("lost")
    with serving(tmp_path, "dist/page.html") as web:
        status, headers, _ = ask(web, "/?a=b")
        assert (status, headers["location"]) == (302, "/dist/page.html?a=b")
        assert ask(web, "/no")[::2] == (404, "lost")
