"""What holds for every request, whatever is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from spaces_runtime.domain.errors import BadCredentials, EntryMissing, Fault, Refused, RepoMissing, RepoUnseen
from spaces_runtime.domain.layout import Layout
from spaces_runtime.hub.wire import body, endpoint, next_link, unquoted
from spaces_runtime.wiring.desk import desk
from tests.hub.conftest import settings
from tests.hub.serving import serving


def routes() -> APIRouter:  # noqa: C901 - a list of routes
    router = APIRouter()

    @router.get("/refs/{revision}/files/{path:path}")
    async def ref(revision: str, path: str) -> list[str]:
        return [unquoted(revision), unquoted(path)]

    @router.post("/body")
    async def sent(request: Request) -> dict[str, Any]:
        return await body(request, most=100)

    @router.get("/next")
    async def paged(request: Request) -> dict[str, str]:
        return next_link(request, "c&2")

    @router.get("/endpoint")
    async def reached(request: Request) -> str:
        return endpoint(request)

    @router.get("/fault/{which}")
    async def fault(which: str) -> None:
        raise {
            "seen": Refused(what="push", why="ünïcode ✂ and\na second line", then="Ask."),
            "repo": RepoMissing("ann/x"),
            "unseen": RepoUnseen("ann/x"),
            "entry": EntryMissing("a"),
            "token": BadCredentials(),
            "plain": Fault(what="do it", why="no"),
        }[which]

    @router.get("/bug")
    async def bug() -> None:
        secret = "-".join(["value", "in", "a", "frame"])
        raise ZeroDivisionError("detail" if secret else "")

    @router.get("/half")
    async def half() -> StreamingResponse:
        async def content():
            yield b"first half"
            raise ZeroDivisionError("detail")

        return StreamingResponse(content())

    @router.get("/count")
    async def counted(count: int) -> int:
        return count

    @router.get("/ann/x.git/info/refs")
    async def git() -> None:
        raise RepoUnseen("ann/x")

    return router


@pytest.fixture(scope="module")
def client(data: Layout):
    with serving(desk(settings(data)), more=[routes()]) as hub, httpx.Client(base_url=hub.url) as asking:
        yield asking


def test_a_slash_that_was_encoded_stays_inside_its_segment(client):
    assert client.get("/refs/feature%2Fx/files/a%20b/c%25.txt").json() == ["feature/x", "a b/c%.txt"]


@pytest.mark.parametrize("wrong", ["%ff", "a%00b", "%0a"])
def test_an_address_that_is_no_text_is_refused(client, wrong):
    answer = client.get(f"/refs/{wrong}/files/x")
    assert (answer.status_code, set(answer.json())) == (422, {"error"})


@pytest.mark.parametrize(
    ("which", "status", "code", "text"),
    [
        ("repo", 404, "RepoNotFound", "Repository not found"),
        ("unseen", 401, "RepoNotFound", "Repository not found"),
        ("entry", 404, "EntryNotFound", "Entry not found"),
        ("token", 401, None, "Invalid credentials in Authorization header"),
        ("plain", 400, None, "Cannot do it: no."),
    ],
)
def test_a_fault_becomes_the_error_shape_of_the_contract(client, which, status, code, text):
    answer = client.get(f"/fault/{which}")
    assert answer.status_code == status
    assert answer.headers.get("X-Error-Code") == code
    assert answer.headers["X-Error-Message"] == text
    assert answer.json() == {"error": text}


def test_a_message_for_a_header_is_latin_1_on_one_line_and_whole_in_the_body(client):
    answer = client.get("/fault/seen")
    assert answer.headers["X-Error-Message"] == "Cannot push: ünïcode ? and a second line. Ask."
    assert "✂ and\na second line" in answer.json()["error"]


def test_a_bug_of_ours_is_a_500_with_an_id_to_quote_and_is_logged_under_it(client, data):
    answer = client.get("/bug", headers={"X-Request-Id": "quote-me"})
    assert answer.status_code == 500
    assert "quote-me" in answer.json()["error"]
    assert "detail" not in answer.text
    log = (data.data / "platform.log").read_text()
    assert "request=quote-me" in log
    assert "ZeroDivisionError: detail" in log
    assert "value-in-a-frame" not in log


def test_half_an_answer_never_looks_whole(client):
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/half")


def test_a_parameter_of_the_wrong_type_is_named(client):
    answer = client.get("/count?count=many")
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert "query.count" in answer.json()["error"]


def test_the_clients_own_request_id_is_echoed(client):
    assert client.get("/endpoint", headers={"X-Amzn-Trace-Id": "abc"}).headers["X-Request-Id"] == "abc"
    assert len(client.get("/endpoint").headers["X-Request-Id"]) == 32
    assert client.get("/endpoint", headers={"X-Request-Id": "x" * 500}).headers["X-Request-Id"] != "x" * 500


def test_the_endpoint_is_as_the_client_reached_us(client):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.org:8443"}
    assert client.get("/endpoint", headers=forwarded).json() == "https://hub.example.org:8443"
    assert client.get("/endpoint", headers={"Host": "localhost:7800"}).json() == "http://localhost:7800"


def test_the_next_page_is_an_absolute_link_with_the_same_query(client):
    link = client.get("/next?filter=a&filter=b&cursor=c1").json()["Link"]
    assert link == f'<{str(client.base_url).rstrip("/")}/next?filter=a&filter=b&cursor=c%262>; rel="next"'


@pytest.mark.parametrize(
    ("sent", "status"), [(b"{", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 99, 400), (b" " * 101, 413), (b"", 200)]
)
def test_a_body_that_is_no_json_object_is_the_callers_mistake(client, sent, status):
    assert client.post("/body", content=sent).status_code == status


def test_what_clients_tell_at_their_start_is_taken_and_dropped(client):
    assert client.head("/api/telemetry/py_client/initiated").status_code == 200
    assert client.get("/api/agent-harnesses").json() == {"harnesses": {}}


def test_what_is_not_there_is_a_json_404(client):
    for path in ("/api", "/api/none", "/api/no/such/thing", "/none/at/all/here"):
        answer = client.get(path)
        assert (answer.status_code, set(answer.json())) == (404, {"error"})
        assert path in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("POST", "/api/models/ann/x/discussions/1/pin", "discussion"),
        ("POST", "/api/spaces/ann/x/dev-mode", "dev mode"),
        ("GET", "/api/spaces/zero-gpu/quota", "ZeroGPU"),
        ("POST", "/oauth/token", "signing in"),
    ],
)
def test_what_is_not_built_yet_says_so(client, method, path, what):
    answer = client.request(method, path)
    assert answer.status_code == 501
    assert what in answer.json()["error"]
    assert "does not have it yet" in answer.json()["error"]


def test_a_401_says_which_credentials_git_and_others_should_send(client):
    assert client.get("/ann/x.git/info/refs").headers["WWW-Authenticate"].startswith("Basic ")
    assert client.get("/fault/unseen").headers["WWW-Authenticate"].startswith("Bearer ")


def test_no_answer_may_be_framed_or_sniffed_elsewhere(client):
    answer = client.get("/endpoint")
    assert (answer.headers["X-Frame-Options"], answer.headers["X-Content-Type-Options"]) == ("SAMEORIGIN", "nosniff")
