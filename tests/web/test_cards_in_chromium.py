"""A hostile card in a real browser: it does nothing, loads nothing from elsewhere, and fits every screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import browser, page  # noqa: F401 - fixtures
from tests.web.test_readme import HOSTILE

CARD = "---\nlicense: mit\nbase_model: far/away\n---\n# Card\n\n" + "\n\n".join(HOSTILE)
MORE = """

![badge](https://elsewhere.example/badge.svg) <video src="//elsewhere.example/v.mp4"></video>

| a | b | c |
|---|---|---|
| LONG | LONG | LONG |

`LONG`
""".replace("LONG", "long" * 60)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_hostile_card_neither_runs_nor_loads_nor_overflows(api, hub, page: Page, width: int) -> None:  # noqa: F811
    api.create_repo("ann/hostile", exist_ok=True)
    api.upload_file(path_or_fileobj=(CARD + MORE).encode(), path_in_repo="README.md", repo_id="ann/hostile")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{hub.url}/ann/hostile")
    assert page.get_by_role("heading", name="Card").is_visible()
    assert not [url for url in asked if not url.startswith(hub.url)]
    assert not [text for text in said if "404" not in text]  # a card may show an image that its repo does not have
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Use this model").click()
    assert page.url.endswith("#use")
