"""Private Spaces: three doors, one check; to a stranger they are not there."""

from __future__ import annotations

import time

from spaces_runtime.domain.ids import SpaceId, UserId
from spaces_runtime.domain.signing import Use, Visit, sign
from tests.gateway.world import HOST, KEY, SPACE, route, until

OWN = {"Sec_Fetch_Site": "same-origin"}
PAGE = {"Accept": "text/html", "Sec_Fetch_Dest": "iframe", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Site": "same-site"}


def proof(use: Use = Use.LINK, *, space: SpaceId = SPACE, seconds: float = 60, key: bytes = KEY) -> str:
    return sign(Visit(space=space, user=UserId("u1"), expires=time.time() + seconds, use=use), key)


def cookie(**told) -> str:
    return "a=1; spaces-visitor=" + proof(Use.COOKIE, **told)


async def private(here):
    app = await here.app()
    here.allowed.add("hf_good")
    await here.publish(route(private=True))
    await here.open()
    await until(lambda: here.reached({"Authorization": "Bearer hf_good"}))
    app.seen.clear()
    return app


def test_a_stranger_is_told_what_one_is_told_of_a_space_that_is_not_there(within):
    async def story(here):
        app = await private(here)
        told = await here.get("/")
        there_is_none = await here.get("/", host="nobody.localhost", **PAGE)
        assert (told.status, app.seen) == (404, [])
        assert there_is_none.body == (await here.get("/", **PAGE)).body
        assert told.get("link") is None

    within(story)


def test_a_token_opens_as_authorization_and_as_x_hf_authorization_and_is_not_passed_on(within):
    async def story(here):
        app = await private(here)
        assert (await here.get("/", Authorization="Bearer hf_good")).status == 200
        assert (await here.get("/", X_HF_Authorization="Bearer hf_good")).status == 200
        both = await here.get("/", X_HF_Authorization="Bearer hf_good", Authorization="Bearer sk-the-apps-own")
        assert both.status == 200
        assert app.seen[-1].get("authorization") == "Bearer sk-the-apps-own"
        assert (await here.get("/", Authorization="Bearer hf_bad")).status == 404
        assert (await here.get("/", Authorization="Bearer sk-the-apps-own")).status == 404
        assert [seen.get("authorization") for seen in app.seen] == [None, None, "Bearer sk-the-apps-own"]

    within(story)


def test_the_hub_is_asked_about_the_space_and_its_answer_counts_for_a_second(within):
    async def story(here):
        await private(here)
        before = len(here.hub.seen)
        for _ in range(5):
            await here.get("/", Authorization="Bearer hf_good")
        assert len(here.hub.seen) - before <= 1
        assert here.hub.seen[-1].line == "GET /internal/visitor?space=s1 HTTP/1.1"
        here.allowed.clear()
        await until(lambda: here.refused({"Authorization": "Bearer hf_good"}), 5)

    within(story)


def test_a_link_sets_a_cookie_for_this_host_and_goes_on_without_its_proof(within):
    async def story(here):
        app = await private(here)
        hop = await here.get(f"/a?x=1&__sign={proof()}&y=%3C/script%3E", **PAGE)
        assert hop.status == 200
        assert app.seen == []
        (made,) = hop.all("set-cookie")
        assert made.startswith("spaces-visitor=")
        assert made.endswith("; HttpOnly; Secure; SameSite=None; Partitioned")
        text = hop.body.decode()
        assert 'location.replace("/a?x=1&y=%3C/script%3E" + location.hash)' in text
        assert hop.get("content-security-policy").endswith(f"frame-ancestors 'self' http://localhost:{here.port}")
        pair = made.partition(";")[0]
        assert (await here.get("/a?x=1", Cookie=pair, **(PAGE | OWN))).status == 200
        assert app.seen[-1].get("cookie") is None

    within(story)


def test_a_link_leads_nowhere_else(within):
    async def story(here):
        await private(here)
        for path in ("//evil.example/x", "/\\evil.example/x"):
            hop = await here.get(f"{path}?__sign={proof()}", **PAGE)
            assert b'location.replace("/evil.example/x" +' in hop.body
            assert hop.get("referrer-policy") == "no-referrer"

    within(story)


def test_a_proof_in_the_referer_does_not_reach_the_app(within):
    async def story(here):
        app = await private(here)
        await here.get("/", Authorization="Bearer hf_good", Referer=f"http://{HOST}/?a=1&__sign={proof()}")
        assert app.seen[-1].get("referer") == f"http://{HOST}/?a=1"

    within(story)


def test_a_link_counts_for_calls_too_as_gradios_page_makes_them(within):
    async def story(here):
        app = await private(here)
        assert (
            await here.get(f"/queue/data?__sign={proof()}&session_hash=x", Accept="text/event-stream")
        ).status == 200
        assert app.seen[-1].line == "GET /queue/data?session_hash=x HTTP/1.1"

    within(story)


def test_a_proof_that_is_forged_old_of_another_space_or_use_opens_nothing(within):
    async def story(here):
        app = await private(here)
        bad = [
            proof(key=b"x" * 32), proof(seconds=-1), proof(space=SpaceId("s2")), proof(Use.COOKIE), "a.b", "",
        ]  # fmt: skip
        for one in bad:
            assert (await here.get(f"/?__sign={one}")).status == 404
        for one in (cookie(space=SpaceId("s2")), cookie(seconds=-1), "spaces-visitor=" + proof(Use.LINK)):
            assert (await here.get("/", Cookie=one, **OWN)).status == 404
        assert app.seen == []

    within(story)


def test_a_cookie_proves_nothing_unless_the_spaces_own_page_asks(within):
    """Two Spaces framed side by side must not read each other as the visitor."""

    async def story(here):
        app = await private(here)
        mine = cookie()
        own = f"http://{HOST}"
        assert (await here.get("/", Cookie=mine)).status == 404
        assert (await here.get("/", Cookie=mine, Sec_Fetch_Site="same-site")).status == 404
        assert (await here.get("/", Cookie=mine, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")).status == 404
        assert (await here.get("/", Cookie=mine, Origin="http://ben-spy.localhost")).status == 404
        assert (await here.get("/", Cookie=mine, Origin=own, Sec_Fetch_Site="cross-site")).status == 404
        assert (await here.get("/", Cookie=mine, Origin="null")).status == 404
        assert app.seen == []
        assert (await here.get("/", Cookie=mine, **OWN)).status == 200
        assert (await here.get("/", Cookie=mine, Origin=own)).status == 200
        typed = {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}
        assert (await here.get("/", Cookie=mine, **typed)).status == 200
        assert (await here.get("/", method="POST", Cookie=mine, **typed)).status == 404

    within(story)


def test_other_sites_may_call_with_a_token_and_the_apps_own_cors_is_dropped(within):
    async def story(here):
        app = await private(here)
        app.answers["/c"] = (
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: http://evil\r\n"
            b"Access-Control-Allow-Credentials: true\r\nContent-Length: 0\r\n\r\n"
        )
        answer = await here.get("/c", Authorization="Bearer hf_good", Origin="http://other.example")
        assert answer.all("access-control-allow-origin") == ["*"]
        assert answer.get("access-control-allow-credentials") is None
        asks = {
            "Origin": "http://x",
            "Access_Control_Request_Method": "POST",
            "Access_Control_Request_Headers": "authorization",
        }
        told = await here.get("/c", method="OPTIONS", **asks)
        assert (told.status, told.get("access-control-allow-headers")) == (204, "authorization")
        nobody = await here.get("/c", method="OPTIONS", host="nobody.localhost", **asks)
        assert (nobody.status, nobody.headers) == (told.status, told.headers)

    within(story)


def test_a_private_space_is_framed_by_the_hub_alone(within):
    async def story(here):
        await private(here)
        answer = await here.get("/", Authorization="Bearer hf_good")
        assert answer.get("content-security-policy") == f"frame-ancestors 'self' http://localhost:{here.port}"

    within(story)


def test_on_https_the_cookie_is_bound_to_its_host(within):
    async def story(here):
        await here.publish(route(private=True))
        await until(lambda: here._answers(404))
        await until(lambda: here.hops(f"/?__sign={proof()}", PAGE))
        hop = await here.get(f"/?__sign={proof()}", **PAGE)
        assert hop.get("set-cookie").startswith("__Host-spaces-visitor=")

    within(story, public_url="https://hub.example.org", domain="spaces.example.net")


def test_a_sleeping_private_space_is_not_woken_by_strangers(within):
    async def story(here):
        await private(here)
        await here.close()
        await until(here.quiet)
        before = await here.wakes_asked()  # by those who may, before its door was open
        assert (await here.get("/")).status == 404
        assert (await here.get("/.spaces/wait")).status == 404
        assert await here.wakes_asked() == before

    within(story)


def test_without_the_hub_tokens_cannot_be_checked_and_that_is_said(within):
    async def story(here):
        await private(here)
        here.hub_socket.rename(here.hub_socket.with_suffix(".away"))
        answer = await here.get("/", Authorization="Bearer hf_other")
        assert answer.status == 503
        assert b"checks tokens" in answer.body

    within(story)
