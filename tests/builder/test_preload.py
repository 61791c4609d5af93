"""preload_from_hub, against a small hub that speaks the two routes it needs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builder import preload
from builder.faults import BuildFailed
from builder.recipe import Preload
from builder.sources import Sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b"{}", "onnx/model.bin": b"weights"}


class Hub:
    """url; asked: paths in order; names: the files it claims to have."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.names = list(FILES)
        hub = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                status, body = hub.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in (f"/api/models/ann/one/revision/{at}" for at in ("main", COMMIT)):
            return 200, json.dumps({"sha": COMMIT, "siblings": [{"rfilename": n} for n in self.names]}).encode()
        found = FILES.get(path.removeprefix(f"/ann/one/resolve/{COMMIT}/"))
        return (200, found) if found is not None else (404, b"")


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_repo_lies_where_clients_look_for_it(hub: Hub, tmp_path: Path) -> None:
    folder = preload.fetch(tmp_path, (Preload(repo="ann/one"),), hub.url, Sources())
    assert folder is not None
    home = folder / "models--ann--one"
    assert (home / "refs" / "main").read_text() == COMMIT
    assert (home / "snapshots" / COMMIT / "onnx" / "model.bin").read_bytes() == b"weights"
    assert (home / "snapshots" / COMMIT / "config.json").is_symlink()


def test_the_clients_own_library_finds_it(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    folder = preload.fetch(tmp_path, (Preload(repo="ann/one"),), hub.url, Sources())
    assert folder is not None
    path = huggingface_hub.hf_hub_download("ann/one", "onnx/model.bin", cache_dir=folder, local_files_only=True)
    assert Path(path).read_bytes() == b"weights"


def test_only_the_files_asked_for_are_fetched(hub: Hub, tmp_path: Path) -> None:
    folder = preload.fetch(
        tmp_path, (Preload(repo="ann/one", files=("config.json",), commit=COMMIT),), hub.url, Sources()
    )
    assert folder is not None
    assert [path.name for path in (folder / "models--ann--one" / "snapshots" / COMMIT).iterdir()] == ["config.json"]


def test_what_an_earlier_build_fetched_is_kept_to(hub: Hub, tmp_path: Path) -> None:
    wanted = (Preload(repo="ann/one", line=4),)
    folder = preload.fetch(tmp_path, wanted, hub.url, Sources())
    earlier = tmp_path / "made"
    earlier.mkdir()
    preload.keep(earlier, wanted, folder)
    moved = (Preload(repo="ann/one", line=9),)
    assert preload.found(tmp_path, moved, (earlier,)) == folder
    assert preload.found(tmp_path, (Preload(repo="ann/two"),), (earlier,)) is None


def test_two_spaces_with_the_same_wish_share_one_folder(hub: Hub, tmp_path: Path) -> None:
    first = preload.fetch(tmp_path, (Preload(repo="ann/one"),), hub.url, Sources())
    count = len(hub.asked)
    assert preload.fetch(tmp_path, (Preload(repo="ann/one"),), hub.url, Sources()) == first
    assert len(hub.asked) == count + 1, "only the commit is asked for"


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Preload(repo="ann/none", line=5), "no such repo or revision"),
        (Preload(repo="ann/one", files=("gone.bin",), line=5), "it has no file gone.bin"),
    ],
)
def test_a_wish_that_cannot_be_met_names_its_line(hub: Hub, tmp_path: Path, wish: Preload, says: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        preload.fetch(tmp_path, (wish,), hub.url, Sources())
    assert (caught.value.file, caught.value.line) == ("README.md", 5)
    assert says in caught.value.why


def test_a_hub_that_is_away_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="the hub does not answer"):
        preload.fetch(tmp_path, (Preload(repo="ann/one", line=5),), "http://127.0.0.1:9", Sources())


def test_a_hub_cannot_make_files_outside_the_folder(hub: Hub, tmp_path: Path) -> None:
    hub.names = ["../../../../out.txt"]
    with pytest.raises(BuildFailed, match="outside itself"):
        preload.fetch(tmp_path, (Preload(repo="ann/one"),), hub.url, Sources())
    assert not list(tmp_path.glob(".new-*"))
