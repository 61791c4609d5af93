"""What a build fetched from the Hub is in the clients' cache inside: shared, read-only, and no hindrance to more."""

from dataclasses import replace

from tests.node.run import run

APP = """
import http.server, json, pathlib
hub = pathlib.Path.home() / ".cache/huggingface/hub"
repo = hub / "models--ann--tiny"
def tried(path):
    try:
        path.write_text("new")
        return "written"
    except OSError as error:
        return error.strerror
told = json.dumps({
    "ref": (repo / "refs/main").read_text(),
    "file": (repo / "snapshots/c0ffee/sub/config.json").read_text(),
    "shared": tried(repo / "snapshots/c0ffee/sub/config.json"),
    "beside": tried(repo / "refs/other"),
    "another": tried(hub / "version.txt"),
})
class Tell(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Tell).serve_forever()
"""


def preloaded(place):
    hub = place.layout.bases / "hub-1"
    repo = hub / "models--ann--tiny"
    for folder in ("refs", "blobs", "snapshots/c0ffee/sub"):
        (repo / folder).mkdir(parents=True)
    (repo / "refs/main").write_text("c0ffee")
    (repo / "blobs/abc").write_text("{}")
    (repo / "snapshots/c0ffee/sub/config.json").symlink_to("../../../blobs/abc")
    return hub


def test_what_was_preloaded_is_found_cannot_be_changed_and_the_cache_takes_more(place):
    async def work():
        hub = preloaded(place)
        spec = place.spec(APP)
        spec = replace(spec, artifact=replace(spec.artifact, hub=str(hub)))
        await place.ready(spec)
        told = (await place.get(spec)).decode()
        assert '"ref": "c0ffee", "file": "{}", "shared": "Read-only file system"' in told
        assert '"beside": "written", "another": "written"' in told
        assert (hub / "models--ann--tiny/blobs/abc").read_text() == "{}"

    run(place, work)
