"""One person's way in a real browser: sign in, create a Space, use it, see it sleep, wake it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from bench.kernel import is_asleep
from bench.platform import Platform

PASSWORD = "benchmarks"


def sign_in(page: Page, running: Platform) -> None:
    page.goto(f"http://localhost:{running.port}/login")
    page.get_by_label("User name").fill("bench")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"http://localhost:{running.port}/")


def test_a_person_signs_in_creates_a_space_uses_it_and_wakes_it(page: Page, running: Platform):
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    sign_in(page, running)

    page.get_by_role("link", name="New").first.click()
    page.get_by_label("Space name").fill("journey")
    page.get_by_role("button", name="Create Space").click()
    page.wait_for_url("**/spaces/bench/journey")
    expect(page.locator("iframe.frame")).to_be_visible(timeout=120_000)

    app = page.frame_locator("iframe.frame")
    app.get_by_label("Name").fill("Ada")
    app.get_by_role("button", name="Submit").click()
    expect(app.get_by_label("Greeting")).to_have_value("Hello, Ada.")
    expect(page.get_by_role("status").first).to_contain_text("Running")

    page.get_by_role("link", name="Logs").click()
    expect(page.get_by_role("region", name="Run log, lines")).to_contain_text("7860")
    page.get_by_role("link", name="Files").click()
    page.get_by_role("link", name="app.py").click()
    expect(page.get_by_role("region", name="app.py, content")).to_contain_text("def greet")

    page.goto("about:blank")
    running.spaces("space", "sleep", "bench/journey", "--rung", "cold")
    assert is_asleep("bench/journey", "cold")
    page.goto(f"http://localhost:{running.port}/")
    expect(page.get_by_role("listitem").filter(has_text="journey")).to_contain_text("Asleep")
    page.goto(f"http://bench-journey.localhost:{running.port}/")
    expect(page.get_by_label("Name")).to_be_visible(timeout=60_000)
    ours = [text for text in errors if "huggingface" not in text and "hf.space" not in text]
    assert not [text for text in ours if f"localhost:{running.port}/static" in text], ours


def test_a_stranger_sees_no_private_space_and_is_asked_to_sign_in_where_that_helps(page: Page, running: Platform):
    running.api("POST", "/api/repos/create", {"name": "hidden", "type": "space", "sdk": "static", "private": True})
    answer = page.goto(f"http://localhost:{running.port}/spaces/bench/hidden")
    assert answer is not None
    assert answer.status in (200, 404)
    expect(page.get_by_role("main")).not_to_contain_text("bench / hidden")
    page.goto(f"http://localhost:{running.port}/")
    expect(page.get_by_role("main")).not_to_contain_text("hidden")


def test_a_wrong_password_is_one_sentence_on_the_same_page(page: Page, running: Platform):
    page.goto(f"http://localhost:{running.port}/login")
    page.get_by_label("User name").fill("bench")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This name and password do not belong together.")


def test_the_pages_fit_a_phone_and_work_in_the_dark(browser, running: Platform):
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        page = context.new_page()
        for path in ("/", "/login", "/models"):
            page.goto(f"http://localhost:{running.port}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        context.close()
