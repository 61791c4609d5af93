"""Builds have no way to the inside: real servers on this machine stand for it; the operator's own are known by name."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from builder import preload
from builder.download import opened
from builder.faults import BuildFailed
from builder.guard import Guard
from builder.inside import Inside, is_inside, is_inside_by_name
from builder.recipe import Preload
from builder.requirements import Address
from builder.result import End, Result
from builder.sources import Sources
from builder.way import Way, way
from tests.builder.conftest import Store
from tests.builder.hostile import archive, source
from tests.builder.local_index import write_wheel
from tests.builder.servers import Web, certified, serving
from tests.builder.test_from_source import built, packages

PUBLIC = "93.184.215.14"


@pytest.fixture
def inside() -> Iterator[Web]:
    """What nobody but the operator may name."""
    with serving() as web:
        yield web


@pytest.fixture
def allowed() -> Iterator[Web]:
    """What the operator named."""
    with serving() as web:
        yield web


def known(store: Store, *webs: Web) -> Sources:
    return Sources(index=store.index.url, hosts=tuple(web.at for web in webs))


def led(store: Store, lines: str, allowed: Web, **files: str) -> Result:
    return built(store.plan({"requirements.txt": lines, **files}, sources=known(store, allowed)))


def names(**addresses: str) -> Way:
    """A resolver that knows these."""
    told = {name.replace("_", "."): address for name, address in addresses.items()}

    def resolve(host: str, _: int) -> tuple[str, ...]:
        return (told.get(host, host),)

    return way(Sources(), "", {}, resolve)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "192.88.99.1"),
        *("::1", "::", "fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:db8::1", "not an address"),
    ],
)
def test_an_address_that_is_not_public_is_inside(address: str) -> None:
    assert is_inside(address)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_a_public_address_is_not(address: str) -> None:
    assert not is_inside(address)


@pytest.mark.parametrize(
    "name", ["localhost", "LocalHost.", "a.localhost", "2130706433", "0x7f000001", "0177.1", "127.1", "::1", "10.0.0.1"]
)
def test_spellings_of_inside_are_known_without_asking_anybody(name: str) -> None:
    assert is_inside_by_name(name)
    assert not is_inside_by_name("example.org")


@pytest.mark.parametrize(
    "line",
    [
        *("x @ http://127.0.0.1:{}/x-1-py3-none-any.whl", "http://[::1]:{}/x-1-py3-none-any.whl"),
        *("http://[::ffff:127.0.0.1]:{}/x-1.tar.gz", "http://2130706433:{}/x-1.tar.gz"),
        *("x @ HTTP://0x7f.1:{}/x.zip ; python_version > '3'", "git+http://localhost:{}/x.git"),
        *("--extra-index-url http://ann:hush@127.1:{}/simple", "-i http://0:{}/simple", "-f=http://127.0.0.1:{}/w"),
    ],
)
def test_a_line_that_names_the_inside_is_refused_and_nobody_is_asked(store: Store, inside: Web, line: str) -> None:
    result = store.failed({"requirements.txt": f"requests\n{line.format(inside.server_port)}\n"})
    assert (result.end, result.file, result.line) == (End.FAILED, "requirements.txt", 2)
    assert "of this machine or of a private network" in result.why
    assert "hush" not in result.why
    assert inside.asked == []


def test_the_author_reads_what_was_found_and_what_to_do(store: Store) -> None:
    result = store.failed({"requirements.txt": "http://169.254.169.254/x-1.tar.gz\n"})
    assert result.why == (
        "requirements.txt line 1 names 169.254.169.254, an address of this machine or of a private network, "
        "where builds have no way. Name a public address; an operator can allow the host: hosts, under [build]."
    )


@pytest.mark.parametrize("line", ["x @ {}/x-1-py3-none-any.whl", "{}/x-1.tar.gz", "git+{}/x.git", "-f {}/links"])
def test_a_redirect_to_the_inside_ends_at_the_door(store: Store, allowed: Web, inside: Web, line: str) -> None:
    for path in ("/x-1-py3-none-any.whl", "/x-1.tar.gz", "/x.git/info/refs", "/links"):
        allowed.moved[path] = f"{inside.url}{path}"
    result = led(store, f"requests\n{line.format(allowed.url)}\n", allowed)
    assert allowed.asked != []
    assert inside.asked == []
    assert "requirements.txt line 2 leads to 127.0.0.1" in result.why
    assert (result.file, result.line) == ("requirements.txt", 2)


def test_a_link_of_an_authors_index_to_the_inside_is_not_followed(store: Store, allowed: Web, inside: Web) -> None:
    allowed.pages["/simple/x/"] = f'<a href="{inside.url}/x-1-py3-none-any.whl">x-1-py3-none-any.whl</a>'.encode()
    result = led(store, f"--extra-index-url {allowed.url}/simple\nx\n", allowed)
    assert "leads to 127.0.0.1" in result.why
    assert inside.asked == []


@pytest.mark.parametrize("need", ["y @ {}/y-1-py3-none-any.whl", "y @ git+{}/y.git"])
def test_what_a_package_of_the_repo_says_it_needs_is_held_to_it_too(store: Store, inside: Web, need: str) -> None:
    plan = store.plan({f"own/{k}": v for k, v in source("x", requires=(need.format(inside.url),)).items()})
    (plan.code / "requirements.txt").write_text("./own\n")
    assert built(plan).end is End.FAILED
    assert inside.asked == []


def test_what_the_operator_names_is_reached(store: Store, allowed: Web, tmp_path: Path) -> None:
    write_wheel(tmp_path / "x.whl", "x", "1", {"x/__init__.py": ""})
    allowed.pages["/x-1-py3-none-any.whl"] = (tmp_path / "x.whl").read_bytes()
    assert packages(led(store, f"x @ {allowed.url}/x-1-py3-none-any.whl\n", allowed))["x"] == "1"
    write_wheel(tmp_path / "y.whl", "y", "1", {"y/__init__.py": ""})
    allowed.pages["/simple/y/"] = b'<a href="../../y-1-py3-none-any.whl">y-1-py3-none-any.whl</a>'
    allowed.pages["/y-1-py3-none-any.whl"] = (tmp_path / "y.whl").read_bytes()
    index = Sources(index=store.index.url, extra=(f"{allowed.url}/simple",))
    assert packages(built(store.plan({"requirements.txt": "y\n"}, sources=index)))["y"] == "1"


def test_uv_git_and_our_own_downloads_speak_tls_through_the_door(store: Store, inside: Web, tmp_path: Path) -> None:
    ca, certificate = certified(tmp_path)
    write_wheel(tmp_path / "x.whl", "x", "1", {"x/__init__.py": ""})
    mine = archive(tmp_path, "mine", "1.0", source("mine"))
    with serving(certificate) as web:
        web.pages["/x-1-py3-none-any.whl"] = (tmp_path / "x.whl").read_bytes()
        web.pages["/mine-1.0.tar.gz"] = mine.read_bytes()
        web.pages |= bare_repo(tmp_path, source("cloned"))
        sources = replace(known(store, web), ca=str(ca))
        lines = f"{web.url}/x-1-py3-none-any.whl\n{web.url}/mine-1.0.tar.gz\ngit+{web.url}/cloned.git\n"
        found = packages(built(store.plan({"requirements.txt": lines}, sources=sources)))
        assert {"x", "mine", "cloned"} <= found.keys()
        web.moved["/y-1.0.tar.gz"] = inside.url
        result = built(store.plan({"requirements.txt": f"{web.url}/y-1.0.tar.gz\n"}, sources=sources))
    assert "requirements.txt line 1 leads to 127.0.0.1" in result.why
    assert inside.asked == []


def bare_repo(folder: Path, files: dict[str, str]) -> dict[str, bytes]:
    """A repo as plain files below `/cloned.git`, the way a server without git offers one."""
    work, bare = folder / "work", folder / "cloned.git"
    work.mkdir()
    for path, text in files.items():
        (work / path).write_text(text)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(work)]
    for told in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["clone", "-q", "--bare", ".", str(bare)]):
        subprocess.run([*git, *told], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)
    return {f"/{path.relative_to(folder)}": path.read_bytes() for path in bare.rglob("*") if path.is_file()}


def test_a_name_that_changes_its_address_between_two_looks_gains_nothing(inside: Web) -> None:
    answers = iter([PUBLIC, "127.0.0.1"])
    turns = way(Sources(), "", {}, lambda _host, _port: (next(answers),))
    url = f"http://turns.example:{inside.server_port}/x"
    with Guard(turns) as guard:
        guard.look([Address(file="requirements.txt", line=1, url=url)])
        with pytest.raises(HTTPError, match="403"):
            opened(url, "x", Sources(proxy=guard.url))
    assert inside.asked == []
    assert [each.address for each in guard.refused] == ["127.0.0.1"]


def test_one_address_inside_among_public_ones_is_enough() -> None:
    mixed = way(Sources(), "", {}, lambda _host, _port: (PUBLIC, "fd00::1"))
    with pytest.raises(Inside, match=r"mixed\.example"):
        mixed.places("https", "mixed.example", 443)


def test_names_are_judged_by_what_they_lead_to() -> None:
    asked = names(corp_example="10.1.2.3", open_example=PUBLIC)
    with Guard(asked) as guard:
        guard.look([Address(file="requirements.txt", line=3, url="https://open.example/x")])
        with pytest.raises(BuildFailed, match=r"line 3 names corp\.example \(10\.1\.2\.3\), an address of"):
            guard.look([Address(file="requirements.txt", line=3, url="https://corp.example/x")])


def test_a_tunnel_leads_to_no_place_inside_and_to_what_is_known(allowed: Web, inside: Web) -> None:
    allowed.pages["/"] = b"hello"
    with Guard(way(Sources(hosts=(allowed.at,)), "", {})) as guard:
        assert tunnelled(guard, inside.at).startswith("HTTP/1.1 403")
        assert tunnelled(guard, allowed.at, "GET / HTTP/1.0\r\n\r\n").endswith("hello")
        assert tunnelled(guard, allowed.at, login="Basic \xe9").startswith("HTTP/1.1 407"), "it is this build's alone"
    assert inside.asked == []


def tunnelled(guard: Guard, at: str, then: str = "", login: str = "") -> str:
    with socket.create_connection(("127.0.0.1", guard.server_port), 10) as to:
        to.sendall(f"CONNECT {at} HTTP/1.1\r\nProxy-Authorization: {login or guard.login}\r\n\r\n{then}".encode())
        return to.makefile("rb").read().decode()


def test_a_connection_serves_one_request_so_that_the_next_is_looked_at(allowed: Web) -> None:
    allowed.pages["/"] = b"hello"
    ask = "GET {} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {}\r\n\r\n"
    with (
        Guard(way(Sources(hosts=(allowed.at,)), "", {})) as guard,
        socket.create_connection(("127.0.0.1", guard.server_port), 10) as to,
    ):
        to.sendall(ask.format(f"{allowed.url}/", guard.login).encode())
        answer = to.makefile("rb").read()
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(b"hello")


def test_a_redirect_leads_to_the_web_only(allowed: Web, inside: Web) -> None:
    allowed.moved["/x"] = f"ftp://{inside.at}/x"
    with (
        Guard(way(Sources(hosts=(allowed.at,)), "", {})) as guard,
        pytest.raises(OSError, match="unknown url type: ftp"),
    ):
        opened(f"{allowed.url}/x", "x", Sources(proxy=guard.url))


def test_an_operators_proxy_finds_names_and_is_never_asked_for_the_inside(allowed: Web, inside: Web) -> None:
    allowed.pages["/x"] = b"through both"
    theirs = way(Sources(hosts=("files.example",)), "", {}, lambda _host, _port: ("127.0.0.1",))
    with Guard(theirs) as proxy:
        nobody = way(
            Sources(), "", {"http_proxy": proxy.url, "https_proxy": proxy.url, "NO_PROXY": "127.0.0.1"}, unasked
        )
        with Guard(nobody) as guard:
            through = Sources(proxy=guard.url)
            with opened(f"http://files.example:{allowed.server_port}/x", "x", through) as answer:
                assert answer.read() == b"through both"
            tunnel = tunnelled(guard, f"files.example:{allowed.server_port}", "GET /x HTTP/1.0\r\n\r\n")
            assert tunnel.endswith("through both")
            for host in ("127.0.0.1", "[::1]", "localhost", "2130706433"):
                with pytest.raises(HTTPError, match="403"):
                    opened(f"http://{host}:{inside.server_port}/", "x", through)
    assert inside.asked == []


@pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY"])
def test_a_proxy_that_nobody_here_speaks_to_is_said(name: str) -> None:
    with pytest.raises(BuildFailed, match="proxy begins with socks5://, and a build goes through http:// only"):
        way(Sources(), "", {name: "socks5://10.0.0.1:1080"})


OWN = """
import socket
from builder.inside import Inside
from builder.sources import Sources
from builder.way import way
with socket.create_server(("{address}", 0)) as server:
    host = "{address}", server.getsockname()[1]
    way(Sources(hosts=("%s:%d" % host,)), "", {{}}).open("http", *host)[0].close()
    try:
        way(Sources(), "", {{}}).open("http", *host)
    except Inside:
        print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="gives a network of its own an address")
def test_a_public_address_of_this_machine_is_inside() -> None:
    told = f"ip link set lo up && ip addr add {PUBLIC}/32 dev lo && exec $0 -c '{OWN.format(address=PUBLIC)}'"
    argv = ["unshare", "-n", "sh", "-c", told, sys.executable]
    ended = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("refused\n", "")


def unasked(host: str, _: int) -> tuple[str, ...]:
    assert host == "127.0.0.1", "names are the proxy's to find"
    return (host,)


def test_a_hub_leads_to_no_place_inside(allowed: Web, inside: Web, tmp_path: Path) -> None:
    allowed.moved["/api/models/ann/one/revision/main"] = f"{inside.url}/secret"
    with Guard(way(Sources(), allowed.url, {})) as guard:
        with pytest.raises(BuildFailed, match="it is not public") as caught:
            preload.fetch(tmp_path, (Preload(repo="ann/one", line=5),), allowed.url, Sources(proxy=guard.url))
        told = guard.told(caught.value, ())
    assert allowed.asked != []
    assert inside.asked == []
    assert told.why.startswith("README.md line 5 leads to 127.0.0.1")


def test_the_next_build_knows_nothing_of_the_last(allowed: Web) -> None:
    with Guard(way(Sources(hosts=(allowed.at,)), "", {})) as guard:
        port = urlsplit(guard.url).port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), 5)
