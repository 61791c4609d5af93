"""Packages that are built from source, through the queue, in real sandboxes: what their code may, and gets."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from builder.lock import load
from spaces_runtime.domain.layout import BUILDER
from spaces_runtime.domain.settings import BuildSettings
from spaces_runtime.domain.space import BuildState
from tests.builder.hostile import offer, source
from tests.node.place import Place
from tests.scheduler.build_world import S, World, module, requires

pytestmark = pytest.mark.anyio

TRIES = """
import glob, json, socket, pathlib
told = dict(wrote=[], read=[], net=[], env=sorted(os.environ), user=os.getuid())
DATA = {data!r}
for place in ("store/cache/x", "store/wheels/x", "store/envs/x", "store/locks/x", "store/own/x", "builds/x",
              "builds/other/x", "db/x", "../x"):
    try:
        pathlib.Path(DATA, place).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(DATA, place).write_text("mine now")
        told["wrote"].append(place)
    except OSError:
        pass
for top, _, names in os.walk(DATA):
    told["read"] += [os.path.relpath(os.path.join(top, name), DATA) for name in names]
for address in (("127.0.0.1", {port}), ("169.254.169.254", 80), ("192.0.2.1", 80)):
    try:
        socket.create_connection(address, timeout=1).close()
        told["net"].append(address)
    except OSError:
        pass
text = f"TOLD = {{told!r}}\\n"
"""


def store_of(place: Place) -> set[str]:
    return {str(path.relative_to(place.layout.store)) for path in place.layout.store.rglob("*") if path.is_file()}


async def test_the_code_of_a_source_distribution_sees_and_writes_nothing_but_its_own(
    world: World, place: Place
) -> None:
    (place.layout.builds / "other").mkdir()
    (place.layout.builds / "other" / "secret").write_text("of another Space")
    await world.build(await world.push({"app.py": b"1"}))  # the store has something to steal
    offer(world.index, "sly", code=TRIES.format(data=str(place.layout.data), port=place.port))
    done = await world.build(await world.push(requires("sly")))
    told: dict[str, object] = {}
    exec(module(done, "sly"), told)  # what our own test wrote
    found = told["TOLD"]
    assert isinstance(found, dict)
    assert found["user"] == BUILDER
    assert found["net"] == []
    assert [name for name in found["env"] if "TOKEN" in name or "SECRET" in name or "PROXY" in name.upper()] == []
    inside = [path for path in found["read"] if "mine now" not in path]
    own = f"builds/{S}/"
    assert inside
    assert all(path.startswith(own) or path in found["wrote"] for path in inside)
    for path in ("store/cache/x", "store/envs/x", "builds/x", "db/x"):
        assert not (place.layout.data / path).exists()
    assert not any(path.endswith("/x") for path in store_of(place))
    assert (place.layout.builds / "other" / "secret").read_text() == "of another Space"


async def test_what_was_built_from_source_serves_one_space_alone(world: World, place: Place) -> None:
    offer(world.index, "thing")
    done = await world.build(await world.push(requires("thing")))
    assert done.artifact is not None, done.why
    location = Path(done.artifact.location)
    assert location.is_relative_to(place.layout.own / S)
    assert not (place.layout.envs / location.name).exists()
    assert not list(place.layout.wheels.rglob("thing-*"))
    assert not [path for path in place.layout.locks.iterdir() if "thing" in path.read_text()]


async def test_the_log_says_what_is_built_and_why(world: World) -> None:
    offer(world.index, "thing")
    done = await world.build(await world.push(requires("thing", "./own", own=source("mine"))))
    assert done.build is BuildState.DONE, done.why
    text = "\n".join(await world.log())
    assert "./own is built from source: requirements.txt line 2 asks for it." in text
    assert "thing-1.0.tar.gz is built from source: thing 1.0 has no wheel for Python" in text
    assert "thing-1.0.tar.gz: thing 1.0 is built." in text
    assert module(done, "mine") == module(done, "thing") == "MADE = 'here'\n"


async def test_with_its_index_away_it_is_built_again_from_the_kept_wheels(world: World, place: Place) -> None:
    offer(world.index, "thing")
    head = await world.push(requires("thing"))
    first = await world.build(head)
    assert first.artifact is not None, first.why
    world.index.simple.rename(world.index.simple.with_name("away"))
    subprocess.run(["rm", "-rf", first.artifact.location], check=True)
    again = await world.build(await world.push({"app.py": b"2"}))
    assert again.artifact is not None, again.why
    assert again.artifact.location == first.artifact.location
    assert module(again, "thing") == "MADE = 'here'\n"


async def test_a_build_that_fails_is_told_by_its_line_with_its_last_words(world: World) -> None:
    offer(world.index, "broken", code="raise RuntimeError('the moon is full')")
    failed = await world.build(await world.push(requires("requests", "broken")))
    assert failed.build is BuildState.FAILED
    assert failed.why.startswith(
        "requirements.txt line 2: broken-1.0.tar.gz has to be built from source, and its build"
    )
    assert "the moon is full" in failed.why


async def test_a_build_that_takes_the_disk_or_all_time_is_ended_and_leaves_nothing(world: World, place: Place) -> None:
    settings = BuildSettings(disk=64 * 2**20, seconds=60, memory=2**30)
    world.queue._settings = settings
    greedy = "with open('large', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 2**30)"
    slow = "with open('large', 'wb') as file:\n    while True: file.write(b'x' * 2**20); file.flush()"
    offer(world.index, "greedy", code=greedy)
    offer(world.index, "slow", code=slow)
    for name in ("greedy", "slow"):
        failed = await world.build(await world.push(requires(name)))
        assert failed.build is BuildState.FAILED
        assert "disk" in failed.why, failed.why
        assert "[build]" in failed.why
    assert place.left() == []
    held = subprocess.run(["du", "-sm", place.layout.builds], capture_output=True, text=True, check=True)
    assert int(held.stdout.split()[0]) < 32


async def test_a_git_repo_is_built_at_the_revision_that_is_named(world: World, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for path, text in source("mine").items():
        (work / path).write_text(text)
    git = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    (work / "pyproject.toml").write_text("broken")
    subprocess.run([*git, "commit", "-qam", "two"], check=True)
    served = tmp_path / "served"
    served.mkdir()
    subprocess.run(["git", "clone", "-q", "--bare", work, served / "mine.git"], check=True)
    subprocess.run(["git", "-C", served / "mine.git", "update-server-info"], check=True)
    handler = functools.partial(_Silent, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        world.queue = world.made(at_once=1, hosts=(f"127.0.0.1:{web.server_port}",))
        address = f"git+http://127.0.0.1:{web.server_port}/mine.git@v1"
        done = await world.build(await world.push(requires(f"mine @ {address}")))
        web.shutdown()
    assert module(done, "mine") == "MADE = 'here'\n"
    assert done.artifact is not None
    lock = load(Path(done.artifact.code).with_name("made"))
    assert lock is not None
    [wheel] = [each for each in lock.wheels if each.name == "mine"]
    commit = subprocess.run([*git, "rev-parse", "v1"], capture_output=True, text=True, check=True).stdout.strip()
    assert wheel.source.endswith(f"/mine.git@{commit}")


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


async def test_what_a_build_needs_comes_from_the_index_before_it_runs(world: World) -> None:
    world.index.add("tool", "1.0", {"tool.py": "TEXT = 'from a tool'\n"})
    world.index.add("late", "2.0", {"late.py": "TEXT = ' and a late one'\n"})
    code = "import tool, late\ntext = f'MADE = {tool.TEXT + late.TEXT!r}\\n'"
    offer(world.index, "thing", code=code, tools=("tool",), dynamic=("late>=2",))
    done = await world.build(await world.push(requires("thing")))
    assert module(done, "thing") == "MADE = 'from a tool and a late one'\n"
    assert done.artifact is not None
    assert not list(Path(done.artifact.location).glob("lib/*/site-packages/tool.py")), "it is no part of the app"


async def test_a_wheel_that_leads_elsewhere_is_not_taken(world: World, place: Place) -> None:
    secret = place.layout.wheels / "secret"
    secret.write_text(json.dumps("of others"))
    os.chown(secret, BUILDER, BUILDER)
    code = f"os.symlink({str(secret)!r}, os.path.join(folder, 'sly-1.0-py3-none-any.whl')); os._exit(0)"
    offer(world.index, "sly", code=code)
    failed = await world.build(await world.push(requires("sly")))
    assert failed.build is BuildState.FAILED
    assert "of others" not in failed.why
    assert not list(place.layout.own.rglob("*.whl"))
