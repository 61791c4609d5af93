"""Run and build logs through the unmodified client."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from spaces_runtime.domain.logs import Source

HF = Path(sys.executable).with_name("hf")


@pytest.fixture
def space(hub, make):
    """A Space repo, and how to write its logs."""
    repo = make()
    found = hub.do(lambda desk: desk.spaces.of_repo(repo.id)).space

    def write(text: str, source: Source = Source.RUN) -> None:
        hub.do(lambda desk: desk.logs.append(found, source, text))

    return repo.full, write


def test_the_kept_history_comes_at_once_and_in_order(api: HfApi, space):
    repo, write = space
    write("one\ntwo\n\nüñí \u2028 four")
    api.pause_space(repo)
    begun = time.monotonic()
    assert list(api.fetch_space_logs(repo)) == ["one\n", "two\n", "\n", "üñí \n", " four\n"]
    assert time.monotonic() - begun < 3  # paused: nothing can come, so the stream ends; else the client waits 5 s


def test_the_build_log_is_its_own_and_ends_when_no_build_is_under_way(api: HfApi, space):
    repo, write = space
    write("Resolved 12 packages", Source.BUILD)
    write("app says hello")
    begun = time.monotonic()
    assert list(api.fetch_space_logs(repo, build=True)) == ["Resolved 12 packages\n"]
    assert time.monotonic() - begun < 3


def test_a_log_that_nobody_wrote_is_empty(api: HfApi, space):
    repo, _ = space
    api.pause_space(repo)
    assert list(api.fetch_space_logs(repo)) == []


def test_followers_get_lines_as_they_are_written(api: HfApi, space):
    repo, write = space
    api.restart_space(repo)
    write("before")
    seen: list[str] = []
    got_first, got_second = threading.Event(), threading.Event()

    def follow() -> None:
        for line in api.fetch_space_logs(repo, follow=True):
            seen.append(line)
            (got_first if len(seen) == 1 else got_second).set()
            if len(seen) == 2:
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert got_first.wait(10)
    write("after")
    assert got_second.wait(10)
    thread.join(10)
    assert seen == ["before\n", "after\n"]


def test_the_command_line_prints_them(home, space, api):
    repo, write = space
    write("from the app")
    api.pause_space(repo)
    done = subprocess.run(
        [HF, "spaces", "logs", repo], env=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "from the app"), done.stderr


def test_only_the_newest_lines_when_so_asked(client, space, ann, api):
    repo, write = space
    write("one\ntwo\nthree")
    api.pause_space(repo)
    headers = {"Authorization": f"Bearer {ann.write}"}
    text = client.get(f"/api/spaces/{repo}/logs/run?tail=2", headers=headers).text
    assert [line.count('"two') + 2 * line.count('"three') for line in text.split("\n\n") if line] == [1, 2]


def test_the_date_is_true_and_nothing_keeps_the_stream_back(client, space, ann, api):
    repo, write = space
    write("x")
    api.pause_space(repo)
    headers = {"Authorization": f"Bearer {ann.write}"}
    answer = client.get(f"/api/spaces/{repo}/logs/run", headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert len(answer.headers.get_list("date")) == 1
    sent = time.mktime(time.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(sent - time.time()) < 3
    assert answer.headers["cache-control"] == "no-store"
    assert "content-encoding" not in answer.headers


def test_a_page_that_follows_is_not_sent_away(hub, client, space, ann, api):
    """Its EventSource would come back every three seconds and replay all of it."""
    repo, write = space
    write("x")
    api.pause_space(repo)
    headers = {"Authorization": f"Bearer {ann.write}", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    with client.stream("GET", f"/api/spaces/{repo}/logs/run", headers=headers, timeout=1.5) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: {")
        with pytest.raises(Exception, match="timed out"):
            list(lines)


def test_logs_are_for_those_who_may_write(hub, bob, space):
    with pytest.raises(HfHubHTTPError, match="not its owner"):
        list(HfApi(endpoint=hub.url, token=bob.write).fetch_space_logs(space[0]))


def test_the_stream_of_stages_tells_each_change_once(client, space, api, ann):
    repo, _ = space
    with client.stream("GET", f"/api/spaces/{repo}/events") as answer:
        events = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {"))
        assert next(events)["stage"] == "NO_APP_FILE"
        api.pause_space(repo)
        assert next(events)["stage"] == "PAUSED"


def test_all_streams_of_a_space_end_when_it_is_deleted(client, space, api, ann):
    repo, write = space
    write("x")
    headers = {"Authorization": f"Bearer {ann.write}"}
    with (
        client.stream("GET", f"/api/spaces/{repo}/logs/run", headers=headers) as log,
        client.stream("GET", f"/api/spaces/{repo}/events", headers=headers) as stages,
    ):
        api.delete_repo(repo, repo_type="space")
        assert list(log.iter_lines())
        assert list(stages.iter_lines())


def test_silence_in_the_stream_of_stages_is_filled_too(client, space, monkeypatch):
    monkeypatch.setattr("spaces_runtime.hub.logs.LOOK", 0.05)
    monkeypatch.setattr("spaces_runtime.hub.logs.KEEP_ALIVE", 0.1)
    with client.stream("GET", f"/api/spaces/{space[0]}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: {")
        assert [next(lines) for _ in range(3)] == ["", "data:", ""]
