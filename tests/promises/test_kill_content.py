"""`kill -9` at random moments of mixed uploads, pushes and commits: nothing acknowledged is lost, nothing half written.

KILL_MOMENTS says how many, KILL_SEED repeats a run as far as threads and processes allow. `make soak` takes a hundred.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.platform import Platform, platform, up
from spaces_runtime.store.git_writers import LOCK
from tests.promises.workers import ALL, MAIN, Files, LargePusher, State, Unanswered, Worker, digest
from tests.promises.world import GENEROUS, ask, kill, role, until, with_words

MOMENTS = int(os.environ.get("KILL_MOMENTS", "10"))
SEED = int(os.environ.get("KILL_SEED", "0")) or int.from_bytes(os.urandom(4))
CATCHES_UP = 70.0  # seconds: what a hub cannot note any more its successor does at once, and a rescan each minute
LONGEST = 0.7  # seconds between the first answers and the kill
KILLS = ("hub",) * 5 + ("hub and its gits",) * 3 + ("scheduler", "gateway", "all", "all")
PATIENT = 4  # deaths of one process after which the platform is killed whole: the supervisor would wait ever longer
LEFT = """
repos/.* repos/**/*.lock repos/*/objects/tmp_* repos/*/objects/*/tmp_* repos/*/objects/pack/*.keep blobs/incoming/*
""".split()  # noqa: SIM905 - read as a table
FSCK = ("git", "-c", "safe.directory=*", "--git-dir")


class Outside:
    """What anybody sees of the hub: its API, and git. Trees by commit are looked up once, for they never change."""

    def __init__(self, here: Platform) -> None:
        self.here = here
        self._trees: dict[str, Files] = {}

    def answers(self) -> bool:
        return self._get("/api/whoami-v2")[0] == 200

    def state(self, full: str) -> State | None:
        status, body = self._get(f"/api/models/{full}/refs")
        if status == 404:
            return None
        refs = [ref for kind in ("branches", "tags") for ref in json.loads(body)[kind]]
        return {ref["ref"]: self._tree(full, ref["targetCommit"]) for ref in refs}

    def bucket(self, full: str) -> Files:
        rows = self.json(f"/api/buckets/{full}/tree?recursive=true&limit=1000")
        paths = [row["path"] for row in rows if row["type"] == "file"]
        return {path: digest(path, self.bytes(f"/buckets/{full}/resolve/{path}")) for path in paths}

    def json(self, path: str) -> Any:
        return json.loads(self.bytes(path))

    def bytes(self, path: str) -> bytes:
        status, body = self._get(path)
        assert status == 200, f"{path}: {status} {body[:300]!r}"
        return body

    def index_agrees(self, full: str, files: Files) -> bool:
        """Its page and the list of all say what git says."""
        info = self.json(f"/api/models/{full}")
        listed = {row["id"]: row["sha"] for row in self.json("/api/models?author=bench&limit=1000&full=true")}
        head = next(ref for ref in self.json(f"/api/models/{full}/refs")["branches"] if ref["ref"] == MAIN)
        return (
            info["sha"] == listed[full] == head["targetCommit"]
            and {row["rfilename"] for row in info["siblings"]} >= set(files)
        )  # fmt: skip

    def _tree(self, full: str, commit: str) -> Files:
        if commit not in self._trees:
            rows = self.json(f"/api/models/{full}/tree/{commit}?recursive=true&limit=1000")
            files = [row for row in rows if row["type"] == "file"]
            self._trees[commit] = {row["path"]: (row.get("lfs") or row)["oid"] for row in files}
        return self._trees[commit]

    def _get(self, path: str) -> tuple[int, bytes]:
        return ask(self.here, "GET", path, Authorization=f"Bearer {self.here.token}")


class Siege:
    """The platform, those who work on it, and what is done to it."""

    def __init__(self, here: Platform, folder: Path, temporary: Path) -> None:
        self.here, self.temporary, self.chance = here, temporary, Random(SEED)
        self.seen = Outside(here)
        self.workers: list[Worker] = [kind(here, folder / name, Random(f"{SEED} {name}"), name) for name, kind in ALL]
        self.deaths: dict[str, int] = {}
        self.told: list[str] = []  # what was killed, for a test that fails
        with ThreadPoolExecutor(len(self.workers)) as pool:
            for _ in pool.map(lambda worker: worker.begin(self.seen), self.workers):
                pass  # raises what failed

    def moment(self) -> None:
        """Everybody gets an answer, for nothing keeps them from it; then something is killed while they go on."""
        going, failed = threading.Event(), dict[str, str]()
        going.set()
        began = {worker.name: worker.turns for worker in self.workers}
        threads = [threading.Thread(target=_work, args=(worker, going, failed)) for worker in self.workers]
        for thread in threads:
            thread.start()
        try:
            until(
                lambda: failed or all(worker.turns > began[worker.name] for worker in self.workers),
                lambda: f"everybody goes on: {[(worker.name, worker.turns) for worker in self.workers]}",
            )
            assert not failed, f"refused, though nothing was killed: {failed}"
            time.sleep(self.chance.uniform(0, LONGEST))  # any moment
            self._kill()
        finally:
            going.clear()
        self._back()
        for thread in threads:
            thread.join(2 * GENEROUS)
        until(lambda: not with_words("git ", "receive-pack", str(self.here.data)), "pushes of before have ended")
        self.told[-1] += f", unanswered: {' '.join(sorted(failed)) or 'none'}"

    def judge(self) -> None:
        """All that was acknowledged is there, and all that is there is whole."""
        for worker in self.workers:
            worker.settle(self.seen)
            self._same_bytes(worker)
            for full, files in worker.repos().items():
                agrees = lambda full=full, files=files: self.seen.index_agrees(full, files)  # noqa: E731
                until(agrees, f"the index agrees with git on {full}", CATCHES_UP)
            if isinstance(worker, LargePusher):
                held = {row["oid"] for row in self.seen.json(f"/api/models/{worker.full}/lfs-files?limit=1000")}
                assert {told for path, told in worker.known[MAIN].items() if path.endswith(".bin")} <= held
        for repo in (self.here.data / "repos").glob("[!.]*.git"):
            _sound(repo)

    def all_of_it(self, into: Path) -> None:
        """Every file once more; and what git gives of each repo is sound, and exactly that."""
        for worker in self.workers:
            worker.fresh = {path: told for path, told in worker.known.get(MAIN, {}).items() if told in worker.bytes}
            self._same_bytes(worker)
        for full in {full for worker in self.workers for full in worker.repos()}:
            url = f"http://bench:{self.here.token}@127.0.0.1:{self.here.port}/{full}"
            clone = into / f"{full.split('/')[1]}.git"
            env = {"PATH": os.environ["PATH"], "HOME": str(into), "GIT_TERMINAL_PROMPT": "0"}
            subprocess.run(["git", "clone", "-q", "--mirror", url, str(clone)], check=True, env=env)
            _sound(clone)
            refs = subprocess.run(
                [*FSCK, str(clone), "for-each-ref", "--format=%(refname)"], check=True, capture_output=True, text=True
            )
            assert set(refs.stdout.split()) == set(self.seen.state(full) or ()), full

    def leftovers(self) -> list[str]:
        """What crashes left that gc, two days later, leaves too."""
        old = time.time() - 2 * 86400
        for path in self._left():
            for inner in [path, *(path.rglob("*") if path.is_dir() else ())]:
                os.utime(inner, (old, old), follow_symlinks=False)
        self.here.spaces("gc")
        return sorted(str(path) for path in self._left())

    def _left(self) -> list[Path]:
        found = [path for pattern in LEFT for path in self.here.data.glob(pattern) if path.name != LOCK]
        return found + list(self.temporary.iterdir())

    def _same_bytes(self, worker: Worker) -> None:
        fresh, worker.fresh = worker.fresh, {}
        for path, told in fresh.items():
            if worker.repos().get(worker.full, {}).get(path) == told:
                assert self.seen.bytes(f"/{worker.full}/resolve/main/{path}") == worker.bytes[told], path

    def _kill(self) -> None:
        which = self.chance.choice(KILLS)
        first = which.split()[0]
        if self.deaths.get(first, 0) >= PATIENT:
            which = first = "all"
        self.deaths[first] = self.deaths.get(first, 0) + 1
        self.told.append(which)
        data = str(self.here.data)
        match which:
            case "hub" | "scheduler" | "gateway":
                kill(self.here, which)
            case "hub and its gits":  # as a container ends
                _end([*role(self.here, "hub"), *with_words("git", data)])
            case _:
                _end([self.here.process.pid, *with_words(data)])
                self.here.process.wait(20)

    def _back(self) -> None:
        """Until it answers again."""
        if self.here.process.poll() is not None:
            until(lambda: not with_words("spaces_runtime.cli.serve", str(self.here.data)), "its processes end with it")
            self.deaths = {}
            again = up(self.here.data, self.here.port, TMPDIR=str(self.temporary))
            self.here = self.seen.here = replace(self.here, process=again)
        for which in ("hub", "scheduler", "gateway"):
            until(lambda which=which: role(self.here, which), f"{which} is started again")
        until(self.seen.answers, "the hub answers")  # not 502, as of one that is being killed


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for folder in (temporary, *temporary.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(tmp_path.parents[1]):
            folder.chmod(0o755)
    temporary.chmod(0o1777)
    with platform("[storage]\ngc_at = 0\n", TMPDIR=str(temporary)) as here:
        made = Siege(here, tmp_path, temporary)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.laptop.end()
            made.here.process.send_signal(signal.SIGTERM)
            made.here.process.wait(20)


@pytest.mark.timeout(120 + 30 * MOMENTS)
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="looks into folders of the hub's user")
def test_whatever_is_killed_at_whatever_moment_content_is_as_it_was_answered(siege: Siege, tmp_path: Path) -> None:
    try:
        for _ in range(MOMENTS):
            siege.moment()
            siege.judge()
        into = tmp_path / "clones"
        into.mkdir()
        siege.all_of_it(into)
        assert siege.leftovers() == []
    except BaseException as error:
        log = shutil.copy(siege.here.data / "log", tmp_path)
        error.add_note(f"KILL_SEED={SEED} KILL_MOMENTS={MOMENTS}; killed so far: {siege.told}; log: {log}")
        raise
    turns = sum(worker.turns for worker in siege.workers)
    print(f"seed {SEED}: {MOMENTS} kills, {turns} answers; {siege.told}")


def _work(worker: Worker, going: threading.Event, failed: dict[str, str]) -> None:
    while going.is_set() and worker.name not in failed:
        try:
            worker.turn()
        except Unanswered as error:
            failed[worker.name] = str(error)


def _end(victims: list[int]) -> None:
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _sound(repo: Path) -> None:
    done = subprocess.run(
        [*FSCK, str(repo), "fsck", "--strict", "--no-dangling"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{repo}: {done.stdout}{done.stderr}"
