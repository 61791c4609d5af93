"""Each request goes where it belongs, with the headers that are true."""

from __future__ import annotations

import json

from spaces_runtime.domain.route import Face
from tests.gateway.world import HOST, route, until


def test_a_request_reaches_the_app_and_its_answer_comes_back(within):
    async def story(here):
        app = await here.awake()
        answer = await here.get("/a?b=c%20d")
        assert answer.status == 200
        assert json.loads(answer.body)["app"] == app.name
        assert app.seen[-1].line == "GET /a?b=c%20d HTTP/1.1"

    within(story)


def test_a_host_that_a_space_had_before_leads_to_its_present_one(within):
    old = "ann-old.localhost"

    async def story(here):
        async def answers(status):
            return (await here.get("/a", host=old)).status == status

        app = await here.awake()
        await here.publish(route(host="ann-new.localhost:7800", moved=True), host=old)
        await until(lambda: answers(307))
        for method in ("GET", "POST"):
            answer = await here.get("/a?b=c%20d", host=old, method=method)
            assert (answer.status, answer.get("location")) == (307, "http://ann-new.localhost:7800/a?b=c%20d")
        assert not [seen for seen in app.seen if " /a" in seen.line]
        await here.publish(route(host="ann-new.localhost:7800", moved=True, private=True), host=old)
        await until(lambda: answers(404))  # a stranger does not learn the new name

    within(story)


def test_the_app_is_told_who_asked_and_under_which_name(within):
    async def story(here):
        app = await here.awake()
        await here.get("/", host=f"{HOST}:{here.port}")
        seen = app.seen[-1]
        assert seen.get("host") == seen.get("x-forwarded-host") == f"{HOST}:{here.port}"
        assert seen.get("x-forwarded-for") == "127.0.0.1"
        assert seen.get("x-forwarded-proto") == "http"

    within(story)


def test_forged_and_hop_by_hop_headers_do_not_reach_the_app(within):
    async def story(here):
        app = await here.awake()
        forged = {
            "X_Forwarded_For": "6.6.6.6", "X_Forwarded_Host": "evil", "X_Forwarded_Proto": "https",
            "X_Forwarded_Prefix": "/x", "Forwarded": "for=6", "X_IP_Token": "t", "X_Spaces_Blob": "b", "X_Real_IP": "6",
            "Connection": "X-Secret", "X_Secret": "1", "TE": "trailers", "Keep_Alive": "9", "Proxy_Authorization": "p",
        }  # fmt: skip
        await here.get("/", **forged)
        names = app.seen[-1].names()
        assert app.seen[-1].get("x-forwarded-for") == "127.0.0.1"
        assert app.seen[-1].get("x-forwarded-host") == HOST
        assert names.count("x-forwarded-for") == names.count("x-forwarded-host") == 1
        gone = {"forwarded", "x-ip-token", "x-spaces-blob", "x-real-ip", "x-secret", "te", "keep-alive"}
        assert not gone & set(names)
        assert not {"proxy-authorization", "x-forwarded-prefix", "connection"} & set(names)

    within(story)


def test_the_visitors_hub_credentials_never_reach_the_app(within):
    async def story(here):
        app = await here.awake()
        cookies = "a=1; spaces-session=s; __Host-spaces-visitor=v; b=2"
        await here.get(
            "/?x=1&__sign=p.q&y", Authorization="Bearer hf_abc", X_HF_Authorization="Bearer hf_abc", Cookie=cookies
        )
        seen = app.seen[-1]
        assert seen.line == "GET /?x=1&y HTTP/1.1"
        assert seen.get("cookie") == "a=1; b=2"
        assert seen.get("authorization") is None
        assert seen.get("x-hf-authorization") is None

    within(story)


def test_an_apps_own_authorization_passes_untouched(within):
    async def story(here):
        app = await here.awake()
        await here.get("/", Authorization="Bearer sk-own")
        assert app.seen[-1].get("authorization") == "Bearer sk-own"
        await here.get("/", Authorization="Basic dTpw")
        assert app.seen[-1].get("authorization") == "Basic dTpw"

    within(story)


def test_a_hub_token_in_basic_is_ours_too(within):
    async def story(here):
        app = await here.awake()
        await here.get("/", Authorization="Basic dTpoZl94")  # u:hf_x
        assert app.seen[-1].get("authorization") is None

    within(story)


def test_an_apps_cookies_stay_on_its_host_and_work_in_a_frame(within):
    async def story(here):
        app = await here.awake()
        app.answers["/c"] = (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=.localhost; Path=/\r\n"
            b"Set-Cookie: b=2; Secure; SameSite=None\r\nSet-Cookie: spaces-visitor=stolen\r\nContent-Length: 0\r\n\r\n"
        )
        answer = await here.get("/c")
        assert answer.all("set-cookie") == ["a=1; Path=/", "b=2; Secure; SameSite=None; Partitioned"]

    within(story)


def test_answers_name_the_spaces_page_and_carry_the_authors_headers(within):
    async def story(here):
        app = await here.awake(headers=(("Cross-Origin-Opener-Policy", "same-origin"),), frameable=False)
        app.answers["/h"] = b"HTTP/1.1 200 OK\r\nCross-Origin-Opener-Policy: unsafe-none\r\nContent-Length: 0\r\n\r\n"
        answer = await here.get("/h")
        assert answer.get("link") == '<http://localhost:7800/spaces/ann/hello>; rel="canonical"'
        assert answer.all("cross-origin-opener-policy") == ["same-origin"]
        assert answer.get("content-security-policy") == f"frame-ancestors 'self' http://localhost:{here.port}"

    within(story)


def test_an_unknown_host_is_told_that_nothing_is_there(within):
    async def story(here):
        answer = await here.get("/", host="nobody.localhost", Accept="text/html")
        assert answer.status == 404
        assert b"There is no Space at this address." in answer.body

    within(story)


def test_the_hub_is_reached_by_every_name_of_this_machine(within):
    async def story(here):
        for host in ("localhost", "LOCALHOST:7800", "127.0.0.1:1", "[::1]:7800"):
            answer = await here.get("/api/x", host=host, Authorization="Bearer hf_a", Cookie="spaces-session=s")
            assert json.loads(answer.body)["app"] == "hub"
        seen = here.hub.seen[-1]
        assert seen.get("authorization") == "Bearer hf_a"
        assert seen.get("cookie") == "spaces-session=s"
        assert seen.get("x-forwarded-host") == "[::1]:7800"

    within(story)


def test_a_public_hub_is_reached_by_its_name_and_told_the_scheme(within):
    async def story(here):
        await here.get("/", host="hub.example.org")
        assert here.hub.seen[-1].get("x-forwarded-proto") == "https"

    within(story, public_url="https://hub.example.org", domain="spaces.example.net")


def test_the_hubs_inside_is_refused_however_it_is_written(within):
    async def story(here):
        for path in (
            "/internal/visitor",
            "/%69nternal/x",
            "//internal/x",
            "/a/../internal/x",
            "/./internal",
            "/INTERNAL/a",
        ):
            assert (await here.get(path, host="localhost")).status == 404, path
        assert here.hub.seen == []
        assert (await here.get("/internally", host="localhost")).status == 200

    within(story)


def test_a_loopback_address_of_its_own_is_a_host_like_any_other(within):
    async def story(here):
        app = await here.awake()
        await here.routes.publish("127.1.0.1", route(face=Face(title="x")))
        await here.known("127.1.0.1")
        assert (await here.get("/", host=f"127.1.0.1:{here.port}")).status == 200
        assert app.seen[-1].get("host") == f"127.1.0.1:{here.port}"

    within(story)


def test_a_front_proxy_that_is_trusted_says_who_the_visitor_is(within):
    from spaces_runtime.domain.settings import GatewaySettings

    async def story(here):
        app = await here.awake()
        await here.get("/", X_Forwarded_For="1.1.1.1, 203.0.113.9")
        assert app.seen[-1].get("x-forwarded-for") == "203.0.113.9"

    within(story, GatewaySettings(trusted=("127.0.0.1",)))
