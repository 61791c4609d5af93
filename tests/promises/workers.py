"""People who change content without pause, each with a client of their own, and who know what they were answered.

Each is the only one who changes what is theirs, one request after the other. So at any moment it is as their last
answer said, or, when a request got no answer, as before that request or as after it: never anything between.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Protocol

from bench.platform import Platform

Files = Mapping[str, str]  # path → digest
State = Mapping[str, Files]  # ref → what it leads to; of a bucket, the ref is empty
MAIN, FIRST = "refs/heads/main", ".gitattributes"
PATIENCE = 120.0  # seconds for one request of a client that tries again by itself


class Unanswered(Exception):
    """A request that was not acknowledged."""


class Seen(Protocol):
    """Looks at the hub from outside."""

    def state(self, full: str) -> State | None: ...
    def bucket(self, full: str) -> Files: ...


def digest(path: str, content: bytes) -> str:
    """As the hub's listings name it."""
    if path.endswith(".bin"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


class Laptop:
    """A client's process. hf(call, about, ...) returns when it was acknowledged."""

    def __init__(self, here: Platform, folder: Path) -> None:
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(folder),
            "HF_HOME": str(folder / "hf"),
            "HF_ENDPOINT": f"http://127.0.0.1:{here.port}",
            "HF_TOKEN": here.token,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        self._log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.promises.laptop"],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip

    def hf(self, call: str, about: str, add: Mapping[str, bytes] | None = None, remove: tuple[str, ...] = ()) -> None:
        """Raises: Unanswered."""
        sent = {path: b64encode(content).decode() for path, content in (add or {}).items()}
        asked = {"call": call, "about": about, "add": sent, "remove": remove}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        if error := json.loads(self.process.stdout.readline())["error"]:
            raise Unanswered(error)

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE)
        self._log.close()


class Worker:
    """known: what was acknowledged. wanted: what it is after the request that is under way, if one is."""

    def __init__(self, here: Platform, folder: Path, chance: Random, name: str) -> None:
        folder.mkdir()
        self.here, self.folder, self.chance, self.name = here, folder, chance, name
        self.full = f"bench/{name}"
        self.laptop = Laptop(here, folder)
        self.known: State = {}
        self.wanted: State | None = None
        self.turns = 0
        self.bytes: dict[str, bytes] = {}  # by digest: all that was ever sent
        self.fresh: dict[str, str] = {}  # path → digest, acknowledged or found since the last look

    def begin(self, seen: Seen) -> None:
        """Make what they will change."""
        self.laptop.hf("create", self.full)
        self.known = self.observed(seen)

    def turn(self) -> None:
        """One request; when it returns, the answer has come and is written down. Raises: Unanswered."""
        after, send = self.choose()
        self.wanted = after
        send()
        self._learn(after)
        self.turns += 1

    def settle(self, seen: Seen) -> None:
        """Everything is as it was answered; a request without an answer was carried out whole, or not at all."""
        found = self.observed(seen)
        allowed = [self.known] + ([self.wanted] if self.wanted is not None else [])
        assert found in allowed, f"{self.full} is {found}; acknowledged {self.known}; under way {self.wanted}"
        self._learn(found)

    def observed(self, seen: Seen) -> State:
        state = seen.state(self.full)
        assert state is not None, f"{self.full} is lost"
        return state

    def repos(self) -> Mapping[str, Files]:
        """Theirs, with what is on main."""
        return {self.full: self.known[MAIN]}

    def choose(self) -> tuple[State, Callable[[], None]]:
        """What comes next: what it leads to, and how it is sent."""
        raise NotImplementedError

    def some(self, count: int, size: int, end: str = "txt") -> dict[str, bytes]:
        """New files, by path; now and then of a name that there may be already."""
        made = {}
        for _ in range(count):
            path = f"{self.chance.choice('abc')}/{self.name}-{self.chance.randrange(40)}.{end}"
            content = self.chance.randbytes(self.chance.randint(1, size))
            if end == "txt":  # what is no text goes as a large file
                content = content.hex()[:size].encode()
            made[path] = self.bytes[digest(path, content)] = content
        return made

    def changed(self, add: Mapping[str, bytes], remove: tuple[str, ...] = (), ref: str = MAIN) -> State:
        before = {path: told for path, told in self.known[ref].items() if path not in remove}
        return {**self.known, ref: before | {path: digest(path, content) for path, content in add.items()}}

    def old(self, *, beside: Mapping[str, bytes]) -> tuple[str, ...]:
        """Now and then a file to remove, never one of those."""
        there = sorted(path for path in self.known.get(MAIN, {}) if path != FIRST and path not in beside)
        return (self.chance.choice(there),) if len(there) > 4 and self.chance.random() < 0.5 else ()

    def _learn(self, state: State) -> None:
        before = {told for files in self.known.values() for told in files.values()}
        for files in state.values():
            self.fresh |= {path: told for path, told in files.items() if told not in before and told in self.bytes}
        self.known, self.wanted = state, None


class Committer(Worker):
    """Three files at a time by `create_commit`, of which one may be large enough to wait in a file."""

    def choose(self) -> tuple[State, Callable[[], None]]:
        add = self.some(2, 3000) | self.some(1, 300_000)
        remove = self.old(beside=add)
        return self.changed(add, remove), lambda: self.laptop.hf("commit", self.full, add, remove)


class Uploader(Worker):
    """Large files and small ones in one commit; the large ones go by Xet."""

    def choose(self) -> tuple[State, Callable[[], None]]:
        add = self.some(2, 2_000_000, "bin") | self.some(1, 3000)
        remove = self.old(beside=add)
        return self.changed(add, remove), lambda: self.laptop.hf("commit", self.full, add, remove)


class Sharer(Committer):
    """One of several who commit to the same repo without saying on top of what; their own files are what they know."""

    def __init__(self, here: Platform, folder: Path, chance: Random, name: str) -> None:
        super().__init__(here, folder, chance, name)
        self.full = "bench/shared"

    def observed(self, seen: Seen) -> State:
        return {MAIN: {path: told for path, told in super().observed(seen)[MAIN].items() if self.name in path}}


class Brancher(Worker):
    """Branches and tags come and go."""

    def begin(self, seen: Seen) -> None:
        super().begin(seen)
        add = self.some(3, 3000)
        self.laptop.hf("commit", self.full, add)
        self.known = self.observed(seen)

    def choose(self) -> tuple[State, Callable[[], None]]:
        kind, call = self.chance.choice((("refs/heads/", "branch"), ("refs/tags/", "tag")))
        there = sorted(ref for ref in self.known if ref.startswith(kind) and ref != MAIN)
        if there and self.chance.random() < 0.25 * len(there):
            gone = self.chance.choice(there)
            rest = {ref: files for ref, files in self.known.items() if ref != gone}
            return rest, lambda: self.laptop.hf(f"un{call}", self.full, remove=(gone.removeprefix(kind),))
        name = f"of/{self.chance.randrange(10**9)}"
        after = {**self.known, kind + name: self.known[MAIN]}
        return after, lambda: self.laptop.hf(call, self.full, {name: b""})


class Founder(Worker):
    """Repos come and go; the state has one ref for each that there is."""

    def begin(self, seen: Seen) -> None:
        self.names: set[str] = set()

    def repos(self) -> Mapping[str, Files]:
        return self.known

    def observed(self, seen: Seen) -> State:
        there = {name: seen.state(name) for name in self.names}
        for name, state in there.items():
            assert state is None or set(state) == {MAIN}, f"{name} is half made: {state}"
        return {name: {} for name, state in there.items() if state is not None}

    def choose(self) -> tuple[State, Callable[[], None]]:
        if self.known and self.chance.random() < 0.25 * len(self.known):
            gone = self.chance.choice(sorted(self.known))
            rest = {name: files for name, files in self.known.items() if name != gone}
            return rest, lambda: self.laptop.hf("delete", gone)
        name = f"bench/new-{self.chance.randrange(10**9)}"
        self.names.add(name)
        return {**self.known, name: {}}, lambda: self.laptop.hf("create", name)


class Filler(Worker):
    """Three files of a bucket at a time, and some removed in the same batch."""

    def begin(self, seen: Seen) -> None:
        self.laptop.hf("bucket", self.full)
        self.known = {MAIN: {}}

    def repos(self) -> Mapping[str, Files]:
        return {}  # its bytes are hashed whenever it is looked at

    def observed(self, seen: Seen) -> State:
        return {MAIN: seen.bucket(self.full)}

    def choose(self) -> tuple[State, Callable[[], None]]:
        add = self.some(3, 200_000, "bin")
        remove = self.old(beside=add)
        return self.changed(add, remove), lambda: self.laptop.hf("batch", self.full, add, remove)


class Pusher(Worker):
    """Pushes from a clone; now and then another branch in the same, atomic push."""

    END, COUNT, SIZE = "txt", 3, 60_000

    def begin(self, seen: Seen) -> None:
        super().begin(seen)
        self.clone = self.folder / "clone"
        self.url = f"http://bench:{self.here.token}@127.0.0.1:{self.here.port}/{self.full}"
        self.git("clone", "-q", self.url, str(self.clone), at=self.folder)

    def settle(self, seen: Seen) -> None:
        super().settle(seen)
        self.git("fetch", "-q", "origin")
        self.git("reset", "-q", "--hard", "origin/main")

    def choose(self) -> tuple[State, Callable[[], None]]:
        add = self.some(self.COUNT, self.SIZE, self.END)
        remove = self.old(beside=add)
        for path in remove:
            (self.clone / path).unlink()
        for path, content in add.items():
            (self.clone / path).parent.mkdir(exist_ok=True)
            (self.clone / path).write_bytes(content)
        self.git("add", "-A")
        self.git("-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qm", "work")
        after, refs = self.changed(add, remove), ["HEAD:main"]
        if self.chance.random() < 0.3:
            side = f"refs/heads/side-{self.chance.randrange(6)}"
            after, refs = {**after, side: after[MAIN]}, ["HEAD:main", f"+HEAD:{side}"]
        return after, lambda: self.git("push", "-q", "--atomic", "origin", *refs)

    def git(self, *words: str, at: Path | None = None) -> str:
        """Raises: Unanswered."""
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-C", str(at or self.clone), *words], env=env, capture_output=True, text=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise Unanswered(done.stderr)
        return done.stdout


class LargePusher(Pusher):
    """The same by git-lfs."""

    END, COUNT, SIZE = "bin", 2, 900_000

    def begin(self, seen: Seen) -> None:
        super().begin(seen)
        self.git("lfs", "install", "--local")
        self.git("config", "lfs.transfer.maxretries", "1")
        self.git("config", f"lfs.{self.url}/info/lfs.locksverify", "false")


ALL: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("small", Committer),
    ("xet", Uploader),
    ("pushed", Pusher),
    ("large", LargePusher),
    ("refs", Brancher),
    ("repos", Founder),
    ("pail", Filler),
    ("one", Sharer),
    ("two", Sharer),
)
