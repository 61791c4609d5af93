"""`make screenshots`: the pictures of README and docs, taken in real Chromium from a running `make demo`."""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.platform import ROOT, spaces

IMAGES = ROOT / "docs" / "images"
SPACE = "demo/movie-genres"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PERSON = f"mara-{secrets.token_hex(2)}"  # of this run alone: nobody knows an earlier one's password


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT / "demo-data", help="the data folder of the running demo")
    data = parser.parse_args().data
    hub = json.loads(spaces(data, "space", "show", SPACE, "--json"))["url"].replace("demo-movie-genres.", "")
    password = secrets.token_urlsafe()
    spaces(data, "user", "add", PERSON, "--admin", "--password-stdin", stdin=password + "\n")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for scheme in ("light", "dark"):
            _all(_person(browser, scheme), hub, password, scheme)
        browser.close()


def _person(browser: Browser, scheme: str) -> Page:
    size = {"width": 1280, "height": 900}
    page = browser.new_page(viewport=size, color_scheme="dark" if scheme == "dark" else "light", device_scale_factor=1)
    page.set_default_timeout(120_000)
    return page


def _all(page: Page, hub: str, password: str, scheme: str) -> None:
    page.goto(f"{hub}/login")
    page.get_by_label("User name").fill(PERSON)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{hub}/")
    _shot(page, f"spaces-{scheme}")
    page.goto(f"{hub}/spaces/{SPACE}")
    page.frame_locator("iframe.frame").locator(
        ".vega-embed svg, .vega-embed canvas, [class*=plot] canvas, [class*=vega] svg"
    ).first.wait_for()
    _shot(page, f"movie-genres-{scheme}")
    page.goto(f"{hub}/spaces/{SPACE}/logs")
    page.wait_for_timeout(1000)  # the logs' streams
    _shot(page, f"logs-{scheme}")
    page.goto(f"{hub}/new-space")
    _shot(page, f"create-{scheme}")


def _shot(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
