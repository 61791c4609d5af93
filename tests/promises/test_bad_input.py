"""What a person does wrong is said to them in one sentence, where they look; everybody else is served on."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from bench.platform import Platform, commit
from tests.promises.world import GENEROUS, Visitors, Work, app, ask, readme, until

ANOTHER_PORT = app().replace("7860", "5000")
ONLY_LOOPBACK = app().replace("0.0.0.0", "127.0.0.1")
HUNGRY = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * 2**20)\n    time.sleep(0.001)\n"
NO_SUCH = "spaces-no-such-package-exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """stage and words: what its page says. git: what the push says, where it can know already."""

    files: dict[str, str | bytes]
    stage: str
    words: str
    git: str = ""
    hardware: str = ""


BAD = {
    "exits": Bad(
        files={"README.md": readme(), "app.py": "print('no key')\nraise SystemExit(3)\n"},
        stage="RUNTIME_ERROR",
        words='status 3. Its last line: "no key"',
    ),
    "silent": Bad(
        files={"README.md": readme(), "app.py": "pass\n"},
        stage="RUNTIME_ERROR",
        words="It ended without serving: the app has to keep running and answer on port 7860. It printed nothing.",
    ),
    "port": Bad(
        files={"README.md": readme("startup_duration_timeout: 5s"), "app.py": ANOTHER_PORT},
        stage="RUNTIME_ERROR",
        words="It listens on port 5000, not 7860: use 7860",
    ),
    "hungry": Bad(
        files={"README.md": readme(), "app.py": HUNGRY},
        stage="RUNTIME_ERROR",
        words="Out of memory: it may hold 0.188 GiB. Choose hardware with more, or load less.",
        hardware="small",
    ),
    "missing": Bad(
        files={"README.md": readme(), "app.py": app(), "requirements.txt": f"six\n{NO_SUCH}\n"},
        stage="BUILD_ERROR",
        words=f"requirements.txt line 2 asks for {NO_SUCH}, which the package index does not have.",
    ),
    "conflict": Bad(
        files={"README.md": readme("sdk_version: 5.49.1"), "app.py": app(), "requirements.txt": "gradio==4.44.1\n"},
        stage="BUILD_ERROR",
        words="requirements.txt line 1 asks for gradio==4.44.1, README.md line 4 for gradio==5.49.1.",
    ),
    "no-app": Bad(
        files={"README.md": readme(), "main.py": app()},
        stage="NO_APP_FILE",
        words="app.py",
    ),
    "yaml": Bad(
        files={"README.md": "---\ntitle: a: b\nsdk: gradio\n---\n", "app.py": app()},
        stage="CONFIG_ERROR",
        words="README.md line 2",
        git="README.md line 2",
    ),
    "sdk": Bad(
        files={"README.md": readme(sdk="flask"), "app.py": app()},
        stage="CONFIG_ERROR",
        words='README.md line 3: sdk is "flask". Allowed: gradio, docker, static, streamlit.',
        git='README.md line 3: sdk is "flask". Allowed: gradio, docker, static, streamlit.',
    ),
    "no-block": Bad(
        files={"README.md": "# My demo\n", "app.py": app()},
        stage="CONFIG_ERROR",
        words="the block of settings is missing",
        git="the block of settings is missing",
    ),
    "colour": Bad(
        files={"README.md": readme("colorFrom: teal"), "app.py": app()},
        stage="CONFIG_ERROR",
        words='README.md line 4: colorFrom is "teal"',
        git='README.md line 4: colorFrom is "teal"',
    ),
}


@pytest.fixture(autouse=True)
def others_are_served(steady: Work) -> Iterator[None]:
    """Whatever a test does: the steady Space is the same process before and after, and fails nobody."""
    born = steady.visit()["born"]
    with Visitors(steady, count=1, every=0.05) as visitors:
        yield
        visitors.goes_on()
    assert not visitors.failed
    assert {told["born"] for told in visitors.seen} == {born}


limited = pytest.mark.skipif(os.geteuid() != 0, reason="memory is limited only where root started the platform")


@pytest.mark.parametrize("which", [pytest.param(w, marks=limited) if BAD[w].hardware else w for w in BAD])
def test_a_bad_revision_is_explained_in_git_and_on_its_page(here: Platform, which: str) -> None:
    bad, work = BAD[which], Work(here, which)
    if bad.hardware:
        here.api("POST", f"/api/spaces/{work.full}/hardware", {"flavor": bad.hardware})
    said = work.push(bad.files)
    assert bad.git in " ".join(re.sub(r"^remote:", "", line).strip() for line in said.splitlines())
    if bad.git:
        assert "The Space is in CONFIG_ERROR until this is mended." in said or which == "no-block"
    why = work.stage(bad.stage, why=bad.words)
    assert work.runtime()["errorMessage"] == why
    _, page = ask(here, "GET", f"/spaces/{work.full}", Cookie="", Accept="text/html")
    assert why.split(". ")[0] in html.unescape(page.decode())


def test_an_app_on_127_0_0_1_only_works_and_its_log_says_that_this_is_unusual(here: Platform) -> None:
    work = Work(here, "loopback")
    work.push({"README.md": readme(), "app.py": ONLY_LOOPBACK})
    work.tells("hello")
    words = "The app listens on 127.0.0.1:7860 only"
    until(lambda: words in here.spaces("space", "logs", work.full), "its log says so")


def test_a_large_file_without_lfs_is_refused_and_named(here: Platform) -> None:
    work = Work(here, "large")
    work.commit({"README.md": readme(), "app.py": app()})
    with (work.folder / "weights.bin").open("wb") as file:
        file.truncate(200 * 2**20)
    commit(work.folder, "weights")
    pushing = work.pushing()
    said, _ = pushing.communicate(timeout=GENEROUS)
    assert pushing.returncode != 0
    assert "weights.bin has 200.0 MiB; files above 10 MiB go through git-lfs." in said
    assert 'git lfs track "weights.bin"' in said
    assert work.stage("NO_APP_FILE")


def test_a_wrong_token_is_called_that_by_git_api_and_client(here: Platform) -> None:
    work = Work(here, "token")
    work.commit({"README.md": readme(), "app.py": app()})
    pushing = work.pushing(token="hf_wrong")
    said, _ = pushing.communicate(timeout=GENEROUS)
    assert pushing.returncode != 0
    assert "Authentication failed" in said
    assert "Invalid credentials" in said
    status, body = ask(here, "GET", "/api/whoami-v2", Authorization="Bearer hf_wrong")
    assert status == 401
    assert json.loads(body)["error"] == "Invalid credentials in Authorization header"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):  # its own words for our 401
        HfApi(endpoint=f"http://127.0.0.1:{here.port}", token="hf_wrong").whoami()


def test_a_name_that_is_taken_is_a_conflict(here: Platform, steady: Work) -> None:
    asked = json.dumps({"name": steady.name, "type": "space", "sdk": "gradio"}).encode()
    status, body = ask(here, "POST", "/api/repos/create", asked, **_signed(here))
    assert status == 409
    assert json.loads(body)["error"] == "You already created this space repo, or one like it"  # the contract's words
    api = HfApi(endpoint=f"http://127.0.0.1:{here.port}", token=here.token)
    with pytest.raises(HfHubHTTPError, match="You already created this space repo"):
        api.create_repo(steady.full, repo_type="space", space_sdk="gradio")


def test_hardware_and_sdk_that_do_not_exist_are_refused_with_those_that_do(here: Platform, steady: Work) -> None:
    path = f"/api/spaces/{steady.full}/hardware"
    status, body = ask(here, "POST", path, b'{"flavor": "h100"}', **_signed(here))
    assert status == 400
    assert "this hub has no hardware 'h100'. It has cpu-basic, " in json.loads(body)["error"]
    asked = json.dumps({"name": "never", "type": "space", "sdk": "flask"}).encode()
    status, body = ask(here, "POST", "/api/repos/create", asked, **_signed(here))
    assert status == 400
    assert "gradio" in json.loads(body)["error"]


def test_half_a_commit_changes_nothing(here: Platform) -> None:
    work = Work(here, "half-commit")
    work.deploy()
    lines = [
        {"key": "header", "value": {"summary": "half"}},
        {"key": "file", "value": {"path": "app.py", "content": "broken", "encoding": "utf-8"}},
    ]
    whole = "\n".join(map(json.dumps, lines)).encode()
    head = _head(work)
    said = _half(here, "POST", f"/api/spaces/{work.full}/commit/main", whole, "application/x-ndjson")
    assert said == b"" or b" 400 " in said.split(b"\r\n")[0]
    assert _head(work) == head
    assert work.deploy("after")["says"] == "after"


def test_half_an_upload_is_not_there_and_may_be_sent_again(here: Platform) -> None:
    work = Work(here, "half-upload")
    content = b"x" * 4_000_000
    oid = hashlib.sha256(content).hexdigest()
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": len(content)}]}
    status, body = ask(
        here, "POST", f"/spaces/{work.full}.git/info/lfs/objects/batch", json.dumps(asked).encode(), **_signed(here)
    )
    assert status == 200
    actions = json.loads(body)["objects"][0]["actions"]
    put, verify = ("/" + actions[name]["href"].split("/", 3)[3] for name in ("upload", "verify"))
    _half(here, "PUT", put, content, "application/octet-stream")
    until(lambda: not list((here.data / "blobs" / "incoming").iterdir()), "nothing is kept")
    status, body = ask(here, "POST", verify, b"{}", Content_Type="application/json")
    assert status == 404
    assert "it has not arrived" in json.loads(body)["message"]
    assert ask(here, "PUT", put, content)[0] == 200
    assert ask(here, "POST", verify, b"{}")[0] == 200


def _signed(here: Platform) -> dict[str, str]:
    return {"Authorization": f"Bearer {here.token}", "Content_Type": "application/json"}


def _head(work: Work) -> str:
    return str(work.here.api("GET", f"/api/spaces/{work.full}")["sha"])


def _half(here: Platform, method: str, path: str, whole: bytes, kind: str) -> bytes:
    """Half of a body, and then no more; what the hub says to that."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost:{here.port}\r\nAuthorization: Bearer {here.token}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(whole)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", here.port), timeout=GENEROUS) as sock:
        sock.sendall(head.encode() + whole[: len(whole) // 2])
        sock.shutdown(socket.SHUT_WR)
        said = b""
        while piece := sock.recv(65536):
            said += piece
    return said
