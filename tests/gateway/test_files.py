"""Static Spaces: files of one folder, and nothing outside it."""

from __future__ import annotations

import os

import pytest

from spaces_runtime.gateway.files import Elsewhere, Found, find, span
from tests.gateway.world import route, until


@pytest.fixture
def site(tmp_path):
    top = tmp_path / "site"
    (top / "docs").mkdir(parents=True)
    (top / "index.html").write_text("<h1>Hi</h1>")
    (top / "docs" / "index.html").write_text("docs")
    (top / "a b.js").write_text("1")
    (top / "big.bin").write_bytes(os.urandom(3_000_000))
    (tmp_path / "secret").write_text("secret")
    (top / "out").symlink_to(tmp_path / "secret")
    (top / "up").symlink_to("..")
    (top / "in.html").symlink_to("index.html")
    (top / ".git").mkdir()
    (top / ".git" / "config").write_text("secret")
    return top


def test_a_folder_is_its_index_and_needs_its_slash(site):
    assert find(site, b"/").real == site / "index.html"
    assert find(site, b"/docs/").real == site / "docs" / "index.html"
    assert find(site, b"/docs") == Elsewhere(b"/docs/")


@pytest.mark.parametrize(
    "path",
    [
        b"/../secret", b"/%2e%2e/secret", b"/docs/../../secret", b"/..%2fsecret", b"/out", b"/up/secret",
        b"/.git/config", b"/a\0b", b"/%00", b"//../secret", b"/nothing", b"/" + b"a" * 5000, b"/%ff", b"/up/",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_is_found(site, path):
    assert not isinstance(find(site, path), Found)


def test_a_link_that_stays_inside_is_followed(site):
    assert find(site, b"/in.html").real == site / "index.html"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (b"bytes=0-3", (0, 4)), (b"bytes=5-", (5, 5)), (b"bytes=-3", (7, 3)), (b"bytes=-99", (0, 10)),
        (b"bytes=0-99", (0, 10)), (b"bytes=10-", None), (b"bytes=-0", None), (b"bytes=5-2", (0, 10)),
        (b"bytes=0-1,3-4", (0, 10)), (b"lines=1-2", (0, 10)), (b"bytes=-", (0, 10)),
    ],
)  # fmt: skip
def test_a_range_is_read_as_the_standard_says(asked, expected):
    assert span(asked, 10) == expected


def test_a_static_space_is_served_with_types_validators_and_ranges(within, site):
    async def story(here):
        await here.publish(route(instance=None, files=str(site)))
        await until(lambda: here._answers(404))
        await until(lambda: here.reached({}))
        page = await here.get("/")
        assert (page.body, page.get("content-type")) == (b"<h1>Hi</h1>", "text/html; charset=utf-8")
        assert page.get("link") == '<http://localhost:7800/spaces/ann/hello>; rel="canonical"'
        assert (await here.get("/a%20b.js")).get("content-type") == "text/javascript; charset=utf-8"
        assert (await here.get("/", If_None_Match=page.get("etag"))).status == 304
        assert (await here.get("/", If_Modified_Since=page.get("last-modified"))).status == 304
        whole = (site / "big.bin").read_bytes()
        assert (await here.get("/big.bin")).body == whole
        part = await here.get("/big.bin", Range="bytes=1000-1999999")
        assert (part.status, part.body) == (206, whole[1000:2000000])
        assert part.get("content-range") == "bytes 1000-1999999/3000000"
        assert (await here.get("/big.bin", Range="bytes=0-3", If_Range='"old"')).status == 200
        assert (await here.get("/big.bin", Range="bytes=3000000-")).get("content-range") == "bytes */3000000"
        head = await here.get("/big.bin", method="HEAD")
        assert (head.body, head.get("content-length")) == (b"", "3000000")
        assert (await here.get("/docs?x=1")).get("location") == "/docs/?x=1"
        assert (await here.get("/nothing")).status == 404
        assert (await here.get("/", method="DELETE")).status == 405

    within(story)


def test_a_start_file_elsewhere_is_where_the_root_leads(within, site):
    async def story(here):
        await here.publish(route(instance=None, files=str(site), index="docs/index.html"))

        async def leads() -> bool:
            return (await here.get("/")).status == 302

        await until(leads)
        led = await here.get("/?__theme=dark")
        assert (led.status, led.get("location")) == (302, "/docs/index.html?__theme=dark")
        assert (await here.get("/docs/index.html")).body == b"docs"

    within(story)


def test_a_reader_who_leaves_a_large_file_leaves_no_open_file(within, site):
    async def story(here):
        (site / "huge.bin").write_bytes(b"x" * 50_000_000)
        await here.publish(route(instance=None, files=str(site)))
        await until(lambda: here.reached({}))
        one = await here.talk()
        await one.send("GET", "/huge.bin", {"Host": "ann-hello.localhost"})
        await one.head()
        assert _open(site / "huge.bin") == 1
        one.close()
        await until(lambda: _open(site / "huge.bin") == 0)

    within(story)


def _open(path) -> int:
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return sum(os.path.realpath(link) == str(path) for link in links)
