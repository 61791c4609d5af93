"""What a gateway counts of what really happened to requests."""

from __future__ import annotations

import asyncio

from spaces_runtime.domain.settings import GatewaySettings
from tests.gateway.test_hold import BROWSER, asleep
from tests.gateway.world import HOST, route, until


def counted(here, name, *labels):
    """A counter or gauge, or how many a histogram has."""
    found = next(source.read() for source in here.figures if source.read().name == f"spaces_gateway_{name}")
    if found.kind == "histogram":
        return sum(sum(spread.counts) for spread in found.spreads if spread.labels == labels)
    return dict(found.values).get(labels, 0)


def test_requests_are_counted_by_way_and_status_and_while_they_are_under_way(within):
    async def story(here):
        await here.awake()
        one = await here.talk()
        await one.send("GET", "/", {"Host": HOST})
        assert (await one.answer()).status == 200
        await one.send("GET", "/api/x", {"Host": f"localhost:{here.port}"})
        hub = (await one.answer()).status
        assert counted(here, "requests", "app", "200") == counted(here, "upstream_seconds", "app") == 1
        assert counted(here, "requests", "hub", str(hub)) == 1
        assert (counted(here, "connections"), counted(here, "in_flight")) == (1, 0)
        odd = await here.talk()
        odd.writer.write(b"no request at all\r\n\r\n")
        await until(lambda: counted(here, "unreadable", "400") == 1)

    within(story)


def test_who_is_held_is_counted_with_the_time_it_took_and_who_is_turned_away_with_the_reason(within):
    async def story(here):
        await asleep(here)
        one, browser = await here.talk(), await here.talk()
        await one.send("GET", "/config", {"Host": HOST})
        await browser.send("GET", "/", {"Host": HOST, **BROWSER})
        assert (await browser.answer()).status == 503
        await until(lambda: counted(here, "in_flight") == 1)
        assert (counted(here, "held"), counted(here, "refused", "waiting page")) == (2, 1)
        assert counted(here, "waiting") == 1
        await here.app()
        await here.open()
        assert (await one.answer()).status == 200
        assert counted(here, "held_seconds") == 1
        assert counted(here, "waiting") == 0
        gone = await here.talk()
        await asleep(here)
        await until(here.quiet)
        await gone.send("GET", "/config", {"Host": HOST})
        await until(lambda: counted(here, "in_flight") == 1)
        gone.writer.close()
        await until(lambda: counted(here, "requests", "app", "left") == 1)
        assert counted(here, "in_flight") == 0

    within(story, GatewaySettings(page_after=0.05))


def test_what_a_space_waits_for_is_on_its_waiting_page_and_in_the_answer_to_a_program(within):
    async def story(here):
        await asleep(here, waits="Waiting for a place: number 3 in the queue.")
        browser, program = await here.talk(), await here.talk()
        await program.send("GET", "/config", {"Host": HOST})
        await browser.send("GET", "/", {"Host": HOST, **BROWSER})
        page = await browser.answer()
        assert b"number 3 in the queue" in page.body
        stream = await here.talk()
        await stream.send("GET", "/.spaces/wait", {"Host": HOST})
        await stream.reader.readuntil(b"number 3 in the queue")
        await here.publish(route(waits="Waiting for a place: number 2 in the queue."))
        async with asyncio.timeout(5):
            await stream.reader.readuntil(b"number 2 in the queue")
        late = await program.answer()
        assert late.status == 503
        assert b"number 2 in the queue" in late.body

    within(story, GatewaySettings(page_after=0.05, hold=1.5))
