"""An app as files: taken from a living sandbox, given back to it, packed, found again. Everything here blocks.

The folder `image` beside the instance's record holds all of the app's memory, secrets included: only root may enter it,
and it goes with the instance. A copy that is whole has a note of what it was made with; anything else there is a rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spaces_runtime.domain.instance import Phase
from spaces_runtime.node import criu, packing
from spaces_runtime.node.criu import Criu, CriuFailed, Target
from spaces_runtime.node.inside import init
from spaces_runtime.node.record import write_whole

IMAGE, PACKED, SPENT = "image", "image.tar.zst", "image.spent"
NOTE, DOING = "made-with.json", "doing"
SPARE = 2**30  # bytes of disk that a checkpoint leaves free
GONE_WITHIN = 5.0  # seconds
STEP = 0.02  # seconds between looks at a dump whose node was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Of one instance. folder: the instance's."""

    folder: Path
    target: Target

    @property
    def image(self) -> Path:
        return self.folder / IMAGE

    @property
    def phase(self) -> Phase | None:
        """What is whole on disk."""
        if (self.image / NOTE).exists():
            return Phase.CHECKPOINTED
        return Phase.PACKED if (self.folder / PACKED).exists() else None

    def take(self, tool: Criu, pids: Collection[int], size: int) -> None:
        """From memory to disk. pids: of the whole sandbox; size: bytes it holds.

        Raises: CriuFailed, OSError: nothing is left on disk, and the app runs on.
        """
        self.drop()
        free = shutil.disk_usage(self.folder).free
        if free < size + SPARE:
            raise CriuFailed(f"no room on disk: it needs {size >> 20} MiB, and {free >> 20} MiB are free")
        app = alone(self.target.init, pids)
        self.image.mkdir(mode=0o700)
        (self.image / DOING).touch()
        try:
            with self._held():
                tool.dump(self.target, self.image, app, size)
                for path in self.image.iterdir():
                    os.chown(path, 0, 0)
                self._until_gone()
                self._note(tool)
        except BaseException:
            self.drop()
            raise

    def give_back(self, joins: Sequence[Path]) -> None:
        """From disk to memory; the files are spent. Raises: CriuFailed, OSError: nothing runs, nothing will."""
        if not self.image.exists():
            packing.unpack(self.folder / PACKED, self.image)
        told = json.loads((self.image / NOTE).read_bytes())
        if told.pop("size") != (size := _size(self.image)):
            raise CriuFailed("it is damaged: some of its bytes are gone")
        base = told.pop("base")
        tool = next((each for each in criu.found() if str(each.base) == base), None)
        if tool is None or told != made_with(tool):
            raise CriuFailed("it was made by another CRIU, kernel or processor than there is now")
        (self.image / DOING).touch()
        log = os.open(f"/proc/{self.target.init}/fd/1", os.O_WRONLY | os.O_CLOEXEC)  # the pipe that the app had
        try:
            tool.restore(self.target, self.image, joins, log, size)
        finally:
            os.close(log)
        self._say(init.GO)
        with contextlib.suppress(FileNotFoundError):
            (self.folder / PACKED).rename(self.image / PACKED)
        self.image.rename(self.folder / SPENT)

    def pack(self) -> None:
        """Fewer bytes on disk, more seconds to wake. Raises: OSError: it is as it was."""
        packing.pack(self.image, self.folder / PACKED)
        shutil.rmtree(self.image)

    def clear(self) -> None:
        """What is spent goes; apart from give_back(), because a visitor need not wait for that."""
        shutil.rmtree(self.folder / SPENT, ignore_errors=True)

    def drop(self) -> None:
        """Nothing of it is left on disk. May be repeated."""
        self.clear()
        (self.folder / PACKED).unlink(missing_ok=True)
        shutil.rmtree(self.image, ignore_errors=True)

    def recall(self) -> Phase | None:
        """After a restart of the node: what was going on is let finish. None: the app runs.

        Raises: CriuFailed: it neither runs nor can be restored.
        """
        self.clear()
        if not self.image.exists() and self.phase is None:
            return None
        self._let_finish()
        if _children(self.target.init):  # a dump that failed, or a restore that was not told of
            self._say(init.GO)
            self.drop()
            return None
        if (self.image / DOING).exists():
            if (self.image / "restore.log").exists() or _text(self.image / "dump.done") != "0":
                raise CriuFailed("its checkpoint was not finished")
            self._note_again()
        if (phase := self.phase) is None:
            raise CriuFailed("its checkpoint is not whole")
        if phase is Phase.CHECKPOINTED:
            (self.folder / PACKED).unlink(missing_ok=True)  # was not finished
        return phase

    def _until_gone(self) -> None:
        """PID 1 has reaped all of it: only then are the numbers of its processes free to be given again."""
        until = time.monotonic() + GONE_WITHIN
        while _children(self.target.init):
            if time.monotonic() > until:
                raise CriuFailed("some of its processes would not end")
            time.sleep(STEP / 10)

    def _let_finish(self) -> None:
        verb = "restore" if (self.image / "restore.said").exists() else "dump"
        until = time.monotonic() + criu.within(_size(self.image))
        while (self.image / DOING).exists() and not (self.image / f"{verb}.done").exists() and time.monotonic() < until:
            time.sleep(STEP)

    def _note(self, tool: Criu) -> None:
        """From here on it is whole."""
        note = {"base": str(tool.base), "size": _size(self.image), **made_with(tool)}
        write_whole(self.image / NOTE, json.dumps(note).encode(), synced=False)
        (self.image / DOING).unlink()

    def _note_again(self) -> None:
        """The node that made it was killed before it could; it is there, so it has not changed since."""
        tool = next(iter(criu.found()), None)
        if tool is None:
            raise CriuFailed("there is no CRIU any more")
        self._note(tool)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """PID 1 outlives the app within, and after; unless something fails."""
        self._say(init.HOLD)
        try:
            yield
        except BaseException:
            self._say(init.GO)
            raise

    def _say(self, word: bytes) -> None:
        number = os.open(f"/proc/{self.target.init}/fd/{init.WORDS_IN}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(number, word)
        finally:
            os.close(number)


def made_with(tool: Criu) -> dict[str, str]:
    """What must be the same for a checkpoint to be restored; the app's own files are looked at by CRIU."""
    told = (tool.base / tool.program).stat()
    return {
        "criu": f"{told.st_ino} {told.st_size} {told.st_mtime_ns}",
        "kernel": os.uname().release,
        "cpu": processor(),
    }


@cache
def processor() -> str:
    """Model and abilities of the first one."""
    first = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    kept = [line for line in first if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def alone(init_pid: int, pids: Collection[int]) -> int:
    """The app's pid as seen inside. Raises: CriuFailed when not all there descends from it: the rest would stay."""
    inside = {pid: told for pid in pids if (told := _status(pid)) is not None and pid != init_pid}
    depth = len(_numbers(_status(init_pid) or {}))
    inside = {pid: told for pid, told in inside.items() if len(_numbers(told)) == depth}
    first = [pid for pid, told in inside.items() if int(told["PPid"]) == init_pid]
    if not first:
        raise CriuFailed("there is no app any more")
    if len(first) > 1:
        names = ", ".join(sorted(told["Name"] for pid, told in inside.items() if pid in first))
        raise CriuFailed(f"it left processes behind that are no children of its own: {names}")
    return _numbers(inside[first[0]])[-1]


def _children(init_pid: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{init_pid}/task/{init_pid}/children").read_text().split())
    return False


def _status(pid: int) -> dict[str, str] | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _numbers(status: dict[str, str]) -> list[int]:
    """Its pid in each namespace, the innermost last."""
    return [int(number) for number in status.get("NSpid", "").split()]


def _size(image: Path) -> int:
    """Bytes of what a restore reads."""
    return sum(path.stat().st_size for path in image.glob("*.img"))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
