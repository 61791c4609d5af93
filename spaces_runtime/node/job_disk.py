"""What a build may write: a disk of its own size where it runs a stranger's code, and a count of what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.layout import BUILDER, CONTROL
from spaces_runtime.node import disk
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.tree import Processes

EVERY = 0.5  # seconds between two looks
FULL = 2**20  # bytes free, below which a disk is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A folder that one build writes. mounted: a disk of its own for as long as it runs; None: it is watched.

    size: bytes.
    """

    folder: Path
    mounted: Path | None
    size: int

    def lend(self) -> Path:
        """What is in the folder is there too; the place to show the build. Blocks. Raises: OSError, SubprocessError."""
        if self.mounted is None:
            return self.folder
        self.mounted.mkdir()
        image = self.mounted.with_suffix(".img")
        disk.make_image(image, self.size, journal=False)
        disk.attach(image, self.mounted)
        with contextlib.suppress(OSError):
            (self.mounted / "lost+found").rmdir()
        shutil.copytree(self.folder, self.mounted, symlinks=True, dirs_exist_ok=True)
        disk.give(self.mounted, BUILDER)
        return self.mounted

    def used(self) -> int:
        """Bytes that lie there now. Blocks."""
        if self.mounted is not None:
            told = os.statvfs(self.mounted)
            return self.size if told.f_bavail * told.f_frsize < FULL else 0
        return sum(file.lstat().st_blocks * 512 for file in _below(self.folder))

    def give_back(self, *, whole: bool) -> None:
        """The disk goes. whole: what lies on it comes back into the folder, but for what is no file, folder or link.

        Blocks; no process of the build may be left. Raises: OSError, it has no place there.
        """
        if self.mounted is None:
            return
        try:
            if whole:
                _bring(self.mounted, self.folder, self.size)
        finally:
            disk.detach(self.mounted)


def scratch_of(machine: Machine, folder: Path, scratch: str, size: int) -> Scratch | None:
    """folder: the job's own at the node."""
    if not scratch:
        return None
    own = folder / "disk" if machine.images and machine.bwrap and size else None
    return Scratch(folder=Path(scratch), mounted=own, size=size)


def _below(folder: Path) -> list[Path]:
    """All files and folders; links are not followed, and what is gone meanwhile is left out."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        found += (Path(place, name) for name in (*folders, *files))
    return [path for path in found if path.is_symlink() or path.exists()]


def _bring(source: Path, target: Path, size: int) -> None:
    """Its content in place of the target's, owned by the builders, for the scheduler to delete."""
    told = [(path, path.lstat()) for path in _below(source)]
    # holes would be filled by the copy
    if sum(each.st_size for _, each in told if stat.S_ISREG(each.st_mode)) > size:
        raise OSError("files with holes that are larger than the disk")
    for path in target.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path, each in told:  # folders before what is in them
        place = target / path.relative_to(source)
        if stat.S_ISDIR(each.st_mode):
            place.mkdir()
            place.chmod(0o2770 | stat.S_IMODE(each.st_mode) & 0o777)
        elif stat.S_ISLNK(each.st_mode):
            place.symlink_to(path.readlink())
        elif stat.S_ISREG(each.st_mode):
            shutil.copyfile(path, place)
            place.chmod(0o660 | stat.S_IMODE(each.st_mode) & 0o777)
        else:
            continue
        os.chown(place, BUILDER, CONTROL, follow_symlinks=False)


def written(pids: Iterable[int]) -> int:
    """Bytes these processes have written to disks, with all their children that have ended."""
    return sum(map(_written, pids))


def _written(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    told = {name: int(count) for name, _, count in (line.partition(": ") for line in lines)}
    return max(0, told.get("write_bytes", 0) - told.get("cancelled_write_bytes", 0))


async def filled(processes: Processes, scratch: Scratch | None, most: int) -> None:
    """Returns when a build has written more than it may; 0: never."""
    while True:
        held = await asyncio.to_thread(scratch.used) if scratch else 0
        if most and max(written(processes.pids()), held) >= most:
            return
        await asyncio.sleep(EVERY)
