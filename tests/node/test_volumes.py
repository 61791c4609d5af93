"""Volumes inside a sandbox: read-only ones cannot be written; writable ones are sent on their way to the bucket."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from dataclasses import asdict, replace
from hashlib import sha256

from spaces_runtime.domain.instance import Mount, Phase
from spaces_runtime.domain.kept import About, Listing
from tests.node.place import SOMEBODY, Place, folder, needs_user, until
from tests.node.run import run

READS = """
import os, pathlib, http.server
said = []
for path in ("/models/a.txt", "/data/sub/b.txt"):
    said.append(pathlib.Path(path).read_text())
for path in ("/models/a.txt", "/models/new"):
    try:
        pathlib.Path(path).write_text("mine")
        said.append("written")
    except OSError as error:
        said.append(error.__class__.__name__)
for change in (lambda: os.chmod("/models/a.txt", 0o666), lambda: os.unlink("/models/a.txt")):
    try:
        change()
        said.append("changed")
    except OSError:
        said.append("refused")
pathlib.Path("/data/sub/b.txt").write_text("bee two")
pathlib.Path("/data/new.txt").write_text("new")
os.unlink("/data/gone.txt")
os.symlink("/etc/passwd", "/data/link")
print("|".join(said), flush=True)
"""
SERVES = """
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
KEY = "bucket1-0"


def blob(place, content: bytes) -> str:
    name = sha256(content).hexdigest()
    path = place.layout.blob(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o440)
    return name


def listing(place, at: float, waiting: bool = False, **files: bytes) -> Mount:
    about = About(space="ann-hello", bucket="bucket1", prefix="", by="u1")
    named = {name: blob(place, content) for name, content in files.items()}
    folder = place.layout.mounts / f"listing-{at}"
    folder.mkdir(parents=True)
    told = Listing(about=about, at=at, waiting=waiting, files=named)
    (folder / "files.json").write_text(json.dumps(asdict(told)))
    return Mount(folder=str(folder), inside="/data", key=KEY)


def snapshot(place) -> Mount:
    folder = place.layout.mounts / "repo-1"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("ay")
    folder.chmod(0o755)
    return Mount(folder=str(folder), inside="/models")


def written(place) -> list[dict]:
    """All that is on its way to buckets, in order."""
    found = []
    for sent in sorted(place.layout.written.glob("[!.]*")):
        told = json.loads((sent / "changes.json").read_text())
        files = {each["path"]: (sent / each["file"]).read_text() for each in told["sent"]}
        found.append({"files": files, "removed": list(told["removed"]), "about": told["about"]})
    return found


def forever(text: str) -> str:
    return text + SERVES


def test_what_is_mounted_is_there_and_what_is_written_goes_on_its_way(place):
    async def work():
        mount = listing(place, 10.0, **{"sub/b.txt": b"bee", "gone.txt": b"gone", "kept.txt": b"kept"})
        spec = replace(place.spec(forever(READS)), mounts=(snapshot(place), mount))
        await place.ready(spec)
        assert "ay|bee|OSError|OSError|refused|refused" in place.log()
        await place.backend.stop(spec.id)
        removed, sent = written(place)
        assert removed == {"files": {}, "removed": ["gone.txt"], "about": removed["about"]}
        assert sent["files"] == {"new.txt": "new", "sub/b.txt": "bee two"}
        assert sent["about"] == {"space": "ann-hello", "bucket": "bucket1", "prefix": "", "by": "u1"}
        assert (place.layout.mounts / "repo-1" / "a.txt").read_text() == "ay"
        assert place.left() == []

    run(place, work)


def test_the_next_start_has_what_the_bucket_has_by_then_and_what_the_space_wrote(place):
    async def work():
        first = listing(place, 10.0, **{"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"})
        app = 'import pathlib\npathlib.Path("/data/b.txt").write_text("mine")\nimport http.server\n'
        spec = replace(place.spec(forever(app)), mounts=(first,))
        await place.ready(spec)
        await place.backend.stop(spec.id)
        later = asyncio.get_running_loop().time() + 10**10
        second = listing(place, later, **{"a.txt": b"changed", "b.txt": b"mine", "d/e.txt": b"new"})
        app = """
import http.server, os, pathlib
print({str(p): p.read_text() for p in sorted(pathlib.Path("/data").rglob("*")) if p.is_file()}, flush=True)
"""
        spec = replace(place.spec(forever(app)), mounts=(second,))
        await place.ready(spec)
        assert "{'/data/a.txt': 'changed', '/data/b.txt': 'mine', '/data/d/e.txt': 'new'}" in place.log()

    run(place, work)


def test_a_listing_from_before_the_last_send_changes_nothing(place):
    async def work():
        app = 'import pathlib, http.server\npathlib.Path("/data/a.txt").write_text("mine")\n'
        spec = replace(place.spec(forever(app)), mounts=(listing(place, 10.0, **{"a.txt": b"a"}),))
        await place.ready(spec)
        await place.backend.stop(spec.id)
        app = 'import pathlib, http.server\nprint("has", pathlib.Path("/data/a.txt").read_text(), flush=True)\n'
        for old in (listing(place, 11.0, **{"a.txt": b"a"}), listing(place, 10.0**11, True, **{"a.txt": b"a"})):
            spec = replace(place.spec(forever(app)), mounts=(old,))
            await place.ready(spec)
            await place.backend.stop(spec.id)
        assert place.log().count("has mine") == 2

    run(place, work)


def test_a_link_that_the_app_puts_in_the_way_leads_nowhere(place, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x.txt").write_text("the platform's own")

    async def work():
        app = f"""
import http.server, os
os.symlink({str(secret)!r}, "/data/dir")
os.symlink({str(secret / "x.txt")!r}, "/data/file.txt")
"""
        spec = replace(place.spec(forever(app)), mounts=(listing(place, 10.0),))
        await place.ready(spec)
        await place.backend.stop(spec.id)
        assert written(place) == []
        evil = listing(place, 10.0**11, **{"dir/x.txt": b"evil"})
        spec = replace(place.spec(forever("import http.server\n")), mounts=(evil,))
        await place.ready(spec)
        assert (secret / "x.txt").read_text() == "the platform's own"

    run(place, work)


def test_a_volume_the_space_no_longer_has_leaves_nothing(place):
    async def work():
        spec = replace(place.spec(), mounts=(listing(place, 10.0, **{"a.txt": b"a"}),))
        await place.ready(spec)
        await place.backend.stop(spec.id)
        assert (place.layout.volumes / "ann-hello" / KEY).is_dir()
        plain = place.spec()
        await place.ready(plain)
        assert not (place.layout.volumes / "ann-hello" / KEY).exists()

    run(place, work)


def test_only_what_was_made_to_be_mounted_is(place):
    async def work():
        (place.layout.mounts).mkdir()
        (place.layout.mounts / "out").symlink_to("/etc")
        for other in ("/etc", str(place.layout.mounts / "out"), str(place.layout.keys)):
            spec = replace(place.spec(), mounts=(Mount(folder=other, inside="/models"),))
            await place.backend.start(spec)
            seen = await place.reach(spec, Phase.EXITED)
            assert "is no volume" in seen.why

    run(place, work)


def test_what_a_running_space_writes_is_sent_by_and_by(place):
    async def work():
        app = 'import pathlib, http.server\npathlib.Path("/data/a.txt").write_text("mine")\n'
        spec = replace(place.spec(forever(app)), mounts=(listing(place, 10.0),))
        await place.ready(spec)
        await until(lambda: written(place))
        assert written(place)[0]["files"] == {"a.txt": "mine"}

    run(place, work)


def test_a_node_that_was_killed_loses_nothing_that_was_written(place):
    async def work():
        app = 'import pathlib, http.server\npathlib.Path("/data/a.txt").write_text("mine")\n'
        spec = replace(place.spec(forever(app)), mounts=(listing(place, 10.0, **{"b.txt": b"b"}),))
        await place.ready(spec)
        place.kill()
        for name in place.processes():
            with contextlib.suppress(ProcessLookupError):  # gone with the one before it
                os.kill(name, signal.SIGKILL)
        await until(lambda: not place.processes())
        place.begin()
        await until(lambda: written(place))
        assert [(each["files"], each["removed"]) for each in written(place)] == [({"a.txt": "mine"}, [])]
        await place.backend.stop(spec.id)
        assert place.left() == []

    run(place, work)


def test_an_ordinary_user_has_volumes_too():
    needs_user()
    place = Place(folder(), user=SOMEBODY)
    app = READS
    mounts = (snapshot(place), listing(place, 10.0, **{"sub/b.txt": b"bee", "gone.txt": b"gone"}))
    subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", place.layout.data], check=True)

    async def work():
        spec = replace(place.spec(forever(app)), mounts=mounts)
        await place.ready(spec)
        assert "ay|bee|OSError|OSError|refused|refused" in place.log()
        await place.backend.stop(spec.id)
        assert [each["removed"] for each in written(place)] == [["gone.txt"], []]

    try:
        place.begin()
        run(place, work)
    finally:
        place.remove()


def test_files_belong_to_the_space_alone(place):
    async def work():
        spec = replace(place.spec(), mounts=(listing(place, 10.0, **{"d/a.txt": b"a"}),))
        await place.ready(spec)
        folder = next(
            (place.layout.node / "volumes").glob(f"*@{KEY}"), place.layout.volumes / "ann-hello" / KEY / "data"
        )
        assert {path.stat().st_uid for path in (folder, folder / "d", folder / "d" / "a.txt")} == {20000}
        assert folder.stat().st_mode & 0o777 == 0o700

    run(place, work)
