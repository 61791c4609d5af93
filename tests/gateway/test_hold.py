"""A sleeping Space: browsers get a page, programs are held, and a gate is quiet only when nobody is inside."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request

import httpx
import pytest

from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.route import Face
from spaces_runtime.domain.settings import GatewaySettings
from spaces_runtime.domain.stage import Stage
from spaces_runtime.gateway.reception import GRACE
from tests.gateway.world import HOST, SPACE, route, until

BROWSER = {"Accept": "text/html,*/*", "Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}
QUICK = GatewaySettings(interim=0.1, hold=1.0)


async def asleep(here, **changes):
    await here.publish(route(**changes))
    await here.close()
    await here.known()


def test_a_program_is_held_with_signs_of_life_until_the_space_answers(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/config", {"Host": HOST})
        await until(lambda: here.asked(1))
        await asyncio.sleep(0.35)
        await here.app()
        await here.open()
        answer = await one.answer()
        assert answer.status == 200
        assert answer.interim >= 3

    within(story, GatewaySettings(interim=0.1))


def test_a_wake_adds_next_to_nothing(within):
    """Gateway, live store and back; the scheduler of this test opens at once."""

    async def story(here):
        app = await here.awake()
        took = []
        for _ in range(15):
            await here.close()
            await until(here.quiet)
            before = await here.wakes_asked()
            one = await here.talk()
            began = time.perf_counter()
            await one.send("GET", "/", {"Host": HOST})
            while await here.wakes_asked() == before:
                await asyncio.sleep(0)
            await here.open()
            await one.answer()
            took.append(time.perf_counter() - began)
            one.close()
        assert sorted(took)[7] < 0.005
        assert len(app.seen) == 15

    within(story)


def test_a_connection_is_made_while_the_space_wakes_and_nothing_is_sent_before_its_door_opens(within):
    async def story(here):
        app = await here.awake()
        await here.close()
        await until(here.quiet)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await until(lambda: app.opened == 1)
        assert app.seen == []
        await here.open()
        assert (await one.answer()).status == 200
        assert (app.opened, len(app.seen)) == (1, 1)

    within(story)


def test_a_connection_made_ahead_that_the_app_gave_up_is_replaced(within):
    async def story(here):
        app = await here.awake()
        await here.close()
        await until(here.quiet)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await until(lambda: app.opened == 1)
        for writer in tuple(app.writers):
            writer.close()
        await here.open()
        assert (await one.answer()).status == 200
        assert len(app.seen) == 1

    within(story)


def test_a_visitor_who_is_quicker_than_the_news_of_a_space_is_not_told_that_there_is_none(within):
    async def story(here):
        await asyncio.sleep(GRACE)  # the gateway has heard of all there was
        coming = asyncio.create_task(here.get("/", host="new.localhost"))
        await asyncio.sleep(0.1)
        await here.publish(route(instance=None, why="It is being built."), "new.localhost")
        answer = await coming
        assert (answer.status, b"It is being built." in answer.body) == (503, True)

    within(story)


def test_many_visitors_ask_for_one_wake(within):
    async def story(here):
        await asleep(here)
        talks = [await here.talk() for _ in range(20)]
        for one in talks:
            await one.send("GET", "/", {"Host": HOST})
        await until(lambda: here.asked(1))
        await here.app()
        await here.open()
        assert [(await one.answer()).status for one in talks] == [200] * 20
        assert await here.wakes_asked() == 1

    within(story)


def test_a_program_that_waited_for_too_long_is_told_why_and_when_to_come_back(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await asyncio.sleep(0.1)  # from its first sign of life on it follows events
        await here.events.publish(
            StageChanged(space=SPACE, at=time.time(), stage=Stage.APP_STARTING, why="Waiting for a place.")
        )
        answer = await one.answer()
        assert answer.status == 503
        assert int(answer.get("retry-after")) > 0
        assert json.loads(answer.body)["error"] == "ann/hello did not answer within 1 s. Waiting for a place."

    within(story, QUICK)


def test_a_body_is_parked_while_its_space_wakes_and_arrives_whole(within):
    async def story(here):
        await asleep(here)
        body = bytes(range(256)) * 40_000  # ten times what is parked
        one = await here.talk()
        sending = asyncio.create_task(one.send("POST", "/gradio_api/upload", {"Host": HOST}, body))
        await sending
        await until(lambda: here.asked(1))
        app = await here.app()
        await here.open()
        assert (await one.answer()).status == 200
        assert app.seen[-1].body == body

    within(story)


def test_a_browser_gets_the_waiting_page_after_a_moment(within):
    async def story(here):
        await asleep(here, face=Face(title="<b>Bird", emoji="🐦", color_from="green", color_to="blue", usual=4.4))
        began = time.perf_counter()
        page = await here.get("/", **BROWSER)
        assert 0.25 < time.perf_counter() - began < 2
        text = page.body.decode()
        assert page.status == 503
        assert len(page.body) < 8192
        assert "Waking &lt;b&gt;Bird" in text
        assert "#3dba83" in text
        assert "usually 4.4 s" in text
        nonce = re.search(r"'nonce-([\w-]+)'", page.get("content-security-policy")).group(1)
        assert text.count(f'nonce="{nonce}"') == 2
        assert "http-equiv" in text
        assert 'style="' not in text

    within(story)


def test_a_browser_gets_the_app_itself_when_that_is_quick(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST, "Accept": "text/html"})
        await until(lambda: here.asked(1))
        await here.app()
        await here.open()
        assert (await one.answer()).status == 200

    within(story)


def test_the_waiting_pages_stream_tells_what_happens_and_when_to_reload(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/.spaces/wait", {"Host": HOST, "Accept": "text/event-stream"})
        await one.head()
        await asyncio.sleep(0.1)  # it follows events from now on; what was before is of no use to it
        await here.events.publish(
            StageChanged(space=SPACE, at=time.time(), stage=Stage.APP_STARTING, why="abc1234 is starting.")
        )
        told = json.loads((await one.data()).removeprefix(b"data: "))
        assert told["why"] == "abc1234 is starting."
        assert told["steps"] == [["abc1234 is starting.", None, "now"]]
        await here.open()
        assert json.loads((await one.data()).removeprefix(b"data: ")) == {"state": "ready"}
        assert await here.wakes_asked() == 0
        assert not await here.touched()

    within(story)


def test_the_waiting_page_learns_that_a_space_cannot_be_woken(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/.spaces/wait", {"Host": HOST, "Accept": "text/event-stream"})
        await one.head()
        await here.publish(route(why="It crashed: out of memory."))
        assert json.loads((await one.data()).removeprefix(b"data: ")) == {
            "state": "ended", "why": "It crashed: out of memory.",
        }  # fmt: skip

    within(story)


def test_a_space_that_cannot_be_woken_says_why_and_is_not_asked_to(within):
    async def story(here):
        await here.publish(route(why="tomas paused it on Monday.", instance=None))
        await here.known_refusal()
        page = await here.get("/", **BROWSER)
        assert page.status == 503
        assert b"tomas paused it on Monday." in page.body
        assert b"http://localhost:7800/spaces/ann/hello" in page.body
        assert json.loads((await here.get("/")).body)["error"] == "tomas paused it on Monday."
        assert await here.wakes_asked() == 0

    within(story)


def test_a_held_request_hears_that_its_space_was_paused(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await until(lambda: here.asked(1))
        await here.publish(route(why="Paused."))
        assert (await one.answer()).status == 503

    within(story)


def test_a_held_request_gets_the_files_of_a_space_that_turns_out_to_be_static(within, tmp_path):
    (tmp_path / "index.html").write_text("<h1>Hi</h1>")

    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await until(lambda: here.asked(1))
        await here.publish(route(instance=None, files=str(tmp_path), index="index.html"))
        assert (await one.answer()).body == b"<h1>Hi</h1>"

    within(story)


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/event-stream", "Last_Event_ID": "1"},
        {"Accept": "text/event-stream", "Sec_Fetch_Site": "same-origin"},
    ],
)
def test_a_browsers_stream_that_reconnects_wakes_nothing(within, headers):
    async def story(here):
        await asleep(here)
        assert (await here.get("/events", **headers)).status == 503
        assert await here.wakes_asked() == 0

    within(story, QUICK)


def test_a_client_that_leaves_while_held_leaves_nothing_behind(within):
    async def story(here):
        await asleep(here)
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await until(lambda: here.asked(1))
        one.close()
        app = await here.app()
        await here.open()
        assert (await here.get("/second")).status == 200
        assert [seen.line for seen in app.seen] == ["GET /second HTTP/1.1"]

    within(story)


def test_unmodified_clients_wait_longer_than_their_patience(within):
    """httpx and urllib with a read timeout of one second, a Space that takes three."""

    def ask_httpx(port: int) -> int:
        with httpx.Client(timeout=1.0) as client:
            return client.get(f"http://127.0.0.1:{port}/config", headers={"Host": HOST}).status_code

    def ask_urllib(port: int) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/config", headers={"Host": HOST})
        with urllib.request.urlopen(request, timeout=1.0) as answer:
            return answer.status

    async def story(here):
        await asleep(here)
        asking = [asyncio.to_thread(ask, here.port) for ask in (ask_httpx, ask_urllib)]
        waiting = asyncio.gather(*asking)
        await until(lambda: here.asked(1))
        await asyncio.sleep(3)
        await here.app()
        await here.open()
        assert await waiting == [200, 200]

    within(story, GatewaySettings(interim=0.3))


def test_a_closing_gate_is_quiet_only_when_the_last_one_has_left(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        await one.send("GET", "/wait", {"Host": HOST})
        await until(lambda: len(app.seen) == 1)
        await here.close()
        two = await here.talk()
        await two.send("GET", "/held", {"Host": HOST})
        await until(lambda: here.asked(1))
        assert not await here.quiet()
        assert len(app.seen) == 1
        app.released.set()
        assert (await one.answer()).body == b"done"
        await until(here.quiet)
        assert not app.writers  # idle connections of the pool were closed first
        await here.open()
        assert (await two.answer()).status == 200

    within(story)


def test_an_order_that_changes_its_mind_is_answered_for_its_last_word(within):
    async def story(here):
        app = await here.awake()
        one = await here.talk()
        for _ in range(5):
            await here.close()
            await here.open()
        await one.send("GET", "/wait", {"Host": HOST})
        await until(lambda: len(app.seen) == 1)
        await here.close()
        await asyncio.sleep(0.3)
        assert not await here.quiet()

    within(story)


def test_who_is_inside_is_cut_when_time_is_over(within):
    async def story(here):
        app = await here.awake()
        one, two = await here.talk(), await here.talk()
        await one.send("GET", "/wait", {"Host": HOST})
        await two.send("GET", "/sse", {"Host": HOST})
        await two.head()
        await until(lambda: len(app.seen) == 2)
        await here.close(within=0.3)
        answer = await one.answer()
        assert answer.status == 503
        assert b"replaced or stopped" in answer.body
        await asyncio.wait_for(app.gone.wait(), 1)
        await until(here.quiet)

    within(story)


def test_an_instance_that_takes_no_connection_is_tried_again(within):
    async def story(here):
        await here.publish()
        await here.open()
        await here.known()
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await asyncio.sleep(0.25)
        await here.app()
        assert (await one.answer()).status == 200

    within(story)


def test_visitors_move_over_when_a_new_instance_is_routed(within):
    async def story(here):
        old = await here.awake()
        new = await here.app(InstanceId("i2"))
        await here.open(InstanceId("i2"))
        await here.publish(route(instance=InstanceId("i2")))
        await until(lambda: here.reaches("i2"))
        await here.close()
        await until(here.quiet)
        assert not old.writers
        assert new.seen

    within(story)


def test_a_hub_that_restarts_costs_a_pause_not_an_error(within):
    async def story(here):
        path = here.hub_socket
        path.rename(path.with_suffix(".away"))
        one = await here.talk()
        await one.send("GET", "/api/x", {"Host": "localhost"})
        await asyncio.sleep(0.3)
        path.with_suffix(".away").rename(path)
        assert (await one.answer()).status == 200

    within(story)


def test_running_spaces_are_served_while_the_live_store_is_away(within):
    async def story(here):
        await here.awake()
        await here.live.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await here.live.call("CLIENT", "KILL", "TYPE", "pubsub")
        await here.live.call("FLUSHALL")
        assert (await here.get("/")).status == 200

    within(story)


def test_a_request_that_comes_before_the_routes_is_served_when_they_are_there(within):
    async def story(here):
        app = await here.app()
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        await here.publish()
        await here.open()
        assert (await one.answer()).status == 200
        assert app.seen

    within(story)
