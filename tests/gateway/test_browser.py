"""What only a real browser decides: cookies in frames, who counts as asking, and the waiting page's own script."""

from __future__ import annotations

import asyncio
import shutil
import time

import pytest
from playwright.async_api import async_playwright

from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.ids import InstanceId, SpaceId, UserId
from spaces_runtime.domain.signing import Visit, sign
from spaces_runtime.domain.stage import Stage
from tests.gateway.world import HOST, KEY, ONE, SPACE, route, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
PAGE = b"""<!doctype html><title>App</title><p id=told>loading</p><script>
fetch("/echo").then(a => a.status).then(s => told.textContent = "own call " + s)
</script>"""
SPY = b"""<!doctype html><title>Spy</title><p id=told>loading</p><script>
fetch("http://%b/echo", {credentials: "include"})
  .then(a => a.status, () => "refused").then(s => told.textContent = "foreign call " + s)
</script>"""


def html(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def in_chromium(within, story):
    async def go(here):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = await browser.new_page()
            page.set_default_timeout(15_000)
            try:
                await story(here, page)
            finally:
                await browser.close()

    within(go)


def test_a_private_space_opens_in_the_hubs_frame_and_a_spy_beside_it_reads_nothing(within):
    async def story(here, page):
        app, spy = await here.app(), await here.app(InstanceId("i2"))
        mine, other = f"{HOST}:{here.port}", f"ben-spy.localhost:{here.port}"
        await here.publish(route(private=True, host=mine))
        await here.publish(route(space=SpaceId("s2"), host=other, instance=InstanceId("i2")), "ben-spy.localhost")
        await here.open()
        await here.open(InstanceId("i2"))
        await here.known("ben-spy.localhost")
        app.answers["/"] = html(PAGE)
        spy.answers["/"] = html(SPY % mine.encode())
        proof = sign(Visit(space=SPACE, user=UserId("u"), expires=time.time() + 60), KEY)
        frames = f'<iframe id=a src="http://{mine}/?x=1&__sign={proof}"></iframe><iframe id=b src="http://{other}/"></iframe>'
        here.hub.answers["/page"] = html(frames.encode())
        await page.goto(f"http://localhost:{here.port}/page")
        first = page.frame_locator("#a").locator("#told")
        await first.get_by_text("own call 200").wait_for()
        assert [seen.line for seen in app.seen if "/?" in seen.line or "/ " in seen.line] == ["GET /?x=1 HTTP/1.1"]
        before = len(app.seen)
        await page.frame_locator("#b").locator("#told").get_by_text("foreign call").wait_for()
        assert await page.frame_locator("#b").locator("#told").text_content() in (
            "foreign call 404", "foreign call refused",
        )  # fmt: skip
        assert len(app.seen) == before
        assert all(seen.get("cookie") is None for seen in app.seen)

    in_chromium(within, story)


def test_the_waiting_page_tells_what_happens_and_turns_into_the_app(within):
    async def story(here, page):
        errors = []
        page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await here.publish(route(host=f"{HOST}:{here.port}"))
        await here.close()
        await here.known()
        await page.goto(f"http://{HOST}:{here.port}/?x=1")
        assert await page.title() == "Waking Hello"
        why = page.get_by_role("status")

        async def told() -> bool:
            moment = StageChanged(space=SPACE, at=time.time(), stage=Stage.APP_STARTING, why="abc1234 is starting.")
            await here.events.publish(moment)
            return await why.text_content() == "abc1234 is starting."

        await until(told)
        app = await here.app()
        app.answers["/"] = html(b"<!doctype html><title>App</title>awake")
        await here.open()
        await page.get_by_text("awake").wait_for()
        assert page.url.endswith("/?x=1")
        assert [error for error in errors if "503" not in error and "favicon" not in error] == []

    in_chromium(within, story)


def test_without_script_the_waiting_page_comes_back_by_itself(within):
    async def story(here, page):
        await here.publish(route(host=f"{HOST}:{here.port}"))
        await here.close()
        await here.known()
        context = await page.context.browser.new_context(java_script_enabled=False)
        plain = await context.new_page()
        await plain.goto(f"http://{HOST}:{here.port}/")
        app = await here.app(ONE)
        app.answers["/"] = html(b"<!doctype html><title>App</title>awake")
        await here.open()
        await asyncio.wait_for(plain.get_by_text("awake").wait_for(), 10)

    in_chromium(within, story)
