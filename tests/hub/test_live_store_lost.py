"""Without the live store the hub goes on: what is durable is kept, and what is not known is said to be so."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.repo import Kind
from spaces_runtime.wiring.desk import desk
from tests.hub.conftest import account, prepared, settings
from tests.hub.serving import serving


def test_settings_are_kept_and_stages_shown_while_the_live_store_is_away(tmp_path: Path):
    layout = Layout(tmp_path)
    with prepared(layout) as valkey, serving(desk(settings(layout))) as hub:
        ann = account(hub, "ann")
        new = NewRepo(kind=Kind.SPACE, namespace="ann", name="x", sdk="gradio")
        hub.do(lambda desk: create_repo(desk, ann.person, new, time.time()))
        valkey.kill()
        valkey.wait(10)
        headers = {"Authorization": f"Bearer {ann.write}"}
        with httpx.Client(base_url=hub.url + "/api/spaces/ann/x/", headers=headers, timeout=20) as client:
            assert client.post("secrets", json={"key": "A", "value": "1"}).status_code == 200
            assert set(client.get("secrets").json()) == {"A"}
            assert client.post("pause").json()["stage"] == "PAUSED"
            runtime = client.get("runtime")
            assert runtime.status_code == 200
            assert "the scheduler has not told" in runtime.json()["why"]
