"""The build queue, with real git, database, live store and builder processes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.artifact import ArtifactKind
from spaces_runtime.domain.errors import Unavailable
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RepoId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.logs import Source
from spaces_runtime.domain.ports.engine import JobEnd
from spaces_runtime.domain.space import BuildState, Revision
from spaces_runtime.scheduler.builds import room
from spaces_runtime.store.live.connection import Live
from tests.contracts.conftest import live, server  # noqa: F401 - fixtures
from tests.scheduler.build_world import R, S, World, world_in

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path, live: Live) -> AsyncIterator[World]:  # noqa: F811
    async with world_in(tmp_path, live) as made:
        yield made
        made.jobs.free.set()


async def test_a_push_is_built_by_a_job_and_the_space_looked_at(world: World) -> None:
    done = await world.build(await world.push({"app.py": b"print()"}))
    assert done.build is BuildState.DONE, done.why
    assert done.artifact is not None
    assert done.artifact.kind is ArtifactKind.ENVIRONMENT
    assert (Path(done.artifact.code) / "app.py").read_bytes() == b"print()"
    assert Path(done.artifact.location).is_dir()
    async for space, visit in world.wakes.asked():
        assert (space, visit) == (S, False)
        break


async def test_the_log_tells_what_the_build_does(world: World) -> None:
    head = await world.push({"app.py": b"1"})
    await world.build(head)
    text = "\n".join(await world.log())
    assert f"Build of {head[:7]}" in text


async def test_a_job_sees_its_own_folder_and_what_builds_share_and_no_more(world: World) -> None:
    await world.build(await world.push({"app.py": b"1"}))
    [job] = world.jobs.jobs
    data = str(world.layout.data)
    own = str(world.layout.builds / S)
    assert all(path.startswith(own) or path == str(world.layout.store) for path in job.writes)
    assert all(path.startswith(own) for path in job.reads if path.startswith(data))
    assert set(job.env) <= {"PATH", "LANG"}


async def test_a_push_that_changes_code_only_needs_no_job(world: World) -> None:
    first = await world.build(await world.push({"app.py": b"1"}))
    head = await world.push({"app.py": b"2"})
    begun = time.perf_counter()
    second = await world.build(head)
    assert time.perf_counter() - begun < 0.5
    assert len(world.jobs.jobs) == 1
    assert first.artifact is not None
    assert second.artifact is not None
    assert second.artifact.location == first.artifact.location
    assert (Path(second.artifact.code) / "app.py").read_bytes() == b"2"


async def test_an_app_may_start_before_its_modules_are_compiled_beside_it(world: World) -> None:
    done = await world.build(await world.push({"app.py": b"1"}))
    assert done.artifact is not None
    [job] = world.jobs.later
    assert job.background
    assert not job.network
    assert any(Path(done.artifact.location).rglob("*.pyc"))
    await world.build(await world.push({"app.py": b"2"}))
    assert len(world.jobs.later) == 1, "the environment lacks nothing any more"


async def test_compiling_that_was_cut_off_goes_on_after_the_next_start(world: World) -> None:
    world.jobs.cut = True
    done = await world.build(await world.push({"app.py": b"1"}))
    assert done.artifact is not None
    assert not any(Path(done.artifact.location).rglob("*.pyc"))
    world.jobs.cut = False
    world.queue = world.made(at_once=2)
    await world.queue.resume()
    await world.queue.idle()
    assert any(Path(done.artifact.location).rglob("*.pyc"))


async def test_a_build_that_begins_to_run_makes_the_space_looked_at(world: World) -> None:
    world.jobs.free.clear()
    key = await world.submit(await world.push({"app.py": b"1"}))
    await world.until(key, BuildState.RUNNING)
    async with asyncio.timeout(5):
        async for space, visit in world.wakes.asked():
            assert (space, visit) == (S, False)
            break


async def test_wrong_settings_are_told_without_a_job(world: World) -> None:
    head = await world.push({"README.md": b"---\nsdk: gradio\ncolorFrom: teal\n---\n"})
    found = await world.build(head)
    assert found.build is BuildState.INVALID
    assert found.why.startswith('README.md line 3: colorFrom is "teal". Allowed: red')
    assert found.why in await world.log()
    assert world.jobs.jobs == []


async def test_a_failed_build_carries_the_sentence_of_the_builder(world: World) -> None:
    found = await world.build(await world.push({"requirements.txt": b"not-there\n"}))
    assert found.build is BuildState.FAILED
    assert found.why.startswith("requirements.txt line 1 asks for not-there")


async def test_a_revision_without_an_app_takes_the_head_away(world: World) -> None:
    head = await world.push({"README.md": b"---\nsdk: gradio\napp_file: gone.py\n---\n"})
    await world.build(head)
    assert (await world.space()).head is None
    assert any("README.md names gone.py" in line for line in await world.log())


async def test_asking_twice_builds_once(world: World) -> None:
    head = await world.push({"app.py": b"1"})
    await world.submit(head)
    await world.submit(head)
    await world.queue.idle()
    assert len(world.jobs.jobs) == 1


async def test_only_so_many_run_at_once(world: World) -> None:
    world.queue = world.made(at_once=1)
    world.jobs.free.clear()
    head = await world.push({"app.py": b"1"})
    space = await world.space()
    others = [replace(space, id=SpaceId(f"other{n}")) for n in range(3)]
    for other in others:
        (world.layout.logs / other.id).mkdir()
        await world.queue.submit(other, R, BuildKey(head))
    await world.submit(head)
    async with asyncio.timeout(30):
        while not world.jobs.jobs:
            await asyncio.sleep(0.01)
    world.jobs.free.set()
    await world.queue.idle()
    assert len(world.jobs.jobs) == 4
    assert world.jobs.most == 1


async def test_a_newer_push_takes_the_place_of_one_that_waits(world: World) -> None:
    world.queue = world.made(at_once=1)
    world.jobs.free.clear()
    first = await world.submit(await world.push({"app.py": b"1"}))
    await world.until(first, BuildState.RUNNING)
    second = await world.submit(await world.push({"app.py": b"2"}))
    third = await world.submit(await world.push({"app.py": b"3"}))
    world.jobs.free.set()
    await world.queue.idle()
    assert (await world.found(first)).build is BuildState.DONE
    assert (await world.found(second)).build is BuildState.NONE
    assert (await world.found(third)).build is BuildState.DONE


async def test_cancelling_ends_the_job_and_forgets_the_attempt(world: World) -> None:
    world.jobs.free.clear()
    key = await world.submit(await world.push({"app.py": b"1"}))
    await world.until(key, BuildState.RUNNING)
    await world.queue.cancel(S)
    assert world.jobs.running == 0
    assert (await world.found(key)).build is BuildState.NONE
    world.jobs.free.set()
    assert (await world.build(key.revision)).build is BuildState.DONE


async def test_nothing_of_a_deleted_space_is_left(world: World) -> None:
    await world.build(await world.push({"app.py": b"1"}))
    await world.queue.forget(S)
    assert not (world.layout.builds / S).exists()


async def test_only_folders_that_something_needs_are_kept(world: World) -> None:
    heads = [await world.push({"app.py": str(n).encode()}) for n in range(5)]
    good = await world.build(heads[0])
    instance = Instance(
        id=InstanceId("i"), space=S, build=BuildKey(heads[1]), spec=Digest("d"), phase=Phase.READY, since=0.0
    )
    for head in heads[1:]:
        await world.build(head, last_good=good, instances=(instance,))
    assert world.folders() == {f"{heads[n]}-0" for n in (0, 1, 3, 4)}, "of the last good, the running, the newest two"


async def test_a_build_that_was_ended_says_by_what(world: World) -> None:
    world.jobs.end = JobEnd(status=-9, why="out of memory: limit 8192 MiB")
    found = await world.build(await world.push({"app.py": b"1"}))
    assert found.build is BuildState.FAILED
    assert "out of memory" in found.why
    assert found.why in await world.log()


async def test_a_job_without_an_outcome_is_a_failure(world: World) -> None:
    world.jobs.end = JobEnd(status=1)
    found = await world.build(await world.push({"app.py": b"1"}))
    assert found.build is BuildState.FAILED
    assert "status 1" in found.why


async def test_a_node_that_is_away_is_waited_for(world: World) -> None:
    world.jobs.away = 1
    assert (await world.build(await world.push({"app.py": b"1"}))).build is BuildState.DONE


async def test_a_disk_without_room_is_said_before_a_build_begins() -> None:
    room(10**9)
    with pytest.raises(Unavailable) as refused:
        room(400_000_000)
    assert "the disk has 400 MB free, and a build needs 1 GB" in str(refused.value)


async def test_a_rebuild_resolves_anew(world: World) -> None:
    world.index.add("thing", "1.0")
    head = await world.push({"requirements.txt": b"thing\n"})
    await world.build(head)
    world.index.add("thing", "2.0")
    again = await world.build(head, rebuild=1)
    assert again.artifact is not None
    assert list(Path(again.artifact.location).glob("lib/*/site-packages/thing-2.0.dist-info"))


def installed(done: Revision, what: str) -> bool:
    assert done.artifact is not None, done.why
    return bool(list(Path(done.artifact.location).glob(f"lib/*/site-packages/{what}.dist-info")))


async def test_a_new_resolution_is_shown_as_a_difference_and_undone_when_it_never_answers(world: World) -> None:
    world.index.add("thing", "1.0")
    head = await world.push({"requirements.txt": b"thing\n"})
    good = await world.build(head)
    world.index.add("thing", "2.0")
    assert installed(await world.build(head, rebuild=1, last_good=good), "thing-2.0")
    assert any("thing 1.0 → 2.0" in line for line in await world.log())
    after = await world.build(await world.push({"app.py": b"2"}), last_good=good)
    assert installed(after, "thing-1.0"), "what has answered is kept to"


async def test_a_new_resolution_that_fails_leaves_the_old_one(world: World) -> None:
    world.index.add("thing", "1.0")
    head = await world.push({"requirements.txt": b"thing\n"})
    good = await world.build(head)
    page = world.index.simple / "thing" / "index.html"
    page.write_text("")
    failed = await world.build(head, rebuild=1, last_good=good)
    assert failed.build is BuildState.FAILED
    assert any("new resolution is undone" in line for line in await world.log())
    assert installed(await world.build(await world.push({"app.py": b"2"}), last_good=good), "thing-1.0")


async def test_another_space_with_the_same_requirements_needs_no_job(world: World) -> None:
    head = await world.push({"requirements.txt": b"requests\n"})
    await world.build(head)
    world.index.simple.rename(world.index.simple.with_name("away"))
    other = replace(await world.space(), id=SpaceId("other"))
    await world.spaces.create(other.id, RepoId("r2"), "ann-other", "cpu-basic")
    (world.layout.logs / other.id).mkdir()
    await world.queue.submit(other, R, BuildKey(head))
    await asyncio.wait_for(world.queue.idle(), 60)
    done = await world.builds.find(other.id, BuildKey(head))
    assert done is not None
    assert done.build is BuildState.DONE, done.why
    assert len(world.jobs.jobs) == 1
    told = [line.text for line in await world.logs.last(other.id, Source.BUILD, 10)]
    assert any("versions are those of other Spaces" in line for line in told)


async def test_a_revision_that_is_not_there_is_a_failure_in_words(world: World) -> None:
    found = await world.build(RevisionId("e" * 40))
    assert found.build is BuildState.FAILED
    assert "e" * 40 in found.why


async def test_a_note_is_told_where_nothing_is_built_too(world: World) -> None:
    readme = b"---\nsdk: static\ncolorFrom: white\n---\n"
    await world.build(await world.push({"README.md": readme, "index.html": b"hi"}))
    assert any(line.startswith('Note: README.md line 3: colorFrom is "white"') for line in await world.log())


async def test_static_files_need_no_job(world: World) -> None:
    found = await world.build(await world.push({"README.md": b"---\nsdk: static\n---\n", "index.html": b"hi"}))
    assert found.artifact is not None
    assert (found.artifact.kind, found.artifact.index) == (ArtifactKind.STATIC, "index.html")
    assert (Path(found.artifact.location) / "index.html").read_bytes() == b"hi"
    assert world.jobs.jobs == []


async def test_a_build_command_makes_the_static_files(world: World) -> None:
    command = b"umask 077; mkdir dist && cp src.html dist/index.html"
    readme = b"---\nsdk: static\napp_build_command: " + command + b"\napp_file: dist/index.html\n---\n"
    found = await world.build(await world.push({"README.md": readme, "src.html": b"made"}))
    assert found.artifact is not None, found.why
    assert (Path(found.artifact.location) / found.artifact.index).read_bytes() == b"made"
    [job] = world.jobs.jobs
    made = Path(found.artifact.location) / found.artifact.index
    assert (made.parent.stat().st_mode & 0o005, made.stat().st_mode & 0o004) == (0o005, 0o004), "the gateways read it"
    assert not job.network
    assert str(world.layout.store) not in job.writes, "an author's command may not touch what Spaces share"


async def test_a_build_command_that_fails_or_makes_nothing_is_said(world: World) -> None:
    for command, says in ((b"false", "app_build_command failed"), (b"true", "made no index.html")):
        head = await world.push({"README.md": b"---\nsdk: static\napp_build_command: '" + command + b"'\n---\n"})
        found = await world.build(head)
        assert found.build is BuildState.FAILED
        assert says in found.why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_what_cannot_be_written_is_a_failure_in_words(world: World) -> None:
    (world.layout.builds).chmod(0o500)
    found = await world.build(await world.push({"app.py": b"1"}))
    assert found.build is BuildState.FAILED
